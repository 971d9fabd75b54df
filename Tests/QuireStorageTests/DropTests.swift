import Foundation
import QuireCore
import QuireStorage
import Testing

@Suite struct DropTests {
    private static let stores = [StoreID.hints(PartitionID(1)), .replica(PartitionID(1))]

    /// Where the record is when it is dropped.
    enum Place: CaseIterable, Sendable {
        case buffer, file, both
    }

    private func put(_ key: Key, in place: Place, of store: StoreID, _ fixture: StorageFixture) async throws -> Record {
        _ = await fixture.run(.merge(store, key, foreignRecord("1")))
        if place != .buffer { try await fixture.engine.flush(store) }
        if place == .both { _ = await fixture.run(.merge(store, key, foreignRecord("2", counter: 2))) }
        return try #require(await fixture.read(key, in: store))
    }

    @Test(arguments: Self.stores, Place.allCases)
    func forgetsARecordForGood(store: StoreID, place: Place) async throws {
        for ending in 0..<4 {
            let fixture = try StorageFixture()
            defer { fixture.remove() }
            let key = fixture.key(0, in: 1)
            let record = try await self.put(key, in: place, of: store, fixture)
            let other = fixture.key(1, in: 1)
            _ = await fixture.run(.merge(store, other, foreignRecord("other")))
            #expect(await fixture.drop(key, record, in: store)?.isDurable == true)
            #expect(await fixture.read(key, in: store) == nil)
            if ending % 2 == 1 { try await fixture.engine.flush(store) }
            for _ in 0..<2 {
                if ending < 2 { try fixture.crash() } else { try await fixture.restart() }
                #expect(await fixture.read(key, in: store) == nil)
                let scanned = await fixture.scan(store)
                #expect(scanned.map(\.key) == [other])
                #expect(await fixture.leaves(of: store) == StorageFixture.leaves(of: scanned))
            }
            try await fixture.engine.stop()
        }
    }

