import ArgumentParser
import QuireArchive

/// What a verification found.
struct VerificationSummary: Encodable {
    let snapshot: String
    let isIntact: Bool
    let objects: Int
    let imageBytes: Int
    let storedBytes: Int
    let seconds: Double
    let findings: [String]
}

/// `quire snapshot verify ID`.
struct SnapshotVerify: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte of a snapshot. No node is needed.",
        discussion: "Exit code 1 when anything is damaged; every damaged file is named."
    )

    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Id, the beginning of one, or `latest`.")
    var snapshot = "latest"

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let repository = try self.repository.open()
        let id = try RepositoryOptions.described { try repository.resolve(self.snapshot) }
        let started = ContinuousClock.now
        let progress = ProgressReporter(label: "verify", output: self.output)
        let (updates, feed) = AsyncStream.makeStream(
            of: VerificationProgress.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        async let shown: Void = Self.show(updates, on: progress)
        let report: Result<VerificationReport, any Error> = Result {
            try RepositoryOptions.described { try repository.verify(id) { feed.yield($0) } }
        }
        feed.finish()
        await shown
        try self.conclude(try report.get(), seconds: (ContinuousClock.now - started).seconds)
    }

    @concurrent
    private static func show(_ updates: AsyncStream<VerificationProgress>, on progress: ProgressReporter) async {
        var last: ProgressLine?
        for await update in updates {
            let line = ProgressLine(
                done: update.verifiedImageBytes,
                total: update.totalImageBytes,
                unit: .bytes,
                detail: "\(update.verifiedObjects)/\(update.totalObjects) objects"
            )
            last = line
            await progress.update(line)
        }
        await progress.finish(last)
    }

    private func conclude(_ report: VerificationReport, seconds: Double) throws {
        let summary = VerificationSummary(
            snapshot: report.snapshot.text,
            isIntact: report.isIntact,
            objects: report.verifiedObjects,
            imageBytes: report.imageBytes,
            storedBytes: report.storedBytes,
            seconds: seconds,
            findings: report.findings.map(\.description)
        )
        for finding in summary.findings { Console.err("damaged: \(finding)") }
        try Report.result(summary, as: self.format) {
            "snapshot \(summary.snapshot): " + (summary.isIntact ? "intact" : "DAMAGED")
                + ", \(summary.objects) objects, \(Quantity.bytes(summary.imageBytes)) in "
                + "\(Quantity.duration(seconds: seconds)) "
                + "(\(Quantity.rate(bytes: summary.imageBytes, seconds: seconds)))"
        }
        if !summary.isIntact { throw QuietExit(status: .failed) }
    }
}
