import QuireCore
import QuireStorage
import Testing

/// What the engine answers about Merkle nodes, against the plain sums over its records.
@Suite struct MerkleReadingTests {
    private let store = StoreID.replica(PartitionID(3))

    private static func digests(_ records: [KeyedRecord]) -> [HashDigest] {
        records.map { entry in
            HashDigest(
                hash: entry.key.hash,
                digest: StorageFixture.digester.digest(key: entry.key, encodedRecord: entry.record.encoded())
            )
        }
        .sorted()
    }

    private func filled(_ fixture: StorageFixture, _ count: Int) async -> [KeyedRecord] {
        let batch = (0..<count).map {
            KeyedRecord(key: fixture.key($0, in: 3), record: foreignRecord("v\($0)", counter: UInt64($0) + 1))
        }
        _ = await fixture.run(.mergeBatch(self.store, batch))
        return batch
    }

    @Test func sumsAndDigestsAreThoseOfTheRecords() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        var records = await self.filled(fixture, 300)
        for round in 0..<3 {
            let digests = Self.digests(records)
            let leaves = Set(digests.map { MerkleLeaves.leaf(of: $0.hash) }).sorted().map { MerkleNode(leaf: $0) }
            for nodes in [[.root], MerkleNode.root.children, leaves] {
                let expected = MerkleReading.childSums(of: nodes, in: digests)
                #expect(await fixture.run(.sums(self.store, nodes)) == .sums(expected), "round \(round)")
            }
            let twigs = Set(digests.map { MerkleNode(twigOf: $0.hash) }).sorted()
            let found = await fixture.run(.digests(self.store, twigs))
            #expect(found == .digests(digests, covered: twigs.count))
            // Some records change and stay in the write buffer; then the engine crashes.
            for index in stride(from: round, to: records.count, by: 7) {
                let newer = records[index].record.merging(foreignRecord("w", actor: 5, counter: UInt64(round) + 1))
                records[index] = KeyedRecord(key: records[index].key, record: newer)
                _ = await fixture.run(.merge(self.store, records[index].key, newer))
            }
            if round == 1 { try fixture.crash() }
        }
        try await fixture.engine.stop()
    }

    @Test func aPartitionWithoutAFileHasNothing() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let leaf = MerkleNode(leaf: 9)
        #expect(await fixture.run(.sums(self.store, [.root])) == .sums(Array(repeating: 0, count: 32)))
        #expect(await fixture.run(.sums(self.store, [leaf])) == .sums(Array(repeating: 0, count: 64)))
        #expect(await fixture.run(.digests(self.store, leaf.children)) == .digests([], covered: 64))
        let limit = PageLimit(records: 9)
        let hashes = [KeyHash(rawValue: 4)]
        #expect(await fixture.run(.records(self.store, hashes, limit: limit)) == .page([], isLast: true))
        try await fixture.engine.stop()
    }

    @Test func stopsAtTheBoundOfRowsButAnswersForOneNode() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let records = await self.filled(fixture, MerkleReading.rowsMax + 500)
        let digests = Self.digests(records)
        let leaves = (0..<MerkleLeaves.count).map { MerkleNode(leaf: $0) }
        guard case .sums(let sums) = await fixture.run(.sums(self.store, leaves)) else {
            Issue.record("no sums")
            return
        }
        let covered = Array(leaves.prefix(sums.count / 64))
        #expect(covered.count < leaves.count && !covered.isEmpty)
        let found = covered.indices.map { sums[$0 * 64..<($0 + 1) * 64].reduce(0, &+) }
        #expect(found == Array(StorageFixture.leaves(of: records).sums.prefix(covered.count)))
        let rows = digests.count { MerkleLeaves.leaf(of: $0.hash) < covered.count }
        #expect(rows >= MerkleReading.rowsMax && rows < MerkleReading.rowsMax + 50)
        try await fixture.engine.stop()
    }

    @Test func readsTheRecordsOfSomeHashesInPages() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let records = await self.filled(fixture, 50).sorted { $0.key.hash < $1.key.hash }
        let asked = records.filter { $0.key.hash.rawValue % 3 == 0 }
        let hashes = asked.map(\.key.hash)
        let all = await fixture.run(.records(self.store, hashes, limit: PageLimit(records: 1000)))
        #expect(all == .page(asked, isLast: true))
        let some = await fixture.run(.records(self.store, hashes, limit: PageLimit(records: 2)))
        #expect(some == .page(Array(asked.prefix(2)), isLast: false))
        let first = await fixture.run(.records(self.store, hashes, limit: PageLimit(records: 100, bytes: 1)))
        #expect(first == .page(Array(asked.prefix(1)), isLast: false))
        try await fixture.engine.stop()
    }

    @Test func namesWhatItLacksBufferedOrNot() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let records = await self.filled(fixture, 9)
        var asked = Self.keyDigests(records)
        let newer = records[2].record.merging(foreignRecord("newer", actor: 6))
        _ = await fixture.run(.merge(self.store, records[2].key, newer))
        asked.append(KeyDigest(key: fixture.key(99, in: 3), digest: 1))
        #expect(await fixture.run(.lacking(self.store, asked)) == .lacking([2, 9]))
        try await fixture.engine.flush(PartitionID(3))
        #expect(await fixture.run(.lacking(self.store, asked)) == .lacking([2, 9]))
        try await fixture.engine.stop()
    }

    /// SAFETY rule 8: what is not synced is not acknowledged, not even as something that was there before.
    @Test func doesNotSayThatItHasWhatItCannotSync() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let record = KeyedRecord(key: fixture.key(1, in: 3), record: foreignRecord("v"))
        fixture.faults.syncError = 5
        let outcomes = await fixture.run([
            .merge(self.store, record.key, record.record), .lacking(self.store, Self.keyDigests([record])),
        ])
        #expect(outcomes[0].last?.failure != nil)
        #expect(outcomes[1].last?.failure != nil)
        #expect(await fixture.run(.lacking(self.store, Self.keyDigests([record])))?.failure != nil)
        fixture.faults.syncError = nil
        #expect(await fixture.run(.lacking(self.store, Self.keyDigests([record]))) == .lacking([]))
        try fixture.crash()
        #expect(await fixture.read(record.key) == record.record)
        try await fixture.engine.stop()
    }

    /// The exchange between two engines: afterwards each has what the other had.
    @Test func twoEnginesConverge() async throws {
        let left = try StorageFixture()
        let right = try StorageFixture()
        defer {
            left.remove()
            right.remove()
        }
        let shared = await self.filled(left, 3000)
        _ = await right.run(.mergeBatch(self.store, shared))
        for number in 0..<6 {
            let there = number % 2 == 0 ? left : right
            _ = await there.run(.merge(self.store, shared[number * 300].key, foreignRecord("x", actor: 8)))
            _ = await there.run(.merge(self.store, left.key(9000 + number, in: 3), foreignRecord("y")))
        }
        let received = await self.exchange(left, from: right) + self.exchange(right, from: left)
        #expect(await left.leaves(3) == right.leaves(3))
        #expect(await left.scan(3, pageRecords: 500) == right.scan(3, pageRecords: 500))
        // The first pulls 9 keys: 3 that only the other has, and 6 that differ. Then 3 and 3 are left.
        #expect(received == 15)
        #expect(await self.exchange(left, from: right) == 0)
        try await left.engine.stop()
        try await right.engine.stop()
    }

    /// - Returns: How many records were pulled.
    private func exchange(_ own: StorageFixture, from peer: StorageFixture) async -> Int {
        var machine = MerkleExchange(partition: PartitionID(3))
        var action = machine.start()
        while true {
            switch action {
            case .ask(let message): action = machine.answered(.peer(await Self.answer(message, of: peer)))
            case .store(let command):
                action = machine.answered(.storage(await own.run(command) ?? .failed(.stopping)))
            case .finish: return machine.receivedRecords
            case .fail(let reason):
                Issue.record("\(reason)")
                return -1
            }
        }
    }

    private static func answer(_ message: PeerMessage, of peer: StorageFixture) async -> PeerMessage {
        let outcome: StorageOutcome?
        switch message {
        case .readSums(let partition, let nodes): outcome = await peer.run(.sums(.replica(partition), nodes))
        case .readDigests(let partition, let nodes): outcome = await peer.run(.digests(.replica(partition), nodes))
        case .readRecords(let partition, let hashes, let limit):
            outcome = await peer.run(.records(.replica(partition), hashes, limit: limit))
        case .leafEntries(let partition, let leaf, let position, let limit):
            outcome = await peer.run(.leafEntries(.replica(partition), leaf: leaf, after: position, limit: limit))
        default: outcome = nil
        }
        switch outcome {
        case .sums(let sums): return .sums(sums)
        case .digests(let digests, let covered): return .digests(digests, covered: covered)
        case .page(let entries, let isLast): return .page(entries, isLast: isLast)
        case let other: return .failed("\(String(describing: other))")
        }
    }

    private static func keyDigests(_ records: [KeyedRecord]) -> [KeyDigest] {
        records.map { entry in
            KeyDigest(
                key: entry.key,
                digest: StorageFixture.digester.digest(key: entry.key, encodedRecord: entry.record.encoded())
            )
        }
    }
}
