import ArgumentParser
import Foundation
import QuireCore

/// `quire simulate plan`: plans a change of a cluster that exists on paper only.
struct SimulatePlan: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Plan a change of capacity on paper, and prove that nothing less would do.",
        discussion: """
            A cluster of the given size is laid out, the changes are planned as one, and the independent checker of \
            the layout log judges the plan as it would on every node. Exits with 1 when it objects, when the layout \
            breaks an invariant, or when more replicas move than must.

            With --random the clusters and changes are drawn: up to 60 nodes and 1024 partitions, zones, weights, \
            replaced, lost and returning nodes, another N, several changes at once and after each other. To replay a \
            violation: --random 1 --seed SEED
            """
    )

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Q, a power of two from 8 to 4096.")
    var partitions = 256

    @Option(name: .long, help: "S, the nodes before the change.")
    var nodes = 6

    @Option(name: .long, help: "N, 1 to 7.")
    var replicas = 3

    @Option(name: .long, help: "Zones, to which nodes belong in turn; 1 for no zones.")
    var zones = 1

    @Option(name: .long, help: "Nodes that join.")
    var join = 0

    @Option(name: .long, help: "Nodes that leave, the first ones.")
    var leave = 0

    @Option(name: .long, help: "Nodes that are replaced by new ones, the last ones.")
    var replace = 0

    @Option(name: .long, help: "N after the change (default: as before).")
    var setReplicas: Int?

    @Option(name: .long, help: ArgumentHelp("Draw so many clusters and their changes instead.", valueName: "count"))
    var random: Int?

    @Option(name: .long, help: "The seed of the first of them; each has the next one.")
    var seed: UInt64 = 1

    var format: OutputFormat { self.output.output }

    func validate() throws {
        if let random {
            guard (1...1_000_000).contains(random), self.seed <= .max - UInt64(random) else {
                throw ValidationError("--random must be in 1...1000000, and the last seed below 2^64.")
            }
            return
        }
        guard let count = PartitionCount(self.partitions) else {
            throw ValidationError("--partitions must be a power of two from 8 to 4096, not \(self.partitions).")
        }
        guard (1...7).contains(self.replicas), (1...7).contains(self.setReplicas ?? 1) else {
            throw ValidationError("--replicas and --set-replicas must be in 1...7.")
        }
        let after = self.nodes + self.join - self.leave
        guard self.nodes >= 1, self.zones >= 1, self.join >= 0, self.leave >= 0, self.replace >= 0,
            self.leave + self.replace <= self.nodes, (1...count.rawValue).contains(after),
            self.nodes <= count.rawValue
        else { throw ValidationError("before and after the change there must be 1...\(self.partitions) nodes.") }
        guard self.join + self.leave + self.replace > 0 || self.setReplicas ?? self.replicas != self.replicas else {
            throw ValidationError("give a change: --join, --leave, --replace or --set-replicas.")
        }
    }

    func run() async throws {
        if let random { return try await self.runRandom(count: random) }
        let figures = try PaperPlan(self).figures()
        try Report.result(figures, as: self.format) { figures.text }
        guard figures.isSound else {
            throw CommandFailure("unsound_plan", figures.objection ?? "the plan moves more than it must")
        }
    }

    private func runRandom(count: Int) async throws {
        let reporter = ProgressReporter(label: "planning", output: self.output)
        var summary = RandomPlanSummary()
        for (index, seed) in (self.seed..<self.seed + UInt64(count)).enumerated() {
            summary.add(RandomPlan.drawn(seed: seed).outcome(), seed: seed)
            await reporter.update(ProgressLine(done: index + 1, total: count, unit: .items("clusters")))
        }
        await reporter.finish()
        try Report.result(summary, as: self.format) { summary.text }
        if !summary.violations.isEmpty { throw QuietExit(status: .failed) }
    }
}

/// What a plan on paper is made of.
struct PaperPlan {
    struct Figures: Encodable {
        let seconds: Double
        let moved: Int
        let lowerBound: Int
        let tokensMin: Int
        let tokensMax: Int
        let replicasMin: Int
        let replicasMax: Int
        let zoneViolations: Int
        let liveReplicasMin: Int
        let replicaSetsBefore: Int
        let replicaSetsAfter: Int
        /// Sets of N nodes that may not be lost at once, per million of all sets of N nodes.
        let fatalSetsPerMillionBefore: Double
        let fatalSetsPerMillionAfter: Double
        let saturatedZones: [String]
        let partitionsInMotion: Int
        /// Of the independent checker or of the layout's invariants.
        let objection: String?

        var isSound: Bool {
            self.objection == nil && self.moved == self.lowerBound && self.zoneViolations == 0
        }

