import ArgumentParser
import QuireWire

/// `quire cluster plan`: what the staged changes would do, before they do it.
struct ClusterPlan: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what the staged changes would move."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .customLong("detailed-exitcode"), help: "Exit with 2 when there is something to commit, 0 when not.")
    var detailedExitCode = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let plan: ClusterAPI.Plan
        do {
            plan = try await self.node.api.get("/v1/cluster/plan")
        } catch let failure as CommandFailure where failure.code == "nothing_staged" && self.detailedExitCode {
            // With this flag the question is whether there is something to commit, and the answer is no.
            return try Report.result(["staged": 0], as: self.format) { "Nothing is staged." }
        }
        try Report.result(plan, as: self.format) { PlanText(plan, node: self.node.node).rendered() }
        if self.detailedExitCode, !plan.staged.isEmpty { throw QuietExit(status: .changesPending) }
    }
}

/// `quire cluster commit --plan ID`: begins the change that was shown, or refuses.
struct ClusterCommit: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Begin the planned change; refused when anything has changed since the plan was shown."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "The id that `plan` printed.")
    var plan: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.post(
            "/v1/cluster/commit",
            ClusterAPI.CommitRequest(plan: self.plan)
        )
        try Report.result(status, as: self.format) {
            "Committed plan \(self.plan) as layout \(status.layoutVersion).\n"
                + (status.change.map { StatusText.line(of: $0) + "\n" } ?? "")
                + "Next:  quire cluster watch\(PlanText.nodeOption(self.node.node))"
        }
    }
}

/// A plan as a table, with the exact commands that come next.
struct PlanText {
    let plan: ClusterAPI.Plan
    /// `--node` as it was given, to be repeated in the commands.
    let node: String?

    init(_ plan: ClusterAPI.Plan, node: String?) {
        self.plan = plan
        self.node = node
    }

    static func nodeOption(_ node: String?) -> String {
        node.map { " --node \($0)" } ?? ""
    }

    func rendered() -> String {
        guard !self.plan.staged.isEmpty else {
            return "Nothing is staged (layout \(self.plan.layoutVersion)): "
                + "stage with `quire cluster join HOST:PORT` or `quire cluster leave NAME`."
        }
        let option = Self.nodeOption(self.node)
        var lines = ["Plan \(self.plan.plan)  based on layout \(self.plan.layoutVersion)  (expires when it changes)"]
        lines += self.plan.staged.map(StatusText.line(of:))
        lines += ["", self.table(), ""]
        let estimate = self.plan.movedBytes.map { ", about \(Quantity.bytes($0))" } ?? ", size unknown"
        lines.append(
            "moves \(self.plan.movedReplicas) replicas (proven minimum \(self.plan.movedReplicasMinimum))\(estimate)"
        )
        if !self.plan.saturatedZones.isEmpty {
            lines.append("zones that hold all they can: " + self.plan.saturatedZones.joined(separator: ", "))
        }
        lines.append("Apply with:    quire cluster commit --plan \(self.plan.plan)\(option)")
        lines.append("Discard with:  quire cluster clear\(option)")
        return lines.joined(separator: "\n")
    }

    private func table() -> String {
        var table = TextTable([
            ("node", .left), ("zone", .left), ("tokens now → after", .right), ("replicas now → after", .right),
            ("incoming", .right), ("outgoing", .right),
        ])
        for node in self.plan.nodes {
            table.append([
                node.name, node.zone, "\(node.tokensBefore) → \(node.tokensAfter)",
                "\(node.replicasBefore) → \(node.replicasAfter)", String(node.incoming), String(node.outgoing),
            ])
        }
        return table.rendered()
    }
}
