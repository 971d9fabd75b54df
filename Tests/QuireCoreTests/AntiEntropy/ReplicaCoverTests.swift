import QuireCore
import Testing

@Suite struct ReplicaCoverTests {
    private let partition = PartitionID(3)
    private let limit = PageLimit(records: 1000)

    private func key(_ number: Int) throws -> Key { try #require(Key("key\(number)")) }

    private func leaves(_ keys: Key...) -> MerkleLeaves {
        var leaves = MerkleLeaves()
        for key in keys { leaves.replace(0, with: 5, at: key.hash) }
        return leaves
    }

    @Test func equalLeavesNeedNoRecords() throws {
        let same = self.leaves(try self.key(1))
        var cover = ReplicaCover(partition: self.partition, peers: [.a, .b])
        #expect(cover.start() == .ask(.a, .readLeaves(self.partition)))
        #expect(cover.answered(.peer(.leaves(same))) == .store(.leaves(.replica(self.partition))))
        #expect(cover.answered(.storage(.leaves(same))) == .ask(.b, .readLeaves(self.partition)))
        _ = cover.answered(.peer(.leaves(same)))
        #expect(cover.answered(.storage(.leaves(same))) == .finish)
        #expect(cover.receivedRecords == 0)
    }

    @Test func readsEveryPageOfALeafThatDiffersAndStoresItBeforeTheNext() throws {
        let key = try self.key(1)
        let leaf = MerkleLeaves.leaf(of: key.hash)
        let entry = KeyedRecord(key: key, record: .minted(1))
        var cover = ReplicaCover(partition: self.partition, peers: [.a])
        _ = cover.start()
        _ = cover.answered(.peer(.leaves(self.leaves(key))))
        #expect(
            cover.answered(.storage(.leaves(MerkleLeaves())))
                == .ask(.a, .leafEntries(self.partition, leaf: leaf, after: nil, limit: self.limit))
        )
        #expect(
            cover.answered(.peer(.page([entry], isLast: false)))
                == .store(.mergeBatch(.replica(self.partition), [entry]))
        )
        let after = ScanPosition(key: key)
        #expect(
            cover.answered(.storage(.durable(.at(1))))
                == .ask(.a, .leafEntries(self.partition, leaf: leaf, after: after, limit: self.limit))
        )
        #expect(cover.answered(.peer(.page([], isLast: true))) == .finish)
        #expect(cover.receivedRecords == 1)
    }

    @Test func noPeersAreCoveredAtOnce() {
        var cover = ReplicaCover(partition: self.partition, peers: [])
        #expect(cover.start() == .finish)
    }

    @Test func anUnreachablePeerIsNeverSkipped() {
        var cover = ReplicaCover(partition: self.partition, peers: [.a, .b])
        _ = cover.start()
        #expect(cover.answered(.unreachable("gone")) == .fail("gone"))
    }

    @Test func aPeerThatRefusesIsNotCovered() {
        var cover = ReplicaCover(partition: self.partition, peers: [.a])
        _ = cover.start()
        guard case .fail = cover.answered(.peer(.failed("quarantined"))) else {
            Issue.record("a refusal was taken for an answer")
            return
        }
    }

    @Test func recordsThatCannotBeStoredAreNotCovered() throws {
        let key = try self.key(1)
        var cover = ReplicaCover(partition: self.partition, peers: [.a])
        _ = cover.start()
        _ = cover.answered(.peer(.leaves(self.leaves(key))))
        _ = cover.answered(.storage(.leaves(MerkleLeaves())))
        _ = cover.answered(.peer(.page([KeyedRecord(key: key, record: .minted(1))], isLast: true)))
        guard case .fail = cover.answered(.storage(.failed(.overloaded))) else {
            Issue.record("a failed merge was taken for a durable one")
            return
        }
    }
}
