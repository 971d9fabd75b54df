import QuireCore

/// A cluster and changes of it that a seed draws, one after the other, to be planned and judged.
///
/// The judge is the checker that every node runs (SAFETY rule 14), and the plan's own bound: what moves more is wrong.
struct RandomPlan {
    let partitionCount: PartitionCount
    let replicas: Int
    let members: [Member]
    /// Each is committed when the one before has ended.
    let batches: [[StagedChange]]

    /// A cluster of up to 60 nodes with up to 1024 partitions, most of them small, and up to 3 batches of up to 6
    /// changes. Nodes that have left may return with the next batch.
    static func drawn(seed: UInt64) -> RandomPlan {
        var random = SeededGenerator(seed: seed)
        let exponent = min(Int.random(in: 3...10, using: &random), Int.random(in: 3...10, using: &random))
        // In range by construction.
        let partitionCount = PartitionCount(1 << exponent) ?? .standard
        let batchCount = exponent < 5 ? 1 : Int.random(in: 1...3, using: &random)
        let nodesMax = min(60, partitionCount.rawValue - batchCount * PlanDraw.changesMax)
        let replicas = Int.random(in: 1...5, using: &random)
        var draw = PlanDraw(
            zones: Int.random(in: 1...6, using: &random),
            isWeighted: Bool.random(using: &random),
            replicas: replicas,
            random: random
        )
        let members = draw.members(nodesMax: nodesMax)
        return RandomPlan(
            partitionCount: partitionCount,
            replicas: replicas,
            members: members,
            batches: (0..<batchCount).map { _ in draw.batch() }
        )
    }

    static func member(_ number: Int, zone: Int, weight: Int = Member.weightDefault) -> Member {
        // Nobody dials it.
        let endpoint = Endpoint(host: "127.0.0.1", port: 1)
        return Member(
            id: NodeID(rawValue: UInt64(number + 1)),
            name: "n\(number + 1)",
            zone: "z\(zone + 1)",
            weight: weight,
            peer: endpoint,
            proxy: endpoint,
            http: endpoint
        )
    }

    /// Plans, commits and judges each batch; the time is that of these three.
    func outcome() -> RandomPlanOutcome {
        var outcome = RandomPlanOutcome()
        do {
            var layout = try self.founded()
            for batch in self.batches where outcome.violation == nil {
                layout = try self.judge(batch, on: layout, into: &outcome)
            }
        } catch {
            outcome.violation = "\(error)"
        }
        return outcome
    }

    /// - Returns: The layout when everything has moved.
    private func judge(
        _ batch: [StagedChange],
        on layout: Layout,
        into outcome: inout RandomPlanOutcome
    ) throws -> Layout {
        let before = try batch.reduce(layout) { try $0.staging($1) }
        let clock = ContinuousClock()
        let began = clock.now
        let plan = try LayoutPlanner.plan(for: before)
        let after = try before.committing(plan)
        let objection = PlanChecker.objection(before: before, after: after)
        let seconds = (clock.now - began).seconds
        outcome.plans += 1
        outcome.moved += plan.movedReplicas
        outcome.lowerBound += plan.movedReplicasMinimum
        outcome.seconds += seconds
        outcome.secondsMax = max(outcome.secondsMax, seconds)
        outcome.saturated += plan.saturatedZones.isEmpty ? 0 : 1
        if let objection {
            outcome.violation = "\(objection)"
        } else if plan.movedReplicas != plan.movedReplicasMinimum {
            outcome.violation =
                "moves \(plan.movedReplicas) replicas where \(plan.movedReplicasMinimum) are proven"
        }
        return try Self.settled(after)
    }

    private func founded() throws -> Layout {
        try LayoutPlanner.validatedInitial(
            clusterID: String(repeating: "0", count: 32),
            members: self.members,
            partitionCount: self.partitionCount,
            quorums: QuorumSettings(replicaCount: self.replicas, readQuorum: 1, writeQuorum: self.replicas)
        )
    }

    /// The end of a change, without the steps that data would need.
    private static func settled(_ layout: Layout) throws -> Layout {
        var settled = layout
        settled.version = layout.version.next
        settled.rows = layout.targetRows
        settled.moves = []
        settled.members = layout.stayingMembers
        settled.leaving = []
        settled.lost = []
        settled.formerQuorums = nil
        settled.voters = VoterElection.voters(among: settled.members, keeping: layout.voters)
        settled.change?.state = .finished
        settled.change?.endedAt = settled.version
        try settled.validate()
        return settled
    }
}

/// What became of the plans of one seed.
struct RandomPlanOutcome {
    var plans = 0
    var moved = 0
    /// No placements as spread and as balanced move fewer.
    var lowerBound = 0
    var seconds = 0.0
    var secondsMax = 0.0
    /// Plans in which some zone holds all it can.
    var saturated = 0
    /// What was refused, what the checker objects to, or what exceeds the bound.
    var violation: String?
}

/// What became of many.
struct RandomPlanSummary: Encodable {
    struct Violation: Encodable {
        let seed: UInt64
        let violation: String
    }

    var clusters = 0
    var plans = 0
    var moved = 0
    var lowerBound = 0
    var saturated = 0
    var seconds = 0.0
    var secondsMax = 0.0
    var violations: [Violation] = []

