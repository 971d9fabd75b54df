import QuireCore
import Testing

/// What plans of each kind of change move, and what they leave alone.
@Suite struct PlanChangesTests {
    private func node(_ number: Int) -> NodeID { NodeID(number: number) }

    private func accepted(_ layout: Layout, _ changes: [StagedChange]) throws -> LayoutPlan {
        let (staged, plan) = try layout.planned(changes)
        let committed = try staged.committing(plan)
        #expect(PlanChecker.objection(before: staged, after: committed) == nil)
        #expect(plan.movedReplicas == plan.movedReplicasMinimum)
        #expect(committed.change?.certificate == plan.certificate)
        return plan
    }

    @Test func aReplacementMovesExactlyWhatTheReplacedNodeHeld() throws {
        let layout = try Layout.initial(Member.inZones([4, 4, 4]))
        let plan = try self.accepted(layout, [.replace(self.node(5), with: .numbered(90, zone: "z1"))])
        #expect(plan.movedReplicas == 64)
        #expect(plan.moves.allSatisfy { $0.from == self.node(5) && $0.to == self.node(90) })
        for (old, new) in zip(layout.rows, plan.rows) {
            #expect(Set(new) == Set(old.map { $0 == self.node(5) ? self.node(90) : $0 }))
        }
    }

    @Test func aHeavierNodeTakesItsPartOfEverything() throws {
        let layout = try Layout.initial(Member.inZones([7]))
        let plan = try self.accepted(layout, [.setWeight(self.node(3), 200)])
        let share = plan.perNode[2]
        // 2 of 8 parts of 768 replicas and of 256 tokens.
        #expect(share.replicasAfter == 192)
        #expect(share.tokensAfter == 64)
        #expect(plan.movedReplicas == 192 - layout.replicaCount(of: self.node(3)))
        #expect(plan.moves.allSatisfy { $0.to == self.node(3) })
    }

    @Test func aNodeOfNextToNoWeightStaysAMemberWithoutReplicas() throws {
        var layout = try Layout.initial(Member.inZones([5]), partitions: 8)
        layout = try layout.changed((1...4).map { .setWeight(self.node($0), 10_000) } + [.setWeight(self.node(5), 1)])
        #expect(layout.replicaCount(of: self.node(5)) <= 1)
        #expect(layout.members.count == 5)
        let back = try layout.changed([.setWeight(self.node(5), 10_000)])
        #expect(back.replicaCount(of: self.node(5)) >= 4)
    }

    @Test func aLargerNAddsOneReplicaPerPartitionAndMovesNoOther() throws {
        let layout = try Layout.initial(Member.inZones([3, 3, 3, 3]))
        let more = QuorumSettings(replicaCount: 4, readQuorum: 2, writeQuorum: 3)
        let plan = try self.accepted(layout, [.setQuorums(more)])
        #expect(plan.movedReplicas == 256)
        #expect(plan.moves.allSatisfy { $0.from == nil })
        #expect(zip(layout.rows, plan.rows).allSatisfy { Set($0).isSubset(of: $1) && $1.count == 4 })
        let fewer = QuorumSettings(replicaCount: 2, readQuorum: 1, writeQuorum: 2)
        let shrunk = try self.accepted(layout, [.setQuorums(fewer)])
        #expect(shrunk.movedReplicas == 0)
        #expect(shrunk.rows.allSatisfy { $0.count == 2 })
        #expect(shrunk.certificate.liveReplicasMinimum == 2)
    }

    @Test func aNodeThatReturnsGetsItsOldPartitions() throws {
        let before = try Layout.initial(Member.inZones([4, 4, 4]))
        let old = before.partitionCount.partitions.filter { before.readRow(of: $0).contains(self.node(6)) }
        let without = try before.changed([.leave(self.node(6))])
        let plan = try self.accepted(without, [.join(.numbered(6, zone: "z1"))])
        #expect(plan.movedReplicas == 64)
        #expect(plan.moves.map(\.partition) == old)
        // Without the way back nobody knows what it had.
        let forgotten = try self.accepted(without.closingUndo(), [.join(.numbered(6, zone: "z1"))])
        #expect(forgotten.movedReplicas == 64)
        #expect(forgotten.moves.map(\.partition) != old)
    }

    @Test func aMovedZoneSpreadsItsNodesAnew() throws {
        let layout = try Layout.initial(Member.inZones([4, 4, 1]))
        let plan = try self.accepted(layout, [.setZone(self.node(1), "z2"), .setZone(self.node(5), "z2")])
        #expect(plan.perNode.allSatisfy { (85...86).contains($0.replicasAfter) })
        let zones = Dictionary(uniqueKeysWithValues: plan.members.map { ($0.id, $0.zone) })
        #expect(plan.rows.allSatisfy { Set($0.compactMap { zones[$0] }).count == 3 })
    }

    @Test func lostReplicasAreNotAlive() throws {
        let layout = try Layout.initial(Member.inZones([5]))
        #expect(try self.accepted(layout, [.leave(self.node(2))]).certificate.liveReplicasMinimum == 3)
        #expect(try self.accepted(layout, [.leave(self.node(2), isLost: true)]).certificate.liveReplicasMinimum == 2)
    }
}
