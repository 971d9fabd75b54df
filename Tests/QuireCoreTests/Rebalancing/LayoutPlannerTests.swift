import QuireCore
import Testing

@Suite struct LayoutPlannerTests {
    /// Dynamo §6.2: a joining node takes tokens from the others such that each ends with Q/S.
    @Test func aFourthNodeTakesExactlyItsShareFromEachOfThree() throws {
        let layout = try Layout.initial(Member.inZones([3]))
        let plan = try layout.planned([.join(.numbered(4))]).plan
        #expect(plan.movedReplicas == 192)
        #expect(plan.movedReplicasMinimum == 192)
        #expect(plan.moves.count == 192)
        #expect(plan.perNode.map(\.tokensAfter) == [64, 64, 64, 64])
        #expect(plan.perNode.map(\.replicasAfter) == [192, 192, 192, 192])
        #expect(plan.perNode.map(\.incoming) == [0, 0, 0, 192])
        #expect(plan.perNode.map(\.outgoing) == [64, 64, 64, 0])
        #expect(plan.saturatedZones.isEmpty)
    }

    @Test func aThirdOfThreeLeavesWithoutMovingAnything() throws {
        let layout = try Layout.initial(Member.inZones([3]))
        let plan = try layout.planned([.leave(NodeID(number: 2))]).plan
        #expect(plan.movedReplicas == 0)
        #expect(plan.movedReplicasMinimum == 0)
        #expect(plan.rows.allSatisfy { Set($0) == [NodeID(number: 1), NodeID(number: 3)] })
        #expect(plan.perNode.map(\.tokensAfter) == [128, 0, 128])
        #expect(plan.perNode.map(\.outgoing) == [0, 256, 0])
    }

    @Test func rowsGrowUntilTheyHaveNReplicas() throws {
        var layout = try Layout.initial([.numbered(1)])
        #expect(layout.rows.allSatisfy { $0.count == 1 })
        let plan = try layout.planned([.join(.numbered(2))]).plan
        #expect(plan.movedReplicas == 256)
        #expect(plan.moves.allSatisfy { $0.from == nil })
        layout = try layout.changed([.join(.numbered(2))])
        #expect(layout.rows.allSatisfy { $0.count == 2 })
        layout = try layout.changed([.join(.numbered(3)), .join(.numbered(4))])
        #expect(layout.rows.allSatisfy { $0.count == 3 })
    }

    /// The cases of the table in the reference on rebalancing, with their known least movement.
    @Test(arguments: [
        ZoneCase(partitions: 256, replicas: 3, zones: [4, 4, 4], joins: [0], leaves: [], moved: 51, saturated: ["z0"]),
        ZoneCase(partitions: 256, replicas: 3, zones: [4, 4, 4], joins: [3], leaves: [], moved: 59, saturated: []),
        ZoneCase(
            partitions: 256,
            replicas: 3,
            zones: [4, 4, 4],
            joins: [],
            leaves: [5],
            moved: 64,
            saturated: ["z0", "z2"]
        ),
        ZoneCase(partitions: 256, replicas: 3, zones: [4, 4, 4], joins: [1], leaves: [5], moved: 64, saturated: []),
        ZoneCase(partitions: 512, replicas: 3, zones: [3, 3, 2], joins: [2], leaves: [], moved: 170, saturated: []),
        ZoneCase(
            partitions: 512,
            replicas: 4,
            zones: [3, 3, 3, 3],
            joins: [3],
            leaves: [],
            moved: 128,
            saturated: ["z3"]
        ),
    ])
    func zonesStaySpreadAtTheLeastMovement(_ known: ZoneCase) throws {
        let members = Member.inZones(known.zones)
        let layout = try Layout.initial(members, partitions: known.partitions, replicas: known.replicas)
        try layout.validate()
        let joins = known.joins.map { StagedChange.join(.numbered(90, zone: "z\($0)")) }
        let leaves = known.leaves.map { StagedChange.leave(NodeID(number: $0)) }
        let (staged, plan) = try layout.planned(joins + leaves)
        #expect(plan.movedReplicas == known.moved)
        #expect(plan.movedReplicasMinimum == known.moved)
        #expect(plan.saturatedZones.map(\.zone) == known.saturated)
        let committed = try staged.committing(plan)
        try committed.validate()
        let zones = Dictionary(uniqueKeysWithValues: plan.members.map { ($0.id, $0.zone) })
        for row in plan.rows {
            #expect(Set(row.compactMap { zones[$0] }).count == known.replicas)
        }
    }

