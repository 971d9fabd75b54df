/// Snapshots in a directory, readable with stock tools.
///
/// ```
/// README.txt                        how to restore by hand
/// repo.json                         names the format; its bytes are fixed
/// objects/ab/ab12….db.zst           image of one partition; named by the SHA-256 of the uncompressed file
/// snapshots/<UTC>-<id>/             manifest.json, SHA256SUMS, layout.json
/// intents/<id>.json                 announcements of running backups: their objects are not garbage
/// tmp/                              files on their way to their names
/// ```
///
/// Every file is written under `tmp/`, synced, renamed and its directory synced; of a snapshot the manifest comes
/// last, and without a manifest there is no snapshot. Directories are 0700 and files 0600. Names never come from
/// a file as they are: they are built from a `ContentHash` or a `SnapshotID`.
///
/// Several processes may write to one repository: what two of them write under one name is equal.
package struct DirectoryRepository: Sendable {
    package static let format = "quire-repository"
    package static let version = 1

    package let root: String
    /// Where images are unpacked to be verified.
    package let scratch: String

    static let marker = #"{"format":"quire-repository","version":1,"minimumReader":1,"hash":"sha256"}"# + "\n"
    private static let markerBytesMax = 4096
    private static let directories = ["objects", "snapshots", "intents", "tmp"]

    /// Opens a repository.
    ///
    /// - Parameters:
    ///   - root: Path of the directory.
    ///   - createIfMissing: Whether to make a repository where there is nothing, or an empty directory.
    ///   - scratch: Where images are unpacked to be verified; the repository's own `tmp/` by default, elsewhere
    ///     when the repository is mounted read-only.
    package static func open(
        at root: String,
        createIfMissing: Bool = false,
        scratch: String? = nil
    ) throws -> DirectoryRepository {
        let root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
        let repository = DirectoryRepository(root: root, scratch: scratch ?? "\(root)/tmp")
        switch try Disk.kind(of: repository.markerPath) {
        case .file:
            try repository.checkMarker()
        case .missing where createIfMissing:
            try repository.create()
        case .missing:
            throw try repository.absence()
        case .directory, .other:
            throw Self.foreign(root, "its repo.json is not a file")
        }
        return repository
    }

    /// Removes what crashed programs left under `tmp/`.
    ///
    /// - Parameter moment: Later than this nothing that is still in use was last written to.
    /// - Returns: How many files and directories went.
    @discardableResult
    package func removeTemporaries(unchangedSince moment: UTCTime) throws -> Int {
        var removed = 0
        for name in try Disk.names(in: self.temporaryDirectory) {
            let path = "\(self.temporaryDirectory)/\(name)"
            guard let seconds = try Disk.modificationSeconds(of: path), seconds < moment.milliseconds / 1000 else {
                continue
            }
            try Disk.removeTree(path)
            removed += 1
        }
        return removed
    }

    var markerPath: String { "\(self.root)/repo.json" }
    var temporaryDirectory: String { "\(self.root)/tmp" }
    var snapshotsDirectory: String { "\(self.root)/snapshots" }
    var intentsDirectory: String { "\(self.root)/intents" }

    func directory(of snapshot: SnapshotID) -> String { "\(self.snapshotsDirectory)/\(snapshot.text)" }
    func path(of object: StoredObject) -> String { "\(self.root)/\(object.relativePath)" }

    /// The marker is written last, so a creation that was cut short is begun again by the next one.
    private func create() throws {
        switch try Disk.kind(of: self.root) {
        case .missing:
            try Disk.createDirectory(self.root)
        case .directory:
            let foreign = try Disk.names(in: self.root).filter { !(Self.directories + ["README.txt"]).contains($0) }
            let snapshots = try Disk.names(in: self.snapshotsDirectory)
            guard foreign.isEmpty, snapshots.isEmpty else {
                throw Self.foreign(self.root, "it holds other files (\((foreign + snapshots)[0])) and no repo.json")
            }
        case .file, .other:
            throw Self.foreign(self.root, "it is not a directory")
        }
        for name in Self.directories {
            try Disk.createDirectory("\(self.root)/\(name)")
        }
        let readme = Array(RepositoryReadme.text.utf8)
        try PendingFile.publish(readme, as: "\(self.root)/README.txt", through: self.temporaryDirectory)
        try PendingFile.publish(Array(Self.marker.utf8), as: self.markerPath, through: self.temporaryDirectory)
    }

    /// The bytes of version 1 are fixed, so that damage is never taken for another version.
    private func checkMarker() throws {
        let bytes = try InputFile.contents(of: self.markerPath, bytesMax: Self.markerBytesMax)
        if bytes == Array(Self.marker.utf8) { return }
        guard let found = RepositoryMarker(bytes) else {
            throw ArchiveError(
                .notARepository,
                "this is not the repo.json of a Quire repository, or it is damaged; an intact one of version 1 reads "
                    + Self.marker,
                path: self.markerPath
            )
        }
        throw ArchiveError(
            .unsupportedFormat,
            "found format \(found.format) version \(found.version) with hash \(found.hash), need \(Self.format) "
                + "version \(Self.version) with hash sha256; use the quire that wrote it, or a newer one",
            path: self.markerPath
        )
    }

    private func absence() throws -> ArchiveError {
        switch try Disk.kind(of: self.root) {
        case .missing:
            return ArchiveError(
                .missingRepository,
                "there is nothing here; check the path, or create a repository with the first snapshot",
                path: self.root
            )
        case .directory:
            return Self.foreign(self.root, "it has no repo.json")
        case .file, .other:
            return Self.foreign(self.root, "it is not a directory")
        }
    }

    private static func foreign(_ root: String, _ reason: String) -> ArchiveError {
        ArchiveError(.notARepository, "this is not a Quire repository: \(reason); choose another path", path: root)
    }
}
