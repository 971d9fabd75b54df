import ArgumentParser
import Foundation
import QuireArchive

/// `quire snapshot export`: one file to carry away.
struct SnapshotExport: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a snapshot as one tar file that stock tools can read. No node is needed."
    )

    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "Id, the beginning of one, or `latest`.")
    var snapshot = "latest"

    @Option(name: .long, help: "The tar file; one that exists is not overwritten.")
    var to: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let repository = try self.repository.open()
        guard !FileManager.default.fileExists(atPath: self.to) else {
            throw CommandFailure("exists", "\(self.to) exists and is kept: name another file")
        }
        let id = try RepositoryOptions.described {
            let id = try repository.resolve(self.snapshot)
            try repository.export(id, to: self.to)
            return id
        }
        try Report.result(["snapshot": id.text, "file": self.to], as: self.format) {
            "wrote snapshot \(id) to \(self.to)"
        }
    }
}

/// `quire snapshot import`: the way back.
struct SnapshotImport: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take an exported tar file into a repository, every byte verified. No node is needed."
    )

    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The tar file.")
    var file: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let repository = try self.repository.open(createIfMissing: true)
        let id = try RepositoryOptions.described { try repository.importSnapshot(from: self.file).snapshot }
        try Report.result(["snapshot": id.text], as: self.format) { "imported snapshot \(id)" }
    }
}
