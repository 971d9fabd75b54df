import Foundation
import QuireCore
import Testing

@testable import QuireStorage

@Suite struct StorageEngineTests {
    @Test func answersAMintBeforeAndAfterTheSync() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = Key("apple")!
        let outcomes = await fixture.run([fixture.mint(key, "red", request: 1)])[0]
        #expect(outcomes.count == 2)
        #expect(outcomes[0].mintedDot?.counter == 1)
        #expect(outcomes[1].isDurable)
        #expect(await fixture.read(key)?.winner?.value == Array("red".utf8))
        try await fixture.engine.stop()
    }

    @Test func keepsWhatItAcknowledgedThroughACrash() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<500).map { Key("key-\($0)")! }
        let outcomes = await fixture.run(keys.enumerated().map { fixture.mint($1, "v\($0)", request: UInt64($0 + 1)) })
        #expect(outcomes.allSatisfy { $0.last?.isDurable == true })
        try fixture.crash()
        for (index, key) in keys.enumerated() {
            #expect(await fixture.read(key)?.winner?.value == Array("v\(index)".utf8))
        }
        try fixture.crash()
        #expect(await fixture.read(keys[17])?.siblings.count == 1)
        try await fixture.engine.stop()
    }

    /// SAFETY rule 16: the index of a WAL is never shared, and costs no descriptor.
    @Test func noFileHasASharedIndexNewOrOpenedAgain() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<50).map { Key("key-\($0)")! }
        for round in 0..<3 {
            let mints = keys.enumerated().map { fixture.mint($1, "v", request: UInt64(round * 100 + $0 + 1)) }
            #expect(await fixture.run(mints).allSatisfy { $0.last?.isDurable == true })
            for partition in 0..<8 { try await fixture.engine.flush(PartitionID(partition)) }
            let names = try fixture.names(in: "partitions")
            #expect(names.contains { $0.hasSuffix("-wal") })
            #expect(!names.contains { $0.hasSuffix("-shm") })
            try fixture.crash()
        }
        try await fixture.engine.stop()
    }

    /// The change into WAL mode takes a rollback journal, and a damaged sync of that may take later writes back.
    @Test func noFileEverNeedsARollbackJournal() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = Key("apple")!
        _ = await fixture.run([fixture.mint(key, "red", request: 1)])
        let path = "\(fixture.directory)/partitions/\(fixture.partition(of: key)).db"
        let identity = fixture.configuration.identity(of: .replica(fixture.partition(of: key)))
        try PartitionFile.create(path: path, temporaryPath: path + ".new", identity: identity)
        let header = try #require(FileManager.default.contents(atPath: path)).prefix(20)
        // "2" says WAL: https://www.sqlite.org/fileformat2.html#file_format_version_numbers
        #expect(Array(header.suffix(2)) == [2, 2])
        #expect(try fixture.names(in: "partitions") == ["\(fixture.partition(of: key)).db"])
        try await fixture.engine.stop()
    }

    @Test func takesAFreshActorAfterACrashAndKeepsItAfterACleanStop() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        var dots: [Dot] = []
        func mint(_ request: UInt64) async throws {
            let outcomes = await fixture.run([fixture.mint(Key("k")!, "\(request)", request: request)])[0]
            dots.append(try #require(outcomes.first?.mintedDot))
        }
        try await mint(1)
        try await fixture.restart()
        try await mint(2)
        #expect(dots[1] == Dot(actor: dots[0].actor, counter: 2))
        try fixture.crash()
        try await mint(3)
        #expect(dots[2].actor != dots[1].actor)
        try await fixture.restart()
        try await mint(4)
        #expect(dots[3] == Dot(actor: dots[2].actor, counter: 2))
        #expect(Set(dots).count == dots.count)
        try await fixture.engine.stop()
    }

    /// The file of a partition that nobody touched between a crash and a clean stop names a life that is over.
    @Test func doesNotContinueAnActorFromBeforeACrashThroughALaterCleanStop() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = Key("k")!
        _ = await fixture.run([fixture.mint(key, "1", request: 1)])
        try await fixture.restart()
        let lost = try #require(await fixture.run([fixture.mint(key, "2", request: 2)])[0].first?.mintedDot)
        fixture.engine.abandon()
        // The unsynced tail is gone, although a peer may have seen the dot.
        for name in try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/log") {
            let path = fixture.directory + "/log/" + name
            try FileHandle(forWritingTo: URL(fileURLWithPath: path)).truncate(atOffset: 100)
        }
        try fixture.start()
        try await fixture.restart()
        let next = try #require(await fixture.run([fixture.mint(key, "3", request: 3)])[0].first?.mintedDot)
        #expect(next.actor != lost.actor)
        try await fixture.engine.stop()
    }

    @Test func answersARepeatedRequestWithItsDot() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = Key("k")!
        let first = await fixture.run([fixture.mint(key, "a", request: 1)])[0].first?.mintedDot
        #expect(await fixture.run([fixture.mint(key, "a", request: 1)])[0].first?.mintedDot == first)
        // Superseded by a later write, it must not come back.
        _ = await fixture.run([fixture.mint(key, "b", request: 2)])
        let outcomes = await fixture.run([fixture.mint(key, "a", request: 1)])[0]
        #expect(outcomes.first?.mintedDot == first)
        #expect(outcomes.last?.isDurable == true)
        #expect(await fixture.read(key)?.siblings.map(\.value) == [Array("b".utf8)])
        try await fixture.engine.stop()
    }

    @Test func mergesRecordsOnceAndForAll() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = Key("k")!
        let partition = fixture.partition(of: key)
        let record = foreignRecord("x")
        for _ in 0..<3 {
            #expect(await fixture.run(.merge(.replica(partition), key, record))?.isDurable == true)
            try await fixture.engine.flush(partition)
        }
        #expect(await fixture.read(key) == record)
        let logBytes = try await fixture.engine.statistics().logBytes
        #expect(await fixture.run(.merge(.replica(partition), key, record))?.isDurable == true)
        #expect(try await fixture.engine.statistics().logBytes == logBytes)
        try await fixture.engine.stop()
    }

    @Test func scansInPagesWithoutLossOrRepetition() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<100).map { fixture.key($0, in: 3) }
        let batch = keys.map { KeyedRecord(key: $0, record: foreignRecord("v")) }
        #expect(await fixture.run(.mergeBatch(.replica(PartitionID(3)), batch))?.isDurable == true)
        let sorted = keys.map { ScanPosition(key: $0) }.sorted().map(\.key)
        for pageRecords in [1, 7, 99, 100, 101] {
            #expect(await fixture.scan(3, pageRecords: pageRecords).map(\.key) == sorted)
        }
        let tiny = PageLimit(records: 100, bytes: 1)
        guard
            case .page(let page, let isLast) = await fixture.run(
                .scan(.replica(PartitionID(3)), after: nil, limit: tiny)
            )
        else {
            Issue.record("no page")
            return
        }
        #expect(page.count == 1)
        #expect(!isLast)
        try await fixture.engine.stop()
    }

    @Test func findsTheEntriesOfEachLeaf() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<200).map { fixture.key($0, in: 5) }
        let batch = keys.map { KeyedRecord(key: $0, record: foreignRecord("v")) }
        _ = await fixture.run(.mergeBatch(.replica(PartitionID(5)), batch))
        let byLeaf = Dictionary(grouping: keys) { MerkleLeaves.leaf(of: $0.hash) }
        for (leaf, expected) in byLeaf {
            let limit = PageLimit(records: 1000)
            let command = StorageCommand.leafEntries(.replica(PartitionID(5)), leaf: leaf, after: nil, limit: limit)
            guard case .page(let page, let isLast) = await fixture.run(command) else {
                Issue.record("no page")
                return
            }
            #expect(isLast)
            #expect(Set(page.map(\.key)) == Set(expected))
        }
        try await fixture.engine.stop()
    }

    @Test func keepsMerkleLeavesEqualToTheRows() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<60).map { fixture.key($0, in: 2) }
        for round in 0..<3 {
            let commands = keys.enumerated().map { index, key in
                fixture.mint(key, index % 5 == 0 ? nil : "r\(round)", request: UInt64(round * 1000 + index + 1))
            }
            _ = await fixture.run(commands)
            let buffered = try #require(await fixture.leaves(2))
            let records = await fixture.scan(2)
            #expect(records.count == keys.count)
            #expect(buffered == StorageFixture.leaves(of: records))
            #expect(await fixture.leaves(2) == buffered)
            if round == 1 { try await fixture.restart() } else { try fixture.crash() }
            #expect(await fixture.leaves(2) == buffered)
        }
        try await fixture.engine.stop()
    }

    @Test func countsLiveKeysByTheClock() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<10).map { fixture.key($0, in: 1) }
        var commands = keys.enumerated().map { fixture.mint($1, $0 < 3 ? nil : "v", request: UInt64($0 + 1)) }
        let expiring = fixture.key(10, in: 1)
        commands.append(
            .mint(
                .replica(PartitionID(1)),
                MintRequest(
                    key: expiring,
                    value: [1],
                    supersession: .older,
                    timestamp: HybridTimestamp(rawValue: 1),
                    request: RequestID(high: 2, low: 1),
                    expiryMilliseconds: fixture.clock.now + 1000
                )
            )
        )
        _ = await fixture.run(commands)
        func counts() async -> PartitionCounts? {
            guard case .counts(let counts) = await fixture.run(.count(.replica(PartitionID(1)))) else { return nil }
            return counts
        }
        #expect(await counts()?.records == 11)
        #expect(await counts()?.liveKeys == 8)
        fixture.clock.advance(1000)
        #expect(await counts()?.liveKeys == 7)
        try await fixture.engine.stop()
    }

    @Test func servesManyPartitionsWithFewOpenFiles() async throws {
        let fixture = try StorageFixture(partitionCount: 32) { $0.openFilesMax = 4 }
        defer { fixture.remove() }
        let keys = (0..<32).map { fixture.key(0, in: $0) }
        for round in 0..<3 {
            _ = await fixture.run(
                keys.enumerated().map { fixture.mint($1, "\(round)-\($0)", request: UInt64(round * 100 + $0 + 1)) }
            )
            for partition in 0..<32 {
                try await fixture.engine.flush(PartitionID(partition))
            }
            #expect(try await fixture.engine.statistics().openFiles <= 4)
        }
        try fixture.crash()
        for (index, key) in keys.enumerated() {
            #expect(await fixture.read(key)?.winner?.value == Array("2-\(index)".utf8))
        }
        try await fixture.engine.stop()
    }

    @Test func refusesADirectoryInUse() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let error = #expect(throws: StorageError.self) { try StorageEngine(fixture.configuration) }
        #expect(error?.code == .directoryInUse)
        try await fixture.engine.stop()
    }

    @Test func leavesFilesThatStockSQLiteReadsAfterACleanStop() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        _ = await fixture.run((0..<50).map { fixture.mint(fixture.key($0, in: 4), "v", request: UInt64($0 + 1)) })
        try await fixture.engine.stop()
        let path = fixture.directory + "/partitions/4.db"
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/partitions") == ["4.db"])
        let reader = try PartitionImageReader(path: path)
        try reader.checkStructure()
        try reader.checkContent(digester: StorageFixture.digester)
        #expect(reader.tally == RecordTally(records: 50, live: 50))
    }

    @Test func takesAnotherNumberOfShards() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<100).map { Key("key-\($0)")! }
        _ = await fixture.run(keys.enumerated().map { fixture.mint($1, "v", request: UInt64($0 + 1)) })
        for count in [3, 1, 2] {
            fixture.adjust = { $0.shardCount = count }
            try fixture.crash()
            for key in keys {
                #expect(await fixture.read(key)?.winner?.value == Array("v".utf8))
            }
        }
        try await fixture.engine.stop()
    }
}
