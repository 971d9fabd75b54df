import NIOCore
import QuireCore
import Testing

@testable import QuireWire

/// What an exchange costs on the wire, in encoded bytes of every message both ways.
@Suite struct MerkleExchangeCostTests {
    /// A replica of a million keys of which only the digests exist, but for some keys with records.
    private struct LargeReplica {
        /// By twig, ascending within it.
        var digests: [[HashDigest]]
        var leaves = MerkleLeaves()
        var records: [KeyHash: KeyedRecord] = [:]
        /// Leaves of which anything below their sum was read.
        var readLeaves: Set<Int> = []
        var readHashes: Set<KeyHash> = []

        init(keyCount: Int, random: inout SeededGenerator) {
            let twigCount = 1 << 16
            self.digests = Array(repeating: [], count: twigCount)
            for number in 0..<keyCount {
                let twig = number % twigCount
                let hash = KeyHash(rawValue: UInt64(twig) << 48 | random.next() >> 16)
                let digest = HashDigest(hash: hash, digest: UInt128(random.next()) << 64 | UInt128(random.next()))
                self.digests[twig].append(digest)
                self.leaves.replace(0, with: digest.digest, at: hash)
            }
            for twig in self.digests.indices { self.digests[twig].sort() }
        }

        mutating func put(_ entry: KeyedRecord, digest: UInt128) {
            let hash = entry.key.hash
            let twig = MerkleNode(twigOf: hash).prefix
            let old = self.digests[twig].first { $0.hash == hash }?.digest ?? 0
            self.digests[twig].removeAll { $0.hash == hash }
            self.digests[twig].append(HashDigest(hash: hash, digest: digest))
            self.digests[twig].sort()
            self.leaves.replace(old, with: digest, at: hash)
            self.records[hash] = entry
        }

        /// As an engine does: below the leaves, only so many rows at a time.
        private func covered(_ nodes: [MerkleNode]) -> [MerkleNode] {
            var rows = 0
            for (index, node) in nodes.enumerated() {
                if rows >= MerkleReading.rowsMax { return Array(nodes[..<index]) }
                let twigs = node.level == .leaf ? node.children : [node]
                rows += twigs.reduce(0) { $0 + self.digests[$1.prefix].count }
            }
            return nodes
        }

        mutating func sums(_ nodes: [MerkleNode]) -> [UInt128] {
            guard nodes[0].level == .leaf else { return nodes.flatMap { self.leaves.childSums(of: $0) ?? [] } }
            let covered = self.covered(nodes)
            self.readLeaves.formUnion(covered.map(\.prefix))
            return covered.flatMap(\.children).map { self.digests[$0.prefix].reduce(0) { $0 &+ $1.digest } }
        }

        func digests(_ nodes: [MerkleNode]) -> (digests: [HashDigest], covered: Int) {
            let covered = self.covered(nodes)
            return (covered.flatMap { self.digests[$0.prefix] }, covered.count)
        }

        mutating func page(_ hashes: [KeyHash]) -> [KeyedRecord] {
            self.readHashes.formUnion(hashes)
            return hashes.compactMap { self.records[$0] }
        }
    }

    private static func bytes(_ message: PeerMessage, isReply: Bool) -> Int {
        var buffer = ByteBuffer()
        let envelope = PeerEnvelope(
            correlation: 1 << 40,
            isReply: isReply,
            version: LayoutVersion(100),
            sentAtMilliseconds: 1 << 40,
            budgetMilliseconds: 2000,
            message: message
        )
        PeerCodec.encode(envelope, into: &buffer)
        return buffer.readableBytes
    }

    private static func answer(_ message: PeerMessage, _ peer: inout LargeReplica) -> PeerMessage {
        switch message {
        case .readSums(_, let nodes): return .sums(peer.sums(nodes))
        case .readDigests(_, let nodes):
            let found = peer.digests(nodes)
            return .digests(found.digests, covered: found.covered)
        case .readRecords(_, let hashes, _): return .page(peer.page(hashes), isLast: true)
        default: return .failed("not asked in such an exchange: \(message)")
        }
    }

