import Testing

@testable import QuireCore

/// The independent checker accepts what the planner makes, and nothing else.
@Suite struct PlanCheckerTests {
    /// A random cluster and a random batch of changes to it, as an operator might stage them.
    struct RandomChange {
        var layout: Layout
        var changes: [StagedChange] = []

        init?(using random: inout SeededGenerator, nodesMax: Int, partitionsMax: Int) throws {
            let exponents = (3...12).filter { 1 << $0 <= partitionsMax }
            let partitions = 1 << (exponents.randomElement(using: &random) ?? 3)
            let count = Int.random(in: 1...min(nodesMax, partitions - 4), using: &random)
            let zoneCount = Int.random(in: 1...5, using: &random)
            let isWeighted = Int.random(in: 0...2, using: &random) == 0
            let newMember = { (number: Int, random: inout SeededGenerator) in
                var member = Member.numbered(number, zone: "z\(Int.random(in: 0..<zoneCount, using: &random))")
                if isWeighted { member.weight = Int.random(in: 1...8, using: &random) * 50 }
                return member
            }
            let members = (1...count).map { newMember($0, &random) }
            let replicas = Int.random(in: 1...5, using: &random)
            self.layout = try Layout.initial(members, partitions: partitions, replicas: replicas)
            var touched: Set<Int> = []
            let untouched = { (random: inout SeededGenerator) -> NodeID? in
                let number = Int.random(in: 1...count, using: &random)
                return touched.insert(number).inserted ? NodeID(number: number) : nil
            }
            var next = count
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0...9, using: &random) {
                case 0...3:
                    guard next + 1 < partitions else { continue }
                    next += 1
                    self.changes.append(.join(newMember(next, &random)))
                case 4, 5:
                    guard touched.count + 1 < count else { continue }
                    if let node = untouched(&random) {
                        self.changes.append(.leave(node, isLost: Bool.random(using: &random)))
                    }
                case 6:
                    next += 1
                    if let node = untouched(&random) {
                        self.changes.append(.replace(node, with: newMember(next, &random)))
                    }
                case 7:
                    if let node = untouched(&random) {
                        self.changes.append(.setWeight(node, Int.random(in: 1...8, using: &random) * 50))
                    }
                case 8:
                    if let node = untouched(&random) { self.changes.append(.setZone(node, "z\(zoneCount)")) }
                case 9 where !self.changes.contains(where: { $0.node == nil }) && replicas < 5:
                    self.changes.append(
                        .setQuorums(QuorumSettings(replicaCount: replicas + 1, readQuorum: 1, writeQuorum: replicas))
                    )
                default:
                    continue
                }
            }
            if self.changes.isEmpty { return nil }
        }
    }

    @Test(arguments: [UInt64](1...6))
    func everyPlanValidatesIsAcceptedAndMovesTheLeast(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for round in 0..<40 {
            guard let drawn = try RandomChange(using: &random, nodesMax: 30, partitionsMax: round % 8 == 0 ? 256 : 64)
            else { continue }
            let (staged, plan) = try drawn.layout.planned(drawn.changes)
            let after = try staged.committing(plan)
            let note: Comment = "seed \(seed), round \(round): \(drawn.changes)"
            #expect(PlanChecker.objection(before: staged, after: after) == nil, note)
            #expect(plan.movedReplicas == plan.movedReplicasMinimum, note)
            #expect(plan.certificate.movedReplicas == plan.movedReplicas, note)
        }
    }

    private func begun(_ change: (inout Layout) -> Void = { _ in }) throws -> (before: Layout, after: Layout) {
        let (staged, plan) = try Layout.initial(Member.inZones([2, 2, 2]), partitions: 16).planned([
            .join(.numbered(9, zone: "z0"))
        ])
        var after = try staged.committing(plan)
        change(&after)
        return (staged, after)
    }

    private func objection(_ change: (inout Layout) -> Void) throws -> PlanChecker.Objection? {
        let (before, after) = try self.begun(change)
        return PlanChecker.objection(before: before, after: after)
    }

    @Test func objectsToRowsThatAreNoRows() throws {
        #expect(try self.objection { _ in } == nil)
        let first = PartitionID(0)
        let rest = { (layout: inout Layout, row: [NodeID]) in
            layout.moves.removeAll { $0.partition == first }
            layout.rows[0] = row
        }
        let row = try self.begun().before.rows[0]
        #expect(try self.objection { rest(&$0, Array(row.dropLast())) } == .rowIncomplete(first))
        #expect(try self.objection { rest(&$0, [row[0], row[0], row[1]]) } == .rowRepeatsNode(first))
        let stranger = NodeID(number: 77)
        #expect(try self.objection { rest(&$0, [row[0], row[1], stranger]) } == .rowNamesStranger(first, stranger))
        let crowded = [NodeID(number: 1), NodeID(number: 2), NodeID(number: 3)]
        #expect(try self.objection { rest(&$0, crowded) } == .zonesNotSpread(first, found: 2, possible: 3))
    }

    @Test func objectsToLoadsThatAreNotBalanced() throws {
        let found = try self.objection { layout in
            // Everything that node 1 has goes to node 2 of the same zone, where that is possible.
            for index in layout.rows.indices where !layout.moves.contains(where: { $0.partition.rawValue == index }) {
                layout.rows[index] = layout.rows[index].map { $0 == .a ? .b : $0 }
            }
        }
        guard case .loadOutOfShare? = found else {
            Issue.record("found \(String(describing: found))")
            return
        }
    }

    @Test func objectsToFiguresThatAreNotTrue() throws {
        let (_, after) = try self.begun()
        let change = try #require(after.change)
        let certificate = try #require(change.certificate)
        let tampered = { (moved: Int, minimum: Int, prices: [Int]) in
            PlanCertificate(
                movedReplicas: moved,
                movedReplicasMinimum: minimum,
                prices: prices,
                liveReplicasMinimum: certificate.liveReplicasMinimum,
                before: certificate.before,
                after: certificate.after,
                saturatedZones: [],
                saturatedNodes: []
            )
        }
        let moved = certificate.movedReplicas
        #expect(
            try self.objection { $0.change?.certificate = tampered(moved - 1, moved, certificate.prices) }
                == .movedReplicas(stated: moved - 1, counted: moved)
        )
        #expect(
            try self.objection { $0.change?.certificate = tampered(moved, moved - 1, certificate.prices) }
                == .minimum(stated: moved - 1, proven: moved)
        )
        #expect(
            try self.objection { $0.change?.certificate = tampered(moved, moved, []) } == .pricesDoNotMatchMembers
        )
        let absurd = Array(repeating: Int.max, count: certificate.prices.count)
        #expect(
            try self.objection { $0.change?.certificate = tampered(moved, moved, absurd) } == .pricesDoNotMatchMembers
        )
        let free = Array(repeating: 0, count: certificate.prices.count)
        #expect(
            try self.objection { $0.change?.certificate = tampered(moved, 0, free) }
                == .notMinimal(moved: moved, proven: 0)
        )
        #expect(try self.objection { $0.change?.certificate = nil } == .noCertificate)
    }

    @Test func everyOtherStepIsNoneOfItsBusiness() throws {
        let (before, after) = try self.begun()
        #expect(PlanChecker.objection(before: after, after: try after.pausing()) == nil)
        #expect(PlanChecker.objection(before: before, after: before.clearingStaged()) == nil)
    }
}
