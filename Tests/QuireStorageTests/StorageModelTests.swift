import QuireCore
import QuireStorage
import Testing

/// Random commands against the engine and a dictionary per store; the engine crashes and restarts in between.
@Suite struct StorageModelTests {
    @Test(arguments: 1...16)
    func behavesLikeADictionaryOfRecords(seed: UInt64) async throws {
        let fixture = try StorageFixture { configuration in
            configuration.openFilesMax = 2
            configuration.segmentBytes = 2000
            configuration.logBytesMax = 8000
            configuration.bufferBytesMax = seed % 2 == 0 ? 1 << 20 : 8000
            configuration.checkpointBytes = 20_000
        }
        defer { fixture.remove() }
        var model = StorageModel(seed: seed)
        for step in 0..<150 {
            let place = "seed \(seed) step \(step)"
            switch Int.random(in: 0..<20, using: &model.random) {
            case 0, 1:
                try fixture.crash()
            case 2:
                try await fixture.restart()
            case 3:
                try await fixture.engine.flush(model.randomStore())
            case 4:
                let partition = PartitionID(Int.random(in: 0..<8, using: &model.random))
                if let seal = try await fixture.engine.seal(partition) {
                    #expect(seal.tally.records == model.records[.replica(partition)]?.count ?? 0, "\(place)")
                    try await fixture.engine.unseal(seal)
                }
            default:
                let batch = (0..<Int.random(in: 1...10, using: &model.random)).map { _ in
                    model.randomCommand(fixture, step: step)
                }
                for (command, outcomes) in zip(batch, await fixture.run(batch)) {
                    try model.check(command, outcomes, "\(place): \(command)")
                }
            }
            let (store, key) = model.randomKey(fixture)
            #expect(await fixture.read(key, in: store) == model.records[store]?[key], "\(place)")
        }
        try fixture.crash()
        try await self.compare(model, with: fixture, "seed \(seed) crashed")
        try await fixture.restart()
        try await self.compare(model, with: fixture, "seed \(seed) stopped")
        try await fixture.engine.stop()
    }

    private func compare(_ model: StorageModel, with fixture: StorageFixture, _ place: String) async throws {
        let hints = try await fixture.engine.hintStatistics()
        for partition in (0..<8).map(PartitionID.init) {
            for store in [StoreID.replica(partition), .hints(partition)] {
                let expected = model.records[store] ?? [:]
                let found = await fixture.scan(store)
                #expect(found.count == expected.count, "\(place) \(store)")
                #expect(found.allSatisfy { expected[$0.key] == $0.record }, "\(place) \(store)")
                #expect(await fixture.leaves(of: store) == StorageFixture.leaves(of: found), "\(place) \(store)")
            }
            let held = model.records[.hints(partition)] ?? [:]
            let counted = hints.stores.first { $0.partition == partition }
            #expect(counted?.records ?? 0 == held.count, "\(place) hints \(partition)")
            let bytes = held.reduce(0) { $0 + $1.key.bytes.count + $1.value.encoded().count }
            #expect(counted?.bytes ?? 0 == bytes, "\(place) hints \(partition)")
        }
    }
}

/// What the stores should hold, by the semantics of `StorageCommand`.
private struct StorageModel {
    var random: SplitMix
    var records: [StoreID: [Key: Record]] = [:]
    private var dots: Set<Dot> = []
    /// Actors of hint stores of whose records one was dropped.
    private var endedActors: Set<ActorID> = []
    private var request: UInt64 = 0
    private let keys = (0..<40).map { Key("key-\($0)")! }

    init(seed: UInt64) {
        self.random = SplitMix(seed: seed)
    }

    mutating func randomStore() -> StoreID {
        let partition = PartitionID(Int.random(in: 0..<8, using: &self.random))
        return Bool.random(using: &self.random) ? .replica(partition) : .hints(partition)
    }

    mutating func randomKey(_ fixture: StorageFixture) -> (StoreID, Key) {
        let key = self.keys.randomElement(using: &self.random)!
        let partition = fixture.partition(of: key)
        return (Bool.random(using: &self.random) ? .replica(partition) : .hints(partition), key)
    }

