import ArgumentParser
import QuireWire

/// `quire cluster roots`: whether all replicas of each partition hold the same records.
struct ClusterRoots: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "roots",
        abstract: "Compare the Merkle roots of all replicas, and count the hints that members hold.",
        discussion: """
            Equal roots mean equal records. Under writes roots differ for moments; in a quiet cluster they become \
            equal by hints and repair, and then no hint is left. Exit code 1 unless every member has answered, all \
            replicas of every partition are equal, and no hints are held; --within waits for that.
            """
    )

    private static let pause = Duration.milliseconds(500)

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Ask again until all is equal, for so many seconds at most.")
    var within = 0

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard (0...86_400).contains(self.within) else {
            throw ValidationError("--within must be in 0...86400 seconds, not \(self.within).")
        }
    }

    func run() async throws {
        let api = try self.node.api
        let reporter = ProgressReporter(label: "roots", output: self.output)
        let deadline = ContinuousClock.now + .seconds(self.within)
        var text = RootsText(try await api.get("/v1/cluster/roots"))
        while !text.isConverged, ContinuousClock.now < deadline {
            await reporter.update(text.progress)
            try await Task.sleep(for: Self.pause)
            text = RootsText(try await api.get("/v1/cluster/roots"))
        }
        await reporter.finish()
        let last = text
        try Report.result(last.report, as: self.format) { last.rendered() }
        if !last.isConverged { throw QuietExit(status: .failed) }
    }
}
