import ArgumentParser
import QuireWire

/// `quire cluster repair`: compares all replicas now instead of in their turn.
struct ClusterRepair: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Compare all replicas with each other now, repair what differs, and deliver hints.",
        discussion: """
            Nodes do this by themselves, every replica once in ten minutes and at once when a member comes back. The \
            command waits until every pair of replicas whose nodes see each other has been compared, and fails when \
            some could not be.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Return at once; the comparisons go on.")
    var noWait = false

    @Option(name: .long, help: "Give up waiting after this many seconds (the comparisons go on).")
    var timeout = 600

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let api = try self.node.api
        let before: BackgroundAPI.Report = try await api.get("/v1/background")
        var report: BackgroundAPI.Report = try await api.post("/v1/repair", [String: String]())
        let started = ContinuousClock.now
        while !self.noWait, BackgroundText(report).isWaiting {
            guard ContinuousClock.now - started < .seconds(self.timeout) else {
                throw CommandFailure(
                    "timeout",
                    "not everything was compared within \(self.timeout) s: "
                        + BackgroundText(report).obstacles.joined(separator: "; "),
                    status: .timedOut
                )
            }
            try await Task.sleep(for: .milliseconds(200))
            report = try await api.get("/v1/background")
        }
        let text = BackgroundText(report)
        try Report.result(report, as: self.format) { text.rendered(since: before) }
        guard text.isEverythingReachable else {
            throw CommandFailure(
                "unreachable",
                "not everything was compared: " + text.obstacles.joined(separator: "; ")
            )
        }
    }
}

/// `quire cluster background`: hints, repair and admission of every member.
struct ClusterBackground: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "background",
        abstract: "Show hints, repair, and how much of their time the members give to background work, and why."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let report: BackgroundAPI.Report = try await self.node.api.get("/v1/background")
        try Report.result(report, as: self.format) { BackgroundText(report).rendered(since: nil) }
    }
}
