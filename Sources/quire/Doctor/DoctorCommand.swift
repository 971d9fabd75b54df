import ArgumentParser
import Foundation
import QuireNode
import QuireStorage

/// `quire doctor --data DIR`.
struct DoctorCommand: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Explain the data directory of a node that does not run, and repair what is safe.",
        discussion: """
            Says of every file what is the matter, what the node does about it at its next start, and what you can do. \
            Nothing in the directory changes without --repair. A file with a WAL, which is normal after a crash, is read \
            from a copy under TMPDIR, one at a time: there must be room for the largest.

            With --cluster-key-file the Merkle leaves are compared with the rows too; only then a changed byte within a \
            value is noticed.

            --repair sets damaged partition and hint files aside, as the node does when it meets the damage, so that \
            nothing damaged is served; makes an index anew when the rows are whole; and removes leftovers that the next \
            start would remove. It never touches the log, layout.db or node.json.

            Exit codes: 0 nothing worse than a note; 1 damage (with --repair: damage that is left); 4 warnings; 64 wrong \
            usage. JSON is one object; its findings have a `matter` and a `severity` that are stable.
            """
    )

    @Option(name: .long, help: "The data directory of a node that is stopped.")
    var data: String

    @Flag(name: .long, help: "Do what is safe about the findings, then examine again.")
    var repair = false

    @Flag(name: .long, help: "Read no rows: check the log, and the structure of every file.")
    var quick = false

    @Option(name: .long, help: "File with the cluster key: compares the Merkle leaves with the rows.")
    var clusterKeyFile: String?

    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard !(self.repair && self.quick) else {
            throw ValidationError("--repair needs the whole examination: leave --quick out.")
        }
    }

    func run() async throws {
        let path = Self.withoutSlash(self.data)
        let options = NodeExamination.Options(
            isQuick: self.quick,
            clusterKey: try self.clusterKeyFile.map { try ClusterKeyFile.read($0) },
            scratchDirectory: Self.withoutSlash(NSTemporaryDirectory())
        )
        guard !"\(options.scratchDirectory)/".hasPrefix(path + "/") else {
            throw CommandFailure(
                "bad_temporary_directory",
                "TMPDIR lies in \(path), which must not change: set another"
            )
        }
        let examination = try Self.described { try NodeExamination(of: path) }
        let started = ContinuousClock.now
        var report = try await self.examine(examination, options, label: "examine")
        var repairs: [DirectoryRepair.Outcome] = []
        if self.repair {
            repairs = examination.repair(report, options)
            if !repairs.isEmpty { report = try await self.examine(examination, options, label: "examine again") }
        }
        let summary = DoctorSummary(
            report,
            repairs: self.repair ? repairs : nil,
            directory: path,
            options: options,
            seconds: (ContinuousClock.now - started).seconds
        )
        try Report.result(summary, as: self.format) { DoctorText(summary).rendered() }
        if summary.status != .succeeded { throw QuietExit(status: summary.status) }
    }

    private func examine(
        _ examination: NodeExamination,
        _ options: NodeExamination.Options,
        label: String
    ) async throws -> NodeExamination.Report {
        let progress = ProgressReporter(label: label, output: self.output)
        let (updates, feed) = AsyncStream.makeStream(
            of: ExaminationProgress.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        async let shown: Void = Self.show(updates, on: progress)
        let report = Result { try Self.described { try examination.run(options) { feed.yield($0) } } }
        feed.finish()
        await shown
        return try report.get()
    }

    @concurrent
    private static func show(_ updates: AsyncStream<ExaminationProgress>, on progress: ProgressReporter) async {
        var last: ProgressLine?
        for await update in updates {
            let line = ProgressLine(
                done: update.doneBytes,
                total: max(update.doneBytes, update.totalBytes),
                unit: .bytes,
                detail: "\(update.files) files"
            )
            last = line
            await progress.update(line)
        }
        await progress.finish(last)
    }

    private static func described<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as NodeError {
            throw CommandFailure(error.code.rawValue, error.message)
        } catch let error as StorageError {
            throw CommandFailure("data_directory_unusable", error.description)
        }
    }

    private static func withoutSlash(_ path: String) -> String {
        path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }
}