        var text: String {
            var lines = [
                "planned, validated and checked in \(Quantity.duration(seconds: self.seconds))",
                "moves     \(Quantity.count(self.moved)) replicas (proven minimum \(Quantity.count(self.lowerBound))) "
                    + "in \(Quantity.count(self.partitionsInMotion)) partitions",
                "tokens    \(self.tokensMin)–\(self.tokensMax) per node",
                "replicas  \(self.replicasMin)–\(self.replicasMax) per node",
                "live      at least \(self.liveReplicasMin) replicas of every partition at every moment",
                "sets      \(Quantity.count(self.replicaSetsBefore)) → \(Quantity.count(self.replicaSetsAfter)) distinct "
                    + "replica sets; fatal are \(self.fatalSetsPerMillionBefore.toHundredths) → "
                    + "\(self.fatalSetsPerMillionAfter.toHundredths) of a million sets of N nodes",
            ]
            if !self.saturatedZones.isEmpty {
                lines.append("zones that hold all they can: \(self.saturatedZones.joined(separator: ", "))")
            }
            lines.append(self.objection.map { "the checker objects: \($0)" } ?? "the checker agrees")
            return lines.joined(separator: "\n")
        }
    }

    private let before: Layout
    private let changes: [StagedChange]

    init(_ options: SimulatePlan) throws {
        guard let partitions = PartitionCount(options.partitions) else {
            throw CommandFailure("invalid_settings", "no such number of partitions: \(options.partitions)")
        }
        let member = { (number: Int) in
            let endpoint = Endpoint(host: "paper", port: 1)
            return Member(
                id: NodeID(rawValue: UInt64(number)),
                name: "n\(number)",
                zone: "z\(number % options.zones)",
                peer: endpoint,
                proxy: endpoint,
                http: endpoint
            )
        }
        let quorum = { (replicas: Int) in
            QuorumSettings(replicaCount: replicas, readQuorum: replicas / 2 + 1, writeQuorum: replicas / 2 + 1)
        }
        self.before = LayoutPlanner.initial(
            clusterID: String(repeating: "0", count: 32),
            members: (1...options.nodes).map(member),
            partitionCount: partitions,
            quorums: quorum(options.replicas)
        )
        let firstNew = options.nodes + 1
        var changes = (0..<options.join).map { StagedChange.join(member(firstNew + $0)) }
        changes += (0..<options.leave).map { .leave(NodeID(rawValue: UInt64(1 + $0))) }
        changes += (0..<options.replace).map { index in
            .replace(NodeID(rawValue: UInt64(options.nodes - index)), with: member(firstNew + options.join + index))
        }
        if let replicas = options.setReplicas, replicas != options.replicas {
            changes.append(.setQuorums(quorum(replicas)))
        }
        self.changes = changes
    }

    func figures() throws -> Figures {
        let started = ContinuousClock.now
        var staged = self.before
        staged.staged = self.changes
        staged.version = staged.version.next
        let plan = try LayoutPlanner.plan(for: staged)
        let after = try staged.committing(plan)
        let objection = PlanChecker.objection(before: staged, after: after).map { "\($0)" }
        let seconds = (ContinuousClock.now - started).seconds
        let staying = plan.perNode.filter { node in plan.members.contains { $0.id == node.node } }
        let perMillion = { (risk: PlanCertificate.Risk) in
            risk.allSets > 0 ? Double(risk.fatalSets) / Double(risk.allSets) * 1_000_000 : 0
        }
        return Figures(
            seconds: (seconds * 1000).rounded() / 1000,
            moved: plan.movedReplicas,
            lowerBound: plan.movedReplicasMinimum,
            tokensMin: staying.map(\.tokensAfter).min() ?? 0,
            tokensMax: staying.map(\.tokensAfter).max() ?? 0,
            replicasMin: staying.map(\.replicasAfter).min() ?? 0,
            replicasMax: staying.map(\.replicasAfter).max() ?? 0,
            zoneViolations: self.zoneViolations(of: plan),
            liveReplicasMin: plan.certificate.liveReplicasMinimum,
            replicaSetsBefore: plan.certificate.before.replicaSets,
            replicaSetsAfter: plan.certificate.after.replicaSets,
            fatalSetsPerMillionBefore: perMillion(plan.certificate.before),
            fatalSetsPerMillionAfter: perMillion(plan.certificate.after),
            saturatedZones: plan.saturatedZones.map(\.zone),
            partitionsInMotion: after.moves.count,
            objection: objection
        )
    }

    /// Rows that span fewer zones than they could.
    private func zoneViolations(of plan: LayoutPlan) -> Int {
        let zones = Dictionary(uniqueKeysWithValues: plan.members.map { ($0.id, $0.zone) })
        let possible = min(Set(zones.values).count, min(plan.quorums.replicaCount, plan.members.count))
        return plan.rows.count { row in Set(row.compactMap { zones[$0] }).count < possible }
    }
}
