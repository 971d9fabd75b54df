import Foundation
import QuireCore
import QuireStorage
import Testing

@Suite struct HintStoreTests {
    private let hints = StoreID.hints(PartitionID(1))
    private let replica = StoreID.replica(PartitionID(1))

    @Test func keepsHintsApartFromTheReplica() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let outcomes = await fixture.run([
            fixture.mint(key, "replica", request: 1), fixture.mint(key, "hint", request: 1, in: self.hints),
        ])
        let dots = try outcomes.map { try #require($0.first?.mintedDot) }
        #expect(dots[0].actor != dots[1].actor)
        // Each store answers a retry with its own dot.
        for (store, dot) in zip([self.replica, self.hints], dots) {
            let again = await fixture.run([fixture.mint(key, "again", request: 1, in: store)])[0]
            #expect(again.first?.mintedDot == dot)
        }
        for round in 0..<3 {
            #expect(await fixture.read(key)?.siblings.map(\.value) == [Array("replica".utf8)])
            #expect(await fixture.read(key, in: self.hints)?.siblings.map(\.value) == [Array("hint".utf8)])
            #expect(await fixture.scan(self.hints).map(\.key) == [key])
            #expect(await fixture.leaves(of: self.hints) == StorageFixture.leaves(of: await fixture.scan(self.hints)))
            if round == 0 { try fixture.crash() } else { try await fixture.restart() }
        }
        #expect(try fixture.names(in: "hints").first == "1.db")
        try await fixture.engine.stop()
    }