    mutating func randomCommand(_ fixture: StorageFixture, step: Int) -> StorageCommand {
        let (store, key) = self.randomKey(fixture)
        let present = self.records[store]?[key] ?? Record()
        switch Int.random(in: 0..<10, using: &self.random) {
        case 0, 1:
            let actor = UInt64.random(in: 1...3, using: &self.random)
            let foreign = foreignRecord("f", actor: actor, counter: UInt64(step + 1))
            return .merge(store, key, foreign, sync: Bool.random(using: &self.random))
        case 2, 3:
            // As of before this batch, or of more than the store knows.
            let more = foreignRecord("g", actor: 4, counter: UInt64(step + 1))
            let given = Bool.random(using: &self.random) ? present : present.merging(more)
            return .dropBatch(store, [KeyedRecord(key: key, record: given)])
        case 4:
            // What was dropped may be sent again.
            return .mergeBatch(store, [KeyedRecord(key: key, record: present.isEmpty ? foreignRecord("h") : present)])
        case 5:
            return .scan(store, after: nil, limit: PageLimit(records: 100))
        default:
            self.request += 1
            let value = Bool.random(using: &self.random) ? "\(self.request)" : nil
            return fixture.mint(key, value, request: self.request, in: store)
        }
    }

    /// Compares an answer with what the model makes of the command.
    mutating func check(_ command: StorageCommand, _ outcomes: [StorageOutcome], _ place: String) throws {
        let store = command.store
        switch command {
        case .mint(_, let mint):
            guard case .minted(let record, let dot) = outcomes[0] else {
                Issue.record("\(place): \(outcomes)")
                return
            }
            #expect(outcomes.last?.isDurable == true, "\(place)")
            #expect(self.dots.insert(dot).inserted, "\(place): \(dot) twice")
            #expect(!self.endedActors.contains(dot.actor), "\(place): \(dot) of an ended life")
            var expected = self.records[store]?[mint.key] ?? Record()
            let version = Version(dot: dot, timestamp: mint.timestamp, request: mint.request, value: mint.value)
            expected.mint(version, superseding: mint.supersession)
            #expect(record == expected, "\(place)")
            self.records[store, default: [:]][mint.key] = record
        case .merge(_, let key, let record, let sync):
            let merged = (self.records[store]?[key] ?? Record()).merging(record)
            self.records[store, default: [:]][key] = merged
            if sync {
                #expect(outcomes.map(\.isDurable) == [true], "\(place)")
            } else {
                #expect(outcomes == [.merged(latestTimestamp: merged.latestTimestamp)], "\(place)")
            }
        case .mergeBatch(_, let batch):
            #expect(outcomes.map(\.isDurable) == [true], "\(place)")
            for keyed in batch {
                self.records[store, default: [:]][keyed.key, default: Record()].merge(keyed.record)
            }
        case .dropBatch(_, let batch):
            #expect(outcomes.map(\.isDurable) == [true], "\(place)")
            self.drop(batch, in: store)
        case .scan:
            guard case .page(let page, let isLast) = outcomes[0] else {
                Issue.record("\(place): \(outcomes)")
                return
            }
            #expect(isLast, "\(place)")
            let expected = self.records[store] ?? [:]
            #expect(page.count == expected.count && page.allSatisfy { expected[$0.key] == $0.record }, "\(place)")
        case .read, .leaves, .leafEntries, .sums, .digests, .records, .lacking, .count:
            Issue.record("\(place) is not made here")
        }
    }

    private mutating func drop(_ batch: [KeyedRecord], in store: StoreID) {
        for keyed in batch {
            guard let present = self.records[store]?[keyed.key], keyed.record.descends(from: present) else { continue }
            self.records[store]?[keyed.key] = nil
            guard case .hints = store else { continue }
            for entry in present.vector.entries where entry.actor.rawValue > 1000 {
                self.endedActors.insert(entry.actor)
            }
        }
    }
}
