import ArgumentParser
import QuireWire

/// `quire cluster watch`: follows the running change to its end.
struct ClusterWatch: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow the running change until it is finished. Stopping to watch changes nothing."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Give up after this many seconds (the change goes on).")
    var timeout: Int?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let api = try self.node.api
        let progress = ProgressReporter(label: "moving", output: self.output, interval: .seconds(1))
        let started = ContinuousClock.now
        var lastReport: TransferAPI.Report?
        var silentSince: ContinuousClock.Instant?
        while true {
            do {
                let report: TransferAPI.Report = try await api.get("/v1/transfers")
                silentSince = nil
                if self.format == .ndjson, report != lastReport {
                    Console.out(try Report.encoded(report, pretty: false))
                }
                lastReport = report
                if report.change != nil { await progress.update(TransferText(report).progress) }
                if report.change?.isFinished ?? true { break }
            } catch let failure as CommandFailure where failure.code == "unreachable" {
                // The node may be restarting; the change is the cluster's and goes on without it.
                let since = silentSince ?? ContinuousClock.now
                silentSince = since
                if ContinuousClock.now - since > .seconds(30) { throw failure }
            }
            try self.checkTimeout(since: started, report: lastReport)
            try await Task.sleep(for: .milliseconds(500))
        }
        await progress.finish(lastReport?.change == nil ? nil : lastReport.map { TransferText($0).progress })
        if let report = lastReport { try self.conclude(report) }
    }

    private func checkTimeout(since started: ContinuousClock.Instant, report: TransferAPI.Report?) throws {
        guard let timeout = self.timeout, ContinuousClock.now - started > .seconds(timeout) else { return }
        let blockers = report.map { TransferText($0).blockers } ?? []
        let reason = blockers.isEmpty ? "see `quire cluster transfers`" : blockers.joined(separator: "; ")
        throw CommandFailure("timeout", "the change is not finished after \(timeout) s and goes on: \(reason)")
    }

    private func conclude(_ report: TransferAPI.Report) throws {
        guard let change = report.change else {
            guard self.format != .ndjson else { return }
            return try Report.result(report, as: self.format) { "No change is running." }
        }
        guard self.format != .ndjson else { return }
        try Report.result(report, as: self.format) { StatusText.line(of: change) }
    }
}

/// `quire cluster transfers`: every partition in motion, its step, age and blocker.
struct ClusterTransfers: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfers",
        abstract: "Show every partition in motion: its step, age and blocker."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let report: TransferAPI.Report = try await self.node.api.get("/v1/transfers")
        try Report.result(report, as: self.format) { TransferText(report).rendered() }
    }
}

/// Partitions in motion as a person reads them.
struct TransferText {
    let report: TransferAPI.Report

    init(_ report: TransferAPI.Report) {
        self.report = report
    }

    var progress: ProgressLine {
        let motion = self.report.change.map { change in
            change.isFinished
                ? "all partitions settled"
                : "dual write \(change.dualWrite), read new \(change.readNew), draining \(change.draining)"
        }
        let bytes = "\(Quantity.bytes(self.report.bytesDone)) copied"
        return ProgressLine(
            done: self.report.replicasDone,
            total: self.report.replicasTotal,
            unit: .items("replicas"),
            detail: ([bytes] + (motion.map { [$0] } ?? [])).joined(separator: ", ")
        )
    }

    var blockers: [String] {
        self.report.moves.flatMap(\.incoming).compactMap { incoming in
            incoming.blocker.map { "partition \(incoming.partition) at \(incoming.target): \($0)" }
        }
    }

    func rendered() -> String {
        guard let change = self.report.change else { return "No change is running." }
        var lines = [StatusText.line(of: change)]
        lines.append(
            "\(self.report.replicasDone)/\(self.report.replicasTotal) replicas covered, "
                + "\(Quantity.bytes(self.report.bytesDone))/\(Quantity.bytes(self.report.bytesTotal))"
        )
        if !self.report.moves.isEmpty { lines.append(self.table()) }
        return lines.joined(separator: "\n")
    }

    private func table() -> String {
        var table = TextTable([
            ("part", .right), ("from → to", .left), ("phase", .left), ("target", .left), ("step", .left),
            ("done", .right), ("age", .right), ("tries", .right), ("blocker", .left),
        ])
        for move in self.report.moves {
            let row = [
                String(move.partition), move.from.joined(separator: ",") + " → " + move.to.joined(separator: ","),
                move.phase,
            ]
            if move.incoming.isEmpty { table.append(row + ["-", "-", "-", "-", "-", "-"]) }
            for incoming in move.incoming {
                table.append(
                    row + [
                        incoming.target, incoming.step,
                        "\(Quantity.bytes(incoming.bytesDone))/\(Quantity.bytes(incoming.bytesTotal))",
                        Quantity.duration(seconds: Double(incoming.ageMilliseconds) / 1000),
                        String(incoming.attempts), incoming.blocker ?? "-",
                    ]
                )
            }
        }
        return table.rendered()
    }
}
