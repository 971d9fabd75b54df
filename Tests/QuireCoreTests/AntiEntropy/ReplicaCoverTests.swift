import QuireCore
import Testing

@Suite struct ReplicaCoverTests {
    private let partition = PartitionID(3)
    private let same = [UInt128](repeating: 7, count: 32)

    private func readRoot(_ node: NodeID) -> ReplicaCover.Action {
        .ask(node, .readSums(self.partition, [.root]))
    }

    @Test func comparesWithOnePeerAfterTheOther() {
        var cover = ReplicaCover(partition: self.partition, peers: [.a, .b])
        #expect(cover.start() == self.readRoot(.a))
        #expect(cover.answered(.peer(.sums(self.same))) == .store(.sums(.replica(self.partition), [.root])))
        #expect(cover.answered(.storage(.sums(self.same))) == self.readRoot(.b))
        _ = cover.answered(.peer(.sums(self.same)))
        let sync = ReplicaCover.Action.store(.mergeBatch(.replica(self.partition), []))
        #expect(cover.answered(.storage(.sums(self.same))) == sync)
        #expect(cover.answered(.storage(.durable(.at(0)))) == .finish)
        #expect(cover.receivedRecords == 0)
    }

    @Test func holdsInTheEndWhatEachPeerHeld() throws {
        let keys = try (0..<30).map { try #require(Key("key\($0)")) }
        var own = ReplicaModel()
        var peers: [NodeID: ReplicaModel] = [
            .a: ReplicaModel(Dictionary(uniqueKeysWithValues: keys.prefix(20).map { ($0, .minted(1)) })),
            .b: ReplicaModel(Dictionary(uniqueKeysWithValues: keys.suffix(20).map { ($0, .minted(2)) })),
        ]
        var cover = ReplicaCover(partition: self.partition, peers: [.a, .b])
        var action = cover.start()
        while case let current = action, current != .finish {
            switch current {
            case .ask(let node, let message):
                let answer = peers[node]?.answer(message)
                action = cover.answered(.peer(answer ?? .failed("no such peer")))
            case .store(let command): action = cover.answered(.storage(own.answer(command)))
            case .fail(let reason):
                Issue.record("\(reason)")
                return
            case .finish: return
            }
        }
        #expect(own.records.count == 30)
        #expect(own.records[keys[15]] == .minted(1).merging(.minted(2)))
        #expect(cover.receivedRecords == 40)
    }

    /// Equal digests speak of memory: what a failed sync has left there is not covered (simulated seed 2558).
    @Test func whatIsOnlyInMemoryIsNotCovered() {
        var cover = ReplicaCover(partition: self.partition, peers: [.a])
        _ = cover.start()
        _ = cover.answered(.peer(.sums(self.same)))
        _ = cover.answered(.storage(.sums(self.same)))
        #expect(cover.answered(.storage(.failed(.notDurable("disk")))) == .fail("own storage: disk"))
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
        #expect(cover.answered(.peer(.failed("quarantined"))) == .fail("the peer: quarantined"))
    }

    @Test func recordsThatCannotBeStoredAreNotCovered() throws {
        let key = try #require(Key("key"))
        var peer = ReplicaModel([key: .minted(1)])
        var own = ReplicaModel()
        var cover = ReplicaCover(partition: self.partition, peers: [.a])
        var action = cover.start()
        while action != .finish {
            switch action {
            case .ask(_, let message): action = cover.answered(.peer(peer.answer(message)))
            case .store(.mergeBatch):
                action = cover.answered(.storage(.failed(.overloaded)))
                #expect(action == .fail("own storage: \(StorageFailure.overloaded)"))
                return
            case .store(let command): action = cover.answered(.storage(own.answer(command)))
            case .finish, .fail:
                Issue.record("a failed merge was taken for a durable one")
                return
            }
        }
    }
}