    /// A write that comes a second time after its hint was delivered is not executed again (simulated seed 100030).
    @Test func refusesARequestWhoseHintWasHandedOn() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        _ = await fixture.run([fixture.mint(key, "once", request: 1, in: self.hints)])
        let held = try #require(await fixture.read(key, in: self.hints))
        _ = await fixture.run(.dropBatch(self.hints, [KeyedRecord(key: key, record: held)]))
        let again = await fixture.run([fixture.mint(key, "once", request: 1, in: self.hints)])[0]
        guard case .failed(.notDurable)? = again.first else {
            Issue.record("executed twice: \(again)")
            return
        }
        #expect(await fixture.read(key, in: self.hints) == nil)
        let next = await fixture.run([fixture.mint(key, "next", request: 2, in: self.hints)])[0]
        #expect(next.first?.mintedDot != nil)
        try await fixture.engine.stop()
    }

    @Test func doesNotCountHintsAsReplicaData() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        _ = await fixture.run(.merge(self.hints, key, foreignRecord("x")))
        try await fixture.engine.flush(self.hints)
        let statistics = try await fixture.engine.statistics()
        #expect(statistics.partitions.isEmpty)
        #expect(try await fixture.engine.seal(PartitionID(1)) == nil)
        #expect(try await fixture.engine.retire(PartitionID(1), at: LayoutVersion(5)) == nil)
        guard case .counts(let counts) = await fixture.run(.count(self.replica)) else {
            Issue.record("no counts")
            return
        }
        #expect(counts.records == 0)
        #expect(await fixture.read(key, in: self.hints) == foreignRecord("x"))
        try await fixture.engine.stop()
    }

    @Test func countsAndDatesHintsThroughRestarts() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let records = (0..<5).map { KeyedRecord(key: fixture.key($0, in: 1), record: foreignRecord("v\($0)")) }
        let bytes = records.reduce(0) { $0 + $1.key.bytes.count + $1.record.encoded().count }
        _ = await fixture.run(.mergeBatch(self.hints, records))
        try await fixture.engine.flush(self.hints)
        fixture.clock.advance(10_000)
        let late = KeyedRecord(key: fixture.key(9, in: 2), record: foreignRecord("late"))
        _ = await fixture.run(.mergeBatch(.hints(PartitionID(2)), [late]))
        for round in 0..<3 {
            let found = try await fixture.engine.hintStatistics()
            #expect(found.stores.map(\.partition) == [PartitionID(1), PartitionID(2)])
            #expect(found.stores.first?.records == 5)
            #expect(found.stores.first?.bytes == bytes)
            #expect(found.stores.first?.ageMilliseconds == 10_000 + UInt64(round) * 1000)
            #expect(found.oldestAgeMilliseconds == found.stores.first?.ageMilliseconds)
            #expect(found.records == 6)
            #expect(try await fixture.engine.statistics().hints == found)
            if round == 0 { try await fixture.restart() } else { try fixture.crash() }
            fixture.clock.advance(1000)
        }
        _ = await fixture.run(.dropBatch(self.hints, records))
        #expect(try await fixture.engine.hintStatistics().stores.map(\.partition) == [PartitionID(2)])
        _ = await fixture.run(.mergeBatch(self.hints, records))
        #expect(try await fixture.engine.hintStatistics().stores.first?.ageMilliseconds == 0)
        try await fixture.engine.stop()
    }

    @Test func removesTheFileOfAnEmptiedStore() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<20).map { fixture.key($0, in: 1) }
        let records = keys.map { KeyedRecord(key: $0, record: foreignRecord("x")) }
        for round in 0..<3 {
            _ = await fixture.run(.mergeBatch(self.hints, records))
            try await fixture.engine.flush(self.hints)
            #expect(try fixture.names(in: "hints").contains("1.db"))
            _ = await fixture.run(.dropBatch(self.hints, records))
            try await fixture.engine.flush(self.hints)
            // The removal follows the flush on the shard's thread: a call later it is over.
            _ = try await fixture.engine.hintStatistics()
            _ = await fixture.run(.read(self.hints, keys[0]))
            _ = try await fixture.engine.hintStatistics()
            #expect(try fixture.names(in: "hints").isEmpty)
            #expect(await fixture.scan(self.hints).isEmpty)
            if round == 0 { try fixture.crash() } else { try await fixture.restart() }
            #expect(await fixture.scan(self.hints).isEmpty)
        }
        #expect(try fixture.names(in: "hints").isEmpty)
        try await fixture.engine.stop()
    }

    /// Hints that are delivered at once never touch a file.
    @Test func makesNoFileForHintsThatGoAtOnce() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let minted = await fixture.run([fixture.mint(key, "x", request: 1, in: self.hints)])[0].first
        guard case .minted(let record, _) = minted else {
            Issue.record("not minted")
            return
        }
        #expect(await fixture.scan(self.hints) == [KeyedRecord(key: key, record: record)])
        #expect(await fixture.drop(key, record, in: self.hints)?.isDurable == true)
        try await fixture.engine.flush(self.hints)
        #expect(try fixture.names(in: "hints").isEmpty)
        try fixture.crash()
        #expect(await fixture.read(key, in: self.hints) == nil)
        try await fixture.engine.stop()
    }

    @Test func refusesNewHintsWhenFullAndTakesDrops() async throws {
        let fixture = try StorageFixture { $0.hintBytesMax = 20_000 }
        defer { fixture.remove() }
        var held: [KeyedRecord] = []
        while held.count < 1000 {
            let key = fixture.key(held.count, in: 1)
            let outcome = await fixture.run(.merge(self.hints, key, foreignRecord(String(repeating: "v", count: 100))))
            if outcome?.isDurable != true {
                #expect(outcome == .failed(.overloaded))
                break
            }
            held.append(KeyedRecord(key: key, record: foreignRecord(String(repeating: "v", count: 100))))
        }
        // Each of two shards has half of it.
        #expect((40..<60).contains(held.count))
        let hint = fixture.mint(held[0].key, String(repeating: "v", count: 100), request: 1, in: self.hints)
        #expect(await fixture.run(hint) == .failed(.overloaded))
        #expect(await fixture.run(.mergeBatch(self.hints, held)) == .failed(.overloaded))
        #expect(await fixture.run([fixture.mint(held[0].key, "x", request: 1)])[0].last?.isDurable == true)
        try fixture.crash()
        #expect(await fixture.run(.merge(self.hints, Key("more")!, held[0].record)) == .failed(.overloaded))
        #expect(await fixture.scan(self.hints).count == held.count)
        #expect(await fixture.run(.dropBatch(self.hints, Array(held.prefix(10))))?.isDurable == true)
        #expect(await fixture.run(.merge(self.hints, held[0].key, held[0].record))?.isDurable == true)
        try await fixture.engine.stop()
    }

    @Test(arguments: [true, false])
    func refusesAFileOfTheOtherKind(isHintsFile: Bool) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let (source, target) = isHintsFile ? (self.hints, self.replica) : (self.replica, self.hints)
        _ = await fixture.run(.merge(source, key, foreignRecord("x")))
        try await fixture.engine.stop()
        let names = isHintsFile ? ("hints", "partitions") : ("partitions", "hints")
        let path = fixture.directory + "/\(names.0)/1.db"
        if isHintsFile {
            #expect(throws: StorageError.self) { try PartitionImageReader(path: path) }
        } else {
            #expect(try PartitionImageReader(path: path).tally.records == 1)
        }
        try FileManager.default.copyItem(atPath: path, toPath: fixture.directory + "/\(names.1)/1.db")
        try fixture.start()
        guard case .quarantined(_, let reason) = await fixture.run(.read(target, key))?.failure else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("hints"))
        let statistics = try await fixture.engine.statistics()
        #expect(statistics.quarantined.isEmpty == !isHintsFile)
        #expect(statistics.hints.quarantined.isEmpty == isHintsFile)
        #expect(await fixture.read(key, in: source) == foreignRecord("x"))
        try fixture.crash()
        #expect(await fixture.run(.read(target, key))?.failure != nil)
        try await fixture.engine.readmit(target)
        #expect(await fixture.run(.read(target, key)) == .record(nil))
        #expect(await fixture.run(.merge(target, key, foreignRecord("y")))?.isDurable == true)
        try fixture.crash()
        #expect(await fixture.read(key, in: target) == foreignRecord("y"))
        try await fixture.engine.stop()
    }

    @Test func movesHintsToAnotherNumberOfShards() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let stores = (0..<8).map { StoreID.hints(PartitionID($0)) }
        for (number, store) in stores.enumerated() {
            _ = await fixture.run(.merge(store, fixture.key(0, in: number), foreignRecord("x")))
            if number % 2 == 0 { try await fixture.engine.flush(store) }
        }
        for count in [3, 1, 2] {
            fixture.adjust = { $0.shardCount = count }
            try fixture.crash()
            #expect(try await fixture.engine.hintStatistics().records == 8)
            for (number, store) in stores.enumerated() {
                #expect(await fixture.read(fixture.key(0, in: number), in: store) == foreignRecord("x"))
            }
        }
        try await fixture.engine.stop()
    }

    @Test func answersAMergeWithoutSyncAtOnceAndOnce() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let record = foreignRecord("x", counter: 3)
        let outcomes = await fixture.run([
            .merge(self.replica, key, record, sync: false), .merge(self.replica, fixture.key(1, in: 1), record),
        ])
        #expect(outcomes[0] == [.merged(latestTimestamp: record.latestTimestamp)])
        #expect(outcomes[1].count == 1)
        try fixture.crash()
        #expect(await fixture.read(key) == record)
        fixture.faults.writeError = ENOSPC
        _ = await fixture.run(.merge(self.replica, key, foreignRecord("y", counter: 4)))
        let refused = await fixture.run(.merge(self.replica, key, foreignRecord("z", counter: 5), sync: false))
        guard case .notDurable = refused?.failure else {
            Issue.record("taken by a failed log: \(String(describing: refused))")
            return
        }
        fixture.faults.writeError = nil
        try await fixture.engine.stop()
    }

    @Test func leavesLateReadsAndMergesUndone() async throws {
        let time = ManualClock()
        let fixture = try StorageFixture { $0.elapsed = { .milliseconds(time.now) } }
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let past = Duration.milliseconds(time.now)
        let future = past + .milliseconds(1)
        func run(_ command: StorageCommand, _ deadline: Duration?) async -> StorageOutcome? {
            await CollectingSink.run(
                [StorageRequest(token: 0, command: command, deadline: deadline)],
                on: fixture.engine
            )
            .first?.last
        }
        #expect(await run(.merge(self.replica, key, foreignRecord("x")), past) == .failed(.overloaded))
        #expect(await run(.read(self.replica, key), past) == .failed(.overloaded))
        #expect(await run(.read(self.replica, key), future) == .record(nil))
        #expect(await run(.merge(self.replica, key, foreignRecord("x")), future)?.isDurable == true)
        #expect(await run(.read(self.replica, key), nil) == .record(foreignRecord("x")))
        #expect(await run(fixture.mint(key, "m", request: 9), past)?.isDurable == true)
        let record = try #require(await fixture.read(key))
        let drop = StorageCommand.dropBatch(self.replica, [KeyedRecord(key: key, record: record)])
        #expect(await run(drop, past)?.isDurable == true)
        #expect(await run(.read(self.replica, key), nil) == .record(nil))
        try await fixture.engine.stop()
    }
}
