import QuireCore
import Testing

@Suite struct MerkleExchangeTests {
    private let partition = PartitionID(3)
    private let limit = PageLimit(records: 1000)

    private func sums(_ count: Int, _ differing: [Int: UInt128]) -> [UInt128] {
        (0..<count).map { differing[$0] ?? 7 }
    }

    @Test func equalReplicasCostOneRoundTrip() {
        var exchange = MerkleExchange(partition: self.partition)
        #expect(exchange.start() == .ask(.readSums(self.partition, [.root])))
        let same = self.sums(32, [:])
        #expect(exchange.answered(.peer(.sums(same))) == .store(.sums(.replica(self.partition), [.root])))
        #expect(exchange.answered(.storage(.sums(same))) == .finish)
        #expect(exchange.touchedLeaves.isEmpty)
    }

    @Test func descendsToTheOneKeyThatDiffers() throws {
        let key = try #require(Key("key"))
        let branch = MerkleNode.root.children[MerkleLeaves.leaf(of: key.hash) / 32]
        let leaf = MerkleNode(leaf: MerkleLeaves.leaf(of: key.hash))
        let twig = MerkleNode(twigOf: key.hash)
        let store = StoreID.replica(self.partition)
        var exchange = MerkleExchange(partition: self.partition)
        _ = exchange.start()
        _ = exchange.answered(.peer(.sums(self.sums(32, [branch.prefix: 1]))))
        #expect(
            exchange.answered(.storage(.sums(self.sums(32, [:])))) == .ask(.readSums(self.partition, [branch]))
        )
        _ = exchange.answered(.peer(.sums(self.sums(32, [leaf.prefix % 32: 1]))))
        #expect(exchange.answered(.storage(.sums(self.sums(32, [:])))) == .ask(.readSums(self.partition, [leaf])))
        _ = exchange.answered(.peer(.sums(self.sums(64, [twig.prefix % 64: 1]))))
        #expect(
            exchange.answered(.storage(.sums(self.sums(64, [:])))) == .ask(.readDigests(self.partition, [twig]))
        )
        let theirs = [HashDigest(hash: key.hash, digest: 2)]
        #expect(exchange.answered(.peer(.digests(theirs, covered: 1))) == .store(.digests(store, [twig])))
        #expect(
            exchange.answered(.storage(.digests([], covered: 1)))
                == .ask(.readRecords(self.partition, [key.hash], limit: self.limit))
        )
        let entry = KeyedRecord(key: key, record: .minted(1))
        #expect(exchange.answered(.peer(.page([entry], isLast: true))) == .store(.mergeBatch(store, [entry])))
        #expect(exchange.answered(.storage(.durable(.at(1)))) == .finish)
        #expect(exchange.touchedLeaves == [leaf.prefix])
        #expect(exchange.differingKeys == 1)
        #expect(exchange.receivedRecords == 1)
    }

    /// What only this replica has is for the peer to pull.
    @Test func wherePeersHaveNothingThereIsNothingToPull() {
        var exchange = MerkleExchange(partition: self.partition)
        _ = exchange.start()
        _ = exchange.answered(.peer(.sums(Array(repeating: 0, count: 32))))
        #expect(exchange.answered(.storage(.sums(self.sums(32, [:])))) == .finish)
    }

    @Test func aLeafThatIsMissingIsReadWholeWithoutDigests() throws {
        let key = try #require(Key("key"))
        let leaf = MerkleLeaves.leaf(of: key.hash)
        let branch = MerkleNode.root.children[leaf / 32]
        var exchange = MerkleExchange(partition: self.partition)
        _ = exchange.start()
        _ = exchange.answered(.peer(.sums(self.sums(32, [branch.prefix: 1]))))
        _ = exchange.answered(.storage(.sums(self.sums(32, [:]))))
        _ = exchange.answered(.peer(.sums(self.sums(32, [leaf % 32: 1]))))
        #expect(
            exchange.answered(.storage(.sums(self.sums(32, [leaf % 32: 0]))))
                == .ask(.leafEntries(self.partition, leaf: leaf, after: nil, limit: self.limit))
        )
        let entry = KeyedRecord(key: key, record: .minted(1))
        _ = exchange.answered(.peer(.page([entry], isLast: false)))
        #expect(
            exchange.answered(.storage(.durable(.at(1))))
                == .ask(
                    .leafEntries(self.partition, leaf: leaf, after: ScanPosition(key: key), limit: self.limit)
                )
        )
        #expect(exchange.answered(.peer(.page([], isLast: true))) == .finish)
    }

    @Test func aPeerThatFailsEndsTheExchange() {
        var exchange = MerkleExchange(partition: self.partition)
        _ = exchange.start()
        #expect(exchange.answered(.peer(.failed("quarantined"))) == .fail("the peer: quarantined"))
        exchange = MerkleExchange(partition: self.partition)
        _ = exchange.start()
        #expect(exchange.answered(.unreachable("gone")) == .fail("gone"))
    }

    @Test(arguments: [0, 31, 33, 64])
    func aWrongNumberOfSumsIsNoAnswer(count: Int) {
        var exchange = MerkleExchange(partition: self.partition)
        _ = exchange.start()
        guard case .fail = exchange.answered(.peer(.sums(self.sums(count, [:])))) else {
            Issue.record("\(count) sums were taken for an answer")
            return
        }
    }

    /// Records of another leaf, or keys nobody asked for, may belong to another partition.
    @Test func recordsThatNobodyAskedForAreRefused() throws {
        let key = try #require(Key("key"))
        let other = try #require(Key("other"))
        var peer = ReplicaModel([key: .minted(1)])
        var own = ReplicaModel([key: .minted(2)])
        var exchange = MerkleExchange(partition: self.partition)
        var action = exchange.start()
        while case let current = action, current != .finish {
            switch current {
            case .ask(.readRecords):
                action = exchange.answered(
                    .peer(.page([KeyedRecord(key: other, record: .minted(3))], isLast: true))
                )
                #expect(action == .fail("the peer sent records that nobody asked for"))
                return
            case .ask(let message): action = exchange.answered(.peer(peer.answer(message)))
            case .store(let command): action = exchange.answered(.storage(own.answer(command)))
            case .finish, .fail: return
            }
        }
        Issue.record("no record was asked for")
    }

    /// Random pairs of replicas against the plain comparison of two dictionaries.
    @Test(arguments: 0..<60)
    func readsExactlyTheKeysThatDiffer(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (own, peer) = try Self.randomPair(&random)
        own.rowsMax = Int.random(in: 1...40, using: &random)
        peer.rowsMax = Int.random(in: 1...40, using: &random)
        let ownBefore = own.records
        let differing = Set(peer.records.filter { ownBefore[$0.key] != $0.value }.keys)
        let touched = Set(
            Set(ownBefore.keys).union(peer.records.keys)
                .filter { ownBefore[$0] != peer.records[$0] }
                .map { MerkleLeaves.leaf(of: $0.hash) }
        )
        .intersection(peer.records.keys.map { MerkleLeaves.leaf(of: $0.hash) })
        let ownLeaves = Set(ownBefore.keys.map { MerkleLeaves.leaf(of: $0.hash) })
        let (machine, failure) = ReplicaModel.exchange(&own, with: &peer)
        #expect(failure == nil)
        #expect(peer.readKeys == differing)
        #expect(machine.receivedRecords == differing.count)
        #expect(machine.touchedLeaves == touched)
        #expect(machine.differingKeys == differing.count { ownLeaves.contains(MerkleLeaves.leaf(of: $0.hash)) })
        for (key, record) in peer.records {
            #expect(own.records[key]?.descends(from: record) == true)
        }
        for (key, record) in ownBefore {
            #expect(own.records[key] == record.merging(peer.records[key] ?? Record()))
        }
    }

    /// Exchanges in both directions make replicas equal, and one more finds nothing.
    @Test(arguments: 100..<110)
    func twoExchangesConverge(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (left, right) = try Self.randomPair(&random)
        #expect(ReplicaModel.exchange(&left, with: &right).failure == nil)
        #expect(ReplicaModel.exchange(&right, with: &left).failure == nil)
        #expect(left.records == right.records)
        let (machine, _) = ReplicaModel.exchange(&left, with: &right)
        #expect(machine.receivedRecords == 0)
        #expect(machine.touchedLeaves.isEmpty)
    }

    private static func randomPair(_ random: inout SeededGenerator) throws -> (ReplicaModel, ReplicaModel) {
        let shared = Int.random(in: 0...120, using: &random)
        let differing = Int.random(in: 0...12, using: &random)
        var left: [Key: Record] = [:]
        var right: [Key: Record] = [:]
        for number in 0..<shared + differing {
            let key = try #require(Key("key\(number)"))
            left[key] = .minted(1, UInt64(number) + 1)
            right[key] = left[key]
            guard number >= shared else { continue }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: left[key] = nil
            case 1: right[key] = nil
            case 2: right[key] = Record.minted(2, UInt64(number) + 1)
            default: left[key] = Record.minted(1, UInt64(number) + 1).merging(.minted(3))
            }
        }
        return (ReplicaModel(left), ReplicaModel(right))
    }
}
