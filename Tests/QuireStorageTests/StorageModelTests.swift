import QuireCore
import QuireStorage
import Testing

/// Random commands against the engine and a dictionary; the engine crashes and restarts in between.
@Suite struct StorageModelTests {
    @Test(arguments: 1...12)
    func behavesLikeADictionaryOfRecords(seed: UInt64) async throws {
        let fixture = try StorageFixture { configuration in
            configuration.openFilesMax = 2
            configuration.segmentBytes = 2000
            configuration.logBytesMax = 8000
            configuration.bufferBytesMax = seed % 2 == 0 ? 1 << 20 : 8000
            configuration.checkpointBytes = 20_000
        }
        defer { fixture.remove() }
        var random = SplitMix(seed: seed)
        var model: [Key: Record] = [:]
        var dots: Set<Dot> = []
        let keys = (0..<40).map { Key("key-\($0)")! }
        var request: UInt64 = 0
        for step in 0..<150 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                try fixture.crash()
            case 1:
                try await fixture.restart()
            case 2:
                try await fixture.engine.flush(PartitionID(Int.random(in: 0..<8, using: &random)))
            case 3:
                let partition = PartitionID(Int.random(in: 0..<8, using: &random))
                if let seal = try await fixture.engine.seal(partition) {
                    let expected = model.filter { fixture.partition(of: $0.key) == partition }
                    #expect(seal.tally.records == expected.count, "seed \(seed) step \(step)")
                    try await fixture.engine.unseal(seal)
                }
            case 4..<8:
                let key = keys.randomElement(using: &random)!
                let foreign = foreignRecord("f", actor: .random(in: 1...3, using: &random), counter: UInt64(step + 1))
                #expect(
                    await fixture.run(.merge(.replica(fixture.partition(of: key)), key, foreign))?.isDurable == true
                )
                model[key, default: Record()].merge(foreign)
            default:
                var batch: [StorageCommand] = []
                for _ in 0..<Int.random(in: 1...10, using: &random) {
                    request += 1
                    let value = Bool.random(using: &random) ? "\(request)" : nil
                    batch.append(fixture.mint(keys.randomElement(using: &random)!, value, request: request))
                }
                for (command, outcomes) in zip(batch, await fixture.run(batch)) {
                    guard case .mint(_, let mint) = command, case .minted(let record, let dot) = outcomes[0] else {
                        Issue.record("seed \(seed) step \(step): \(outcomes)")
                        return
                    }
                    #expect(outcomes.last?.isDurable == true)
                    #expect(dots.insert(dot).inserted, "seed \(seed) step \(step): \(dot) twice")
                    #expect(record.vector.descends(from: model[mint.key]?.vector ?? VersionVector()))
                    model[mint.key] = record
                }
            }
            let key = keys.randomElement(using: &random)!
            #expect(await fixture.read(key) == model[key], "seed \(seed) step \(step)")
        }
        try fixture.crash()
        for partition in 0..<8 {
            let expected = model.filter { fixture.partition(of: $0.key).rawValue == partition }
            let found = await fixture.scan(partition)
            #expect(found.count == expected.count, "seed \(seed)")
            #expect(found.allSatisfy { expected[$0.key] == $0.record }, "seed \(seed)")
            #expect(await fixture.leaves(partition) == StorageFixture.leaves(of: found), "seed \(seed)")
        }
        try await fixture.engine.stop()
    }
}
