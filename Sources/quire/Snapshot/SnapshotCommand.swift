import ArgumentParser
import Foundation
import QuireArchive

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Make, list, verify and carry snapshots of the whole key space.",
        subcommands: [
            SnapshotCreate.self, SnapshotList.self, SnapshotShow.self, SnapshotVerify.self, SnapshotExport.self,
            SnapshotImport.self,
        ]
    )
}

/// Where snapshots are kept.
struct RepositoryOptions: ParsableArguments {
    @Option(name: .long, help: "Directory of the repository.")
    var repository: String

    /// Nodes run elsewhere in the file tree, so they are told absolute paths.
    var absolutePath: String {
        URL(fileURLWithPath: self.repository).standardizedFileURL.path
    }

    func open(createIfMissing: Bool = false) throws -> DirectoryRepository {
        try Self.described { try DirectoryRepository.open(at: self.absolutePath, createIfMissing: createIfMissing) }
    }

    /// Turns an archive's error into the command's.
    static func described<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ArchiveError {
            throw CommandFailure(error.code.rawValue, error.description)
        }
    }
}
