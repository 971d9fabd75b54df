import QuireCore
import Testing

/// One test per claim of the Dynamo paper (SOSP 2007) that the pure core already keeps.
@Suite struct DynamoPaperTests {
    private let x = ActorID(rawValue: 1)
    private let y = ActorID(rawValue: 2)
    private let z = ActorID(rawValue: 3)

    private func vector(_ entries: (ActorID, UInt64)...) -> VersionVector {
        VersionVector(entries.map { .init(actor: $0.0, counter: $0.1) })
    }

    /// §4.4, Figure 3: D1...D5, handled by Sx, Sx, Sy, Sz and again Sx.
    @Test func figureThreeEvolvesAsPrinted() {
        var atX = Record()
        atX.mint(.of(1, 1), superseding: .context(VersionVector()))
        #expect(atX.vector == self.vector((self.x, 1)))
        atX.mint(.of(1, 2), superseding: .context(atX.vector))
        #expect(atX.vector == self.vector((self.x, 2)))
        #expect(atX.siblings.map(\.dot) == [Dot(actor: self.x, counter: 2)])

        var atY = atX
        atY.mint(.of(2, 1), superseding: .context(atX.vector))
        #expect(atY.vector == self.vector((self.x, 2), (self.y, 1)))
        var atZ = atX
        atZ.mint(.of(3, 1), superseding: .context(atX.vector))
        #expect(atZ.vector == self.vector((self.x, 2), (self.z, 1)))

        let read = atY.merging(atZ)
        #expect(read.siblings.map(\.dot) == [Dot(actor: self.y, counter: 1), Dot(actor: self.z, counter: 1)])
        #expect(read.vector == self.vector((self.x, 2), (self.y, 1), (self.z, 1)))

        atX.merge(read)
        atX.mint(.of(1, 3), superseding: .context(read.vector))
        #expect(atX.vector == self.vector((self.x, 3), (self.y, 1), (self.z, 1)))
        #expect(atX.siblings.map(\.dot) == [Dot(actor: self.x, counter: 3)])
        #expect(atX.descends(from: atY) && atX.descends(from: atZ))
    }

    /// §4.4: if the counters of the first are all less than or equal to the second's, it is an ancestor and is
    /// forgotten; otherwise the two are in conflict.
    @Test func ancestorsAreForgottenAndConflictsKept() {
        var first = Record()
        first.mint(.of(1, 1), superseding: .context(VersionVector()))
        var second = first
        second.mint(.of(2, 1), superseding: .context(first.vector))
        #expect(first.merging(second) == second)
        var third = first
        third.mint(.of(3, 1), superseding: .context(first.vector))
        #expect(second.merging(third).siblings.count == 2)
    }

    /// §4.4: a read returns all leaves, and a write with its context collapses the branches into one.
    @Test func aWriteWithTheContextOfAReadCollapsesItsBranches() {
        var record = Record()
        for actor: UInt64 in 1...5 {
            record.mint(.of(actor, 1), superseding: .context(VersionVector()))
        }
        #expect(record.siblings.count == 5)
        record.mint(.of(1, 2), superseding: .context(record.vector))
        #expect(record.siblings.count == 1)
    }

    /// §4.4: the system never loses an "add": two writes with the same context survive side by side, even when the
    /// same coordinator takes both, which the paper's plain clock cannot express.
    @Test func twoWritesWithOneContextBothSurviveAtOneCoordinator() {
        var record = Record()
        record.mint(.of(1, 1), superseding: .context(VersionVector()))
        let context = record.vector
        record.mint(.of(1, 2), superseding: .context(context))
        record.mint(.of(1, 3), superseding: .context(context))
        #expect(record.siblings.map(\.dot.counter) == [2, 3])
    }

    /// §4.3: the preference list holds distinct nodes, and more than N of them.
    @Test func preferenceListsNameMoreThanNDistinctNodes() throws {
        let layout = try Layout.initial(Member.inZones([6]))
        for partition in layout.partitionCount.partitions {
            let list = PreferenceList.fallback(for: partition, in: layout)
            #expect(list.count > layout.quorums.replicaCount)
            #expect(Set(list).count == list.count)
        }
    }

    /// §4.6: preference lists span data centres, so that a whole one can fail.
    @Test func everyPreferenceListSurvivesTheLossOfAZone() throws {
        let layout = try Layout.initial(Member.inZones([3, 3, 3]))
        for row in layout.rows {
            #expect(Set(row.compactMap { layout.member($0)?.zone }).count == 3)
        }
    }

    /// §6.2, strategy 3: S nodes hold Q/S tokens each, whatever joins and leaves.
    @Test func everyNodeHoldsQOverSTokens() throws {
        var layout = try Layout.initial(Member.inZones([4]))
        for number in 5...8 {
            layout = try layout.changed([.join(.numbered(number))])
            layout = try layout.changed([.leave(NodeID(number: number - 4)), .join(.numbered(number + 90))])
            let share = 256 / layout.members.count...(255 + layout.members.count) / layout.members.count
            #expect(layout.members.allSatisfy { share.contains(layout.tokenCount(of: $0.id)) })
        }
    }

    /// §6.2: partitions are fixed: their bounds do not move when membership changes, only their places do.
    @Test func keysStayInTheirPartitionWhenMembershipChanges() throws {
        let before = try Layout.initial(Member.inZones([3]))
        let after = try before.changed([.join(.numbered(4))])
        let keys = (0..<100).compactMap { Key("key\($0)") }
        #expect(keys.map(before.partitionCount.partition(of:)) == keys.map(after.partitionCount.partition(of:)))
    }

    /// §6.2: with S = 30 and N = 3, as in Figure 8, load per node is balanced to within one replica.
    @Test func figureEightsClusterIsBalancedToOneReplica() throws {
        let layout = try Layout.initial(Member.inZones([30]), partitions: 1024)
        let loads = layout.members.map { layout.replicaCount(of: $0.id) }
        #expect(loads.allSatisfy { (102...103).contains($0) })
    }

    /// §4.7: two replicas compare roots, and exchange only what differs.
    @Test func equalReplicasHaveEqualRoots() throws {
        let hash = try #require(Key("a")).hash
        var left = MerkleLeaves()
        var right = MerkleLeaves()
        left.replace(0, with: 17, at: hash)
        #expect(left.root != right.root)
        #expect(left.differences(from: right) == [MerkleLeaves.leaf(of: hash)])
        right.replace(0, with: 17, at: hash)
        #expect(left.root == right.root)
    }
}
