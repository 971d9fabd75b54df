import ArgumentParser
import QuireWire

/// `quire cluster watch`: follows the running change to its end.
struct ClusterWatch: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow the running change until it is finished. Stopping to watch changes nothing.",
        discussion: """
            What stands in its way is told on standard error with the command that resolves it. With --output ndjson every \
            step is a line. Exit codes: 0 it is finished, or none runs; 1 it was aborted meanwhile; 6 --timeout is over \
            and it goes on; 69 no answer for 30 seconds.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: ArgumentHelp("Watch no longer than this; the change goes on.", valueName: "30m"))
    var timeout: AgeArgument?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let api = try self.node.api
        let progress = ProgressReporter(label: "moving", output: self.output, interval: .seconds(1))
        let started = ContinuousClock.now
        var first: TransferAPI.Report?
        var last: TransferAPI.Report?
        var blockers: [String] = []
        var silentSince: ContinuousClock.Instant?
        while true {
            do {
                let report: TransferAPI.Report = try await api.get("/v1/transfers")
                silentSince = nil
                if self.format == .ndjson, report != last { Console.out(try Report.encoded(report, pretty: false)) }
                first = first ?? report
                last = report
                if report.change?.isFinished ?? true { break }
                let text = TransferText(report)
                if text.blockers != blockers, self.format == .text { await progress.note(text.blockers) }
                blockers = text.blockers
                await progress.update(text.progress(since: first))
            } catch let failure as CommandFailure where failure.code == "unreachable" {
                // The node may be restarting; the change is the cluster's and goes on without it.
                let since = silentSince ?? ContinuousClock.now
                silentSince = since
                if ContinuousClock.now - since > .seconds(30) { throw failure }
            }
            try self.checkTimeout(since: started, blockers)
            try await Task.sleep(for: .milliseconds(500))
        }
        let wasRunning = first?.change.map { !$0.isFinished } ?? false
        await progress.finish(wasRunning ? last.map { TransferText($0).progress(since: first) } : nil)
        if let last { try self.conclude(last, wasRunning: wasRunning, kind: first?.change?.kind) }
    }

    private func checkTimeout(since started: ContinuousClock.Instant, _ blockers: [String]) throws {
        guard let timeout = self.timeout, ContinuousClock.now - started > .seconds(timeout.seconds) else { return }
        let reason = blockers.isEmpty ? "see `quire cluster transfers`" : blockers.joined(separator: "; ")
        throw CommandFailure(
            "timeout",
            "the change is not finished after \(timeout.seconds) s and goes on: \(reason)",
            status: .timedOut
        )
    }

    /// - Parameter kind: Of the change when it was first looked at.
    private func conclude(_ report: TransferAPI.Report, wasRunning: Bool, kind: String?) throws {
        if self.format != .ndjson {
            try Report.result(report, as: self.format) {
                let line = report.change.map(StatusText.line(of:))
                return wasRunning
                    ? line ?? "" : (["No change is running."] + [line].compactMap { $0 }).joined(separator: "\n")
            }
        }
        guard wasRunning, let change = report.change, change.kind == "abort", kind != "abort" else { return }
        throw CommandFailure("aborted", "change \(change.plan) was aborted: see `quire cluster history`")
    }
}

/// `quire cluster transfers`: every partition in motion, its step, age and blocker.
struct ClusterTransfers: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfers",
        abstract: "Show every partition in motion: step, age, rate, and what it waits for.",
        discussion: "Partitions that wait for a person come first, with the command that resolves it."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "List all partitions in motion, not only the first \(TransferText.listedMax).")
    var all = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let report: TransferAPI.Report = try await self.node.api.get("/v1/transfers")
        try Report.result(report, as: self.format) { TransferText(report).rendered(all: self.all) }
    }
}
