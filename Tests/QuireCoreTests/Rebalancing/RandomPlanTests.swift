import Testing

@testable import QuireCore

/// Random clusters and changes: every plan is valid, proven and accepted.
@Suite struct RandomPlanTests {
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
}
