import ArgumentParser
import QuireWire

/// `quire cluster plan`: what the staged changes would do, before they do it.
struct ClusterPlan: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what the staged changes would move, and what `commit` will look at.",
        discussion: "Exit codes: 0; 2 with --detailed-exitcode when something is staged; 5 while another change runs."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .customLong("detailed-exitcode"), help: "Exit with 2 when there is something to commit, 0 when not.")
    var detailedExitCode = false

    @OptionGroup var checks: CheckOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let plan: ClusterAPI.Plan
        do {
            plan = try await self.node.api.get("/v1/cluster/plan" + self.checks.query)
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
        abstract: "Begin the planned change; refused when anything has changed since the plan was shown.",
        discussion: """
            Before it begins, the asked node looks at: no-other-change (none runs), nodes-up (all that are not given up \
            for lost answer), space (each node has room for what it will receive, and some to spare), in-sync (no hint \
            has waited for 10 s, no partition is quarantined), snapshot-age (the last snapshot is not too old). A \
            check that fails refuses the commit with exit code 4; one that cannot be made is told. --skip-check \
            overrides one by name.

            Committing a plan again that was committed before does nothing and exits with 0.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "The id that `plan` printed.")
    var plan: String

    @Option(
        name: .customLong("skip-check"),
        help: ArgumentHelp("A check that may fail; can be repeated.", valueName: "name")
    )
    var skippedChecks: [String] = []

    @OptionGroup var checks: CheckOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.post(
            "/v1/cluster/commit",
            ClusterAPI.CommitRequest(
                plan: self.plan,
                skippedChecks: self.skippedChecks,
                snapshotAgeMaxSeconds: self.checks.snapshotAgeMax?.seconds
            )
        )
        try OperationText.report(status, "Plan \(self.plan) is committed.", next: "watch", self.node, self.format)
    }
}

/// What the checks before a commit allow.
struct CheckOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The oldest that the last snapshot may be (default: 7d).", valueName: "24h")
    )
    var snapshotAgeMax: AgeArgument?

    var query: String { self.snapshotAgeMax.map { "?snapshotAgeMaxSeconds=\($0.seconds)" } ?? "" }
}