    private static func answer(
        _ command: StorageCommand,
        _ own: inout LargeReplica,
        _ merged: inout [KeyedRecord]
    ) -> StorageOutcome {
        switch command {
        case .sums(_, let nodes): return .sums(own.sums(nodes))
        case .digests(_, let nodes):
            let found = own.digests(nodes)
            return .digests(found.digests, covered: found.covered)
        case .mergeBatch(_, let entries):
            merged += entries
            return .durable(DurableReceipt(syncedWithLatestTimestamp: .zero))
        default: return .failed(.notDurable("not asked in such an exchange: \(command)"))
        }
    }

    /// Issue 3: "two replicas that differ in 10 of 1 000 000 keys: the exchange moves under 100 kB and touches
    /// only those leaves" (Dynamo §4.7).
    @Test func tenOfAMillionKeysCostLessThanAHundredKilobytes() throws {
        var random = SeededGenerator(seed: 77)
        let digester = RecordDigester(secret: Array(1...32))
        var own = LargeReplica(keyCount: 1_000_000, random: &random)
        var differing: [KeyedRecord] = []
        for number in 0..<10 {
            let key = try #require(Key("a key that differs \(number)"))
            let before = KeyedRecord(key: key, record: random.record())
            if number < 7 { own.put(before, digest: digester.digest(key: key, encodedRecord: [1])) }
            differing.append(KeyedRecord(key: key, record: random.record()))
        }
        var peer = own
        for entry in differing {
            peer.put(entry, digest: digester.digest(key: entry.key, encodedRecord: entry.record.encoded()))
        }
        var exchange = MerkleExchange(partition: PartitionID(5))
        var action = exchange.start()
        var bytes = 0
        var roundTrips = 0
        var merged: [KeyedRecord] = []
        while action != .finish {
            switch action {
            case .ask(let message):
                let answer = Self.answer(message, &peer)
                bytes += Self.bytes(message, isReply: false) + Self.bytes(answer, isReply: true)
                roundTrips += 1
                action = exchange.answered(.peer(answer))
            case .store(let command): action = exchange.answered(.storage(Self.answer(command, &own, &merged)))
            case .fail(let reason):
                Issue.record("\(reason)")
                return
            case .finish: break
            }
        }
        let hashes = Set(differing.map(\.key.hash))
        #expect(Set(merged.map(\.key)) == Set(differing.map(\.key)))
        #expect(peer.readHashes == hashes)
        #expect(peer.readLeaves == Set(hashes.map { MerkleLeaves.leaf(of: $0) }))
        #expect(exchange.touchedLeaves == peer.readLeaves)
        #expect(exchange.differingKeys == 10)
        #expect(bytes < 100_000, "\(bytes) bytes")
        #expect(bytes < 40_000, "it cost \(bytes) bytes in \(roundTrips) round trips")
        #expect(roundTrips <= 16)
    }

    /// Equal replicas are compared with half a kilobyte.
    @Test func equalReplicasCostOneSmallRoundTrip() {
        let question = PeerMessage.readSums(PartitionID(5), [.root])
        let answer = PeerMessage.sums(Array(repeating: .max, count: 32))
        #expect(Self.bytes(question, isReply: false) + Self.bytes(answer, isReply: true) < 700)
    }

    /// SAFETY rule 8: "members which already have a record cost ~40 bytes".
    @Test func anOfferCostsLittleMoreThanKeysAndDigests() throws {
        let digests = try (0..<500).map { number in
            KeyDigest(key: try #require(Key("customer:\(100_000 + number)")), digest: .max)
        }
        let offer = Self.bytes(.offer(PartitionID(5), digests), isReply: false)
        let answer = Self.bytes(.lacking([]), isReply: true)
        #expect((offer + answer) / digests.count <= 40)
    }
}