    mutating func add(_ outcome: RandomPlanOutcome, seed: UInt64) {
        self.clusters += 1
        self.plans += outcome.plans
        self.moved += outcome.moved
        self.lowerBound += outcome.lowerBound
        self.saturated += outcome.saturated
        self.seconds += outcome.seconds
        self.secondsMax = max(self.secondsMax, outcome.secondsMax)
        if let violation = outcome.violation {
            self.violations.append(Violation(seed: seed, violation: violation))
        }
    }

    var text: String {
        let lines = [
            "\(Quantity.count(self.plans)) plans for \(Quantity.count(self.clusters)) clusters, "
                + "\(Quantity.count(self.saturated)) with zones that hold all they can",
            "moved \(Quantity.count(self.moved)) replicas, proven minimum \(Quantity.count(self.lowerBound))",
            "\(Quantity.decimal(self.seconds, digits: 1)) s in all, "
                + "\(Quantity.decimal(self.secondsMax, digits: 3)) s at most",
            "violations: \(self.violations.count)",
        ]
        return (lines + self.violations.map { "seed \($0.seed): \($0.violation)" }).joined(separator: "\n")
    }
}

/// Draws members and changes: each node is named by one change of a batch at most.
private struct PlanDraw {
    static let changesMax = 6

    let zones: Int
    let isWeighted: Bool
    private var replicas: Int
    private var random: SeededGenerator
    private var nodes = 0
    private var present: [Member] = []
    private var gone: [Member] = []
    /// What no change of this batch has named yet: of those who are present, and of those who left before.
    private var untouched: [NodeID] = []
    private var mayReturn: [Member] = []

    init(zones: Int, isWeighted: Bool, replicas: Int, random: SeededGenerator) {
        self.zones = zones
        self.isWeighted = isWeighted
        self.replicas = replicas
        self.random = random
    }

    mutating func members(nodesMax: Int) -> [Member] {
        self.present = (0..<Int.random(in: 1...nodesMax, using: &self.random)).map { _ in self.newMember() }
        return self.present
    }

    /// One node is never taken away: somebody stays.
    mutating func batch() -> [StagedChange] {
        self.untouched = self.present.map(\.id).shuffled(using: &self.random)
        self.mayReturn = self.gone.shuffled(using: &self.random)
        let stays = self.untouched.popLast()
        var changes: [StagedChange] = [self.join()]
        var isSettled = false
        for _ in 1..<Int.random(in: 1..<Self.changesMax, using: &self.random) {
            changes.append(self.change(isSettled: &isSettled))
        }
        // Without the join most batches shrink the cluster or leave its size.
        if changes.count > 1, Bool.random(using: &self.random), let joiner = changes.removeFirst().joiner {
            self.present.removeAll { $0.id == joiner.id }
        }
        if let stays, Int.random(in: 0..<4, using: &self.random) == 0 {
            changes.append(.setWeight(stays, self.weight()))
        }
        return changes
    }

    /// - Parameter isSettled: Whether N was changed already.
    private mutating func change(isSettled: inout Bool) -> StagedChange {
        let kind = Int.random(in: 0..<10, using: &self.random)
        if kind == 9, !isSettled {
            isSettled = true
            // One up or down, inside 1...7.
            let isFewer = self.replicas > 1 && (self.replicas == 7 || Bool.random(using: &self.random))
            self.replicas += isFewer ? -1 : 1
            return .setQuorums(
                QuorumSettings(replicaCount: self.replicas, readQuorum: 1, writeQuorum: self.replicas)
            )
        }
        guard kind >= 2, let node = self.untouched.popLast() else { return self.join() }
        switch kind {
        case 2...4:
            self.leave(node)
            return .leave(node, isLost: Bool.random(using: &self.random))
        case 5, 6:
            self.leave(node)
            let member = self.newMember()
            self.present.append(member)
            return .replace(node, with: member, isLost: Bool.random(using: &self.random))
        case 7:
            return .setZone(node, "z\(Int.random(in: 0...self.zones, using: &self.random) + 1)")
        default:
            return .setWeight(node, self.weight())
        }
    }

    private mutating func join() -> StagedChange {
        let returns = Bool.random(using: &self.random) ? self.mayReturn.popLast() : nil
        let member = returns ?? self.newMember()
        self.gone.removeAll { $0.id == member.id }
        self.present.append(member)
        return .join(member)
    }

    private mutating func leave(_ node: NodeID) {
        self.gone += self.present.filter { $0.id == node }
        self.present.removeAll { $0.id == node }
    }

    private mutating func newMember() -> Member {
        defer { self.nodes += 1 }
        let zone = Int.random(in: 0..<self.zones, using: &self.random)
        return RandomPlan.member(
            self.nodes,
            zone: zone,
            weight: self.isWeighted ? self.weight() : Member.weightDefault
        )
    }

    /// Mostly like those of machines of three generations, now and then extreme.
    private mutating func weight() -> Int {
        Int.random(in: 0..<8, using: &self.random) == 0
            ? Int.random(in: Member.weightsAllowed, using: &self.random)
            : [50, 100, 100, 200, 400].randomElement(using: &self.random) ?? Member.weightDefault
    }
}