    @Test(arguments: Self.stores, Place.allCases)
    func leavesARecordThatHasLearnedMore(store: StoreID, place: Place) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let old = try await self.put(key, in: place, of: store, fixture)
        _ = await fixture.run(.merge(store, key, foreignRecord("more", actor: 78)))
        let present = try #require(await fixture.read(key, in: store))
        #expect(await fixture.drop(key, old, in: store)?.isDurable == true)
        #expect(await fixture.read(key, in: store) == present)
        #expect(await fixture.drop(key, Record(), in: store)?.isDurable == true)
        try fixture.crash()
        #expect(await fixture.read(key, in: store) == present)
        // Whoever knows more than that may drop it.
        #expect(await fixture.drop(key, present.merging(foreignRecord("z", actor: 79)), in: store)?.isDurable == true)
        #expect(await fixture.read(key, in: store) == nil)
        try await fixture.engine.stop()
    }

    /// What comes back after the drop stays, also where the flush of it came before its logging, and nothing else does.
    @Test(arguments: Self.stores, [false, true])
    func keepsWhatCameAfterTheDrop(store: StoreID, isFlushedBeforeLogged: Bool) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let record = try await self.put(key, in: .both, of: store, fixture)
        let next = foreignRecord("next", actor: 90)
        var batch: [StorageCommand] = [
            .dropBatch(store, [KeyedRecord(key: key, record: record)]), .merge(store, key, next),
        ]
        // A scan flushes in the middle of the batch.
        if isFlushedBeforeLogged { batch.append(.scan(store, after: nil, limit: PageLimit(records: 10))) }
        _ = await fixture.run(batch)
        for round in 0..<4 {
            #expect(await fixture.read(key, in: store) == next, "round \(round)")
            try fixture.crash()
            if round == 1 { try await fixture.engine.flush(store) }
        }
        try await fixture.restart()
        #expect(await fixture.read(key, in: store) == next)
        try await fixture.engine.stop()
    }

    /// A drop whose logging fails is not acknowledged; once a retry is, no older log record brings the key back.
    @Test(arguments: Self.stores)
    func staysDroppedThroughAFailureOfTheLog(store: StoreID) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        let record = try await self.put(key, in: .both, of: store, fixture)
        for isFlushed in [false, true] {
            fixture.faults.writeError = EIO
            let first = await fixture.drop(key, record, in: store)
            #expect(first?.failure != nil)
            if isFlushed { try await fixture.engine.flush(store) }
            fixture.faults.writeError = nil
            #expect(await fixture.drop(key, record, in: store)?.isDurable == true)
            try fixture.crash()
            #expect(await fixture.read(key, in: store) == nil)
            _ = await fixture.run(.merge(store, key, record))
        }
        try await fixture.engine.stop()
    }

    /// The log is replayed through a buffer that is too small for it, so flushes fall between a record and its drop.
    @Test(arguments: Self.stores)
    func replaysThroughASmallBuffer(store: StoreID) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let keys = (0..<60).map { fixture.key($0, in: 1) }
        for round in 0..<3 {
            let record = foreignRecord(String(repeating: "\(round)", count: 200), actor: UInt64(round + 1))
            let batch = keys.map { KeyedRecord(key: $0, record: record) }
            _ = await fixture.run(.mergeBatch(store, batch))
            if round == 1 { try await fixture.engine.flush(store) }
            #expect(await fixture.run(.dropBatch(store, Array(batch.prefix(40))))?.isDurable == true)
        }
        let expected = await fixture.scan(store)
        #expect(expected.count == 20)
        fixture.adjust = { $0.bufferBytesMax = 4000 }
        for _ in 0..<2 {
            try fixture.crash()
            #expect(await fixture.scan(store) == expected)
            #expect(await fixture.leaves(of: store) == StorageFixture.leaves(of: expected))
        }
        try await fixture.engine.stop()
    }

    private func mint(
        _ key: Key,
        request: UInt64,
        in store: StoreID,
        _ fixture: StorageFixture
    ) async -> (record: Record, dot: Dot)? {
        let outcomes = await fixture.run([fixture.mint(key, "\(request)", request: request, in: store)])
        guard case .minted(let record, let dot) = outcomes.first?.first else { return nil }
        return (record, dot)
    }

    /// SAFETY rule 3: a stand-in mints (A,5), delivers and drops it, then mints (A,9) on an empty record; the owner that
    /// holds (A,5) as a sibling would drop it.
    @Test func endsTheLifeOfAStandInsActorWithTheDrop() async throws {
        for isFlushed in [false, true] {
            let fixture = try StorageFixture()
            defer { fixture.remove() }
            let store = StoreID.hints(PartitionID(1))
            let key = fixture.key(0, in: 1)
            let first = try #require(await self.mint(key, request: 1, in: store, fixture))
            if isFlushed { try await fixture.engine.flush(store) }
            // A drop of what others minted ends nothing.
            let foreign = fixture.key(1, in: 1)
            _ = await fixture.run(.merge(store, foreign, foreignRecord("x")))
            _ = await fixture.drop(foreign, foreignRecord("x"), in: store)
            let second = try #require(await self.mint(key, request: 2, in: store, fixture))
            #expect(second.dot == Dot(actor: first.dot.actor, counter: 2))
            // Through a clean stop, after which actors live on.
            try await fixture.restart()
            _ = await fixture.drop(key, second.record, in: store)
            if isFlushed { try await fixture.restart() }
            let third = try #require(await self.mint(key, request: 3, in: store, fixture))
            #expect(third.dot.actor != first.dot.actor)
            let owner = second.record.merging(foreignRecord("sibling", actor: 5)).merging(third.record)
            #expect(owner.vector.covers(second.dot))
            #expect(third.record.vector.counter(of: first.dot.actor) == 0)
            try await fixture.engine.stop()
        }
    }

    @Test func keepsTheActorOfAReplicaAndItsCounterThroughADrop() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let store = StoreID.replica(PartitionID(1))
        let key = fixture.key(0, in: 1)
        _ = await fixture.run([fixture.mint(fixture.key(1, in: 1), "stays", request: 1)])
        var dots: [Dot] = []
        for request in UInt64(2)...5 {
            let outcome = await fixture.run([fixture.mint(key, nil, request: request)])[0].first
            guard case .minted(let record, let dot) = outcome else {
                Issue.record("not minted")
                return
            }
            dots.append(dot)
            _ = await fixture.drop(key, record, in: store)
            if request > 2 { try await fixture.restart() }
        }
        #expect(Set(dots.map(\.actor)).count == 1)
        #expect(dots.map(\.counter) == [2, 3, 4, 5])
        try await fixture.engine.stop()
    }

    /// The image is another replica's: our drops do not reach into it, whatever a crash does.
    @Test func doesNotDropFromAnInstalledImage() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let store = StoreID.replica(PartitionID(1))
        let key = fixture.key(0, in: 1)
        let source = try StorageFixture()
        defer { source.remove() }
        _ = await source.run(.merge(store, key, foreignRecord("image")))
        let seal = try #require(try await source.engine.seal(PartitionID(1)))
        let block = try await source.engine.readBlock(seal, 0)
        #expect(seal.blockCount == 1)
        try await source.engine.stop()

        _ = await fixture.run(.merge(store, key, foreignRecord("image")))
        _ = await fixture.drop(key, foreignRecord("image"), in: store)
        let path = fixture.engine.incomingPath(named: "1.image")
        try Data(block).write(to: URL(fileURLWithPath: path))
        try await fixture.engine.install(PartitionID(1), imageAt: path)
        for _ in 0..<2 {
            #expect(await fixture.read(key) == foreignRecord("image"))
            try fixture.crash()
        }
        #expect(await fixture.drop(key, foreignRecord("image"), in: store)?.isDurable == true)
        try fixture.crash()
        #expect(await fixture.read(key) == nil)
        try await fixture.engine.stop()
    }

    /// A file that is set aside takes its drops with it; what the log has of the partition outlives both.
    @Test func keepsTheLogsRecordsThroughAQuarantine() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let store = StoreID.replica(PartitionID(1))
        let (gone, kept) = (fixture.key(0, in: 1), fixture.key(1, in: 1))
        _ = await fixture.run(.merge(store, gone, foreignRecord("gone")))
        try await fixture.restart()
        _ = await fixture.run(.merge(store, kept, foreignRecord("kept")))
        _ = await fixture.drop(gone, foreignRecord("gone"), in: store)
        fixture.engine.abandon()
        let path = fixture.directory + "/partitions/1.db"
        try Data(repeating: 0xA5, count: 8192).write(to: URL(fileURLWithPath: path))
        try fixture.start()
        #expect(await fixture.run(.read(store, kept))?.failure != nil)
        try await fixture.engine.readmit(PartitionID(1))
        for _ in 0..<2 {
            #expect(await fixture.scan(store).map(\.key) == [kept])
            try fixture.crash()
        }
        try await fixture.engine.stop()
    }
}