    @Test func samePlanAndIdWhereverItIsMade() throws {
        let layout = try Layout.initial(Member.inZones([2, 3, 2]))
        let changes: [StagedChange] = [.join(.numbered(40, zone: "z1")), .leave(NodeID(number: 3))]
        let first = try layout.planned(changes).plan
        let second = try layout.planned(changes).plan
        #expect(first == second)
        #expect(first.id.count == 12)
        #expect(first.id.allSatisfy { $0.isHexDigit })
        #expect(try layout.planned([.leave(NodeID(number: 3))]).plan.id != first.id)
    }

    @Test func severalChangesCostNoMoreThanOneAfterTheOther() throws {
        let layout = try Layout.initial(Member.inZones([5]))
        let changes: [StagedChange] = [
            .join(.numbered(6)), .join(.numbered(7)), .leave(NodeID(number: 1)), .leave(NodeID(number: 2)),
        ]
        let together = try layout.planned(changes).plan.movedReplicas
        var stepwise = 0
        var current = layout
        for change in changes {
            stepwise += try current.planned([change]).plan.movedReplicas
            current = try current.changed([change])
        }
        #expect(together < stepwise)
        #expect(together == layout.replicaCount(of: NodeID(number: 1)) + layout.replicaCount(of: NodeID(number: 2)))
    }

    @Test func refusesWhatCannotBePlanned() throws {
        let layout = try Layout.initial(Member.inZones([2]))
        #expect(throws: PlanRefusal.nothingStaged) { try LayoutPlanner.plan(for: layout) }
        #expect(throws: PlanRefusal.memberCountOutOfRange(0, allowed: 1...256)) {
            try layout.planned([.leave(NodeID(number: 1)), .leave(NodeID(number: 2))])
        }
        let (staged, plan) = try layout.planned([.join(.numbered(3))])
        let running = try staged.committing(plan).staging(.join(.numbered(4)))
        #expect(throws: PlanRefusal.changeRunning(planID: plan.id, movesLeft: 256)) {
            try LayoutPlanner.plan(for: running)
        }
        let small = try Layout.initial(Member.inZones([8]), partitions: 8)
        #expect(throws: PlanRefusal.memberCountOutOfRange(9, allowed: 1...8)) {
            try small.planned([.join(.numbered(9))])
        }
    }

    @Test func refusesFoundersThatCannotBegin() throws {
        func violation(_ members: [Member], _ quorums: QuorumSettings, _ id: String) throws -> LayoutViolation? {
            let partitionCount = try #require(PartitionCount(8))
            do {
                _ = try LayoutPlanner.validatedInitial(
                    clusterID: id,
                    members: members,
                    partitionCount: partitionCount,
                    quorums: quorums
                )
                return nil
            } catch {
                return error
            }
        }
        let good = QuorumSettings()
        let bad = QuorumSettings(replicaCount: 0, readQuorum: 0, writeQuorum: 0)
        let id = Layout.testClusterID
        let two = Member.inZones([2])
        #expect(try violation(two, good, id) == nil)
        #expect(try violation([], good, id) == .memberCountOutOfRange(0, allowed: 1...8))
        #expect(try violation(Member.inZones([9]), good, id) == .memberCountOutOfRange(9, allowed: 1...8))
        #expect(try violation(two + two, good, id) == .membersNotAscending(NodeID(number: 1)))
        #expect(try violation(two, bad, id) == .quorumsOutOfRange(bad))
        #expect(try violation(two, good, "") == .malformedClusterID(""))
    }

    @Test func leavingANodeSpreadsItsReplicasOverAllOthers() throws {
        let layout = try Layout.initial(Member.inZones([9]))
        let plan = try layout.planned([.leave(NodeID(number: 4))]).plan
        #expect(plan.movedReplicas == layout.replicaCount(of: NodeID(number: 4)))
        for share in plan.perNode where share.node != NodeID(number: 4) {
            #expect((10...11).contains(share.incoming), "\(share)")
        }
    }
}

struct ZoneCase: Sendable {
    let partitions: Int
    let replicas: Int
    let zones: [Int]
    /// Zones that get a node more.
    let joins: [Int]
    /// Numbers of nodes that leave.
    let leaves: [Int]
    let moved: Int
    let saturated: [String]
}
