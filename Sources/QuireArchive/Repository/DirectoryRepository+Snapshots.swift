extension DirectoryRepository {
    /// One directory of `snapshots/` that has a manifest, readable or not.
    package struct Listed: Sendable {
        package let snapshot: SnapshotID
        package let manifest: Result<Manifest, ArchiveError>
    }

    private static let layoutBytesMax = 64 << 20
    private static let checksumsBytesMax = 4 << 20

    /// Makes a snapshot exist: its objects must be there, and its manifest is named last.
    ///
    /// Publishing the same snapshot again changes nothing.
    ///
    /// - Parameter layoutJSON: The bytes that `manifest.layout` describes.
    package func publish(_ manifest: Manifest, layoutJSON: [UInt8]) throws {
        try self.publish(manifest, rendered: try manifest.rendered(), layoutJSON: layoutJSON)
    }

    /// - Parameter rendered: The bytes of a manifest that was validated; of an import, as they came.
    func publish(_ manifest: Manifest, rendered: [UInt8], layoutJSON: [UInt8]) throws {
        guard manifest.layout == Manifest.LayoutReference(version: manifest.layout.version, json: layoutJSON) else {
            throw ArchiveError(.invalidContent, "the manifest of \(manifest.snapshot) describes another layout")
        }
        for object in manifest.objects where try !self.hasObject(object) {
            throw ArchiveError(
                .damagedObject,
                "the object of partition \(object.partition) is not there at its recorded size; store it first",
                path: self.path(of: object)
            )
        }
        let directory = self.directory(of: manifest.snapshot)
        if try self.isPublished(rendered, in: directory) { return }
        try Disk.createDirectory(directory)
        let files = SnapshotFiles(manifest: manifest, rendered: rendered)
        let temporary = self.temporaryDirectory
        try PendingFile.publish(layoutJSON, as: "\(directory)/layout.json", through: temporary)
        try PendingFile.publish(files.repositoryChecksums, as: "\(directory)/SHA256SUMS", through: temporary)
        let file = try PendingFile(in: temporary)
        try file.write(rendered)
        guard try file.publishIfAbsent(as: "\(directory)/manifest.json") else {
            _ = try self.isPublished(rendered, in: directory)
            return
        }
    }

    /// - Throws: `ArchiveError` with `.snapshotExists` when another snapshot has this directory.
    private func isPublished(_ rendered: [UInt8], in directory: String) throws -> Bool {
        let path = "\(directory)/manifest.json"
        guard case .file = try Disk.kind(of: path) else { return false }
        guard try InputFile.contents(of: path, bytesMax: Manifest.bytesMax) == rendered else {
            throw ArchiveError(.snapshotExists, "another snapshot has this id; draw a new one", path: directory)
        }
        return true
    }

    /// All snapshots, oldest first; one whose manifest is damaged is listed with the reason.
    package func list() throws -> [Listed] {
        try self.snapshotIDs().map { id in
            do {
                return Listed(snapshot: id, manifest: .success(try self.manifest(of: id)))
            } catch let error as ArchiveError {
                return Listed(snapshot: id, manifest: .failure(error))
            }
        }
    }

    /// The snapshot that a person means.
    ///
    /// - Parameter text: An id, the beginning of exactly one id, or `latest`.
    package func resolve(_ text: String) throws -> SnapshotID {
        let ids = try self.snapshotIDs()
        guard let latest = ids.last else {
            throw ArchiveError(.unknownSnapshot, "the repository has no snapshot yet", path: self.root)
        }
        if text == "latest" { return latest }
        let matches = ids.filter { !text.isEmpty && $0.text.hasPrefix(text) }
        guard let match = matches.first, matches.count == 1 else {
            let found = matches.isEmpty ? "none" : matches.map(\.text).joined(separator: ", ")
            throw ArchiveError(
                .unknownSnapshot,
                "need exactly one snapshot that begins with \"\(text)\", found \(found); the latest is \(latest)",
                path: self.root
            )
        }
        return match
    }

    package func manifest(of text: String) throws -> Manifest {
        try self.manifest(of: try self.resolve(text))
    }

    /// The verified manifest of a snapshot.
    package func manifest(of snapshot: SnapshotID) throws -> Manifest {
        let path = "\(self.directory(of: snapshot))/manifest.json"
        guard case .file = try Disk.kind(of: path) else {
            throw ArchiveError(.unknownSnapshot, "there is no such snapshot; list them", path: path)
        }
        let bytes = try InputFile.contents(of: path, bytesMax: Manifest.bytesMax)
        let manifest = try Manifest(rendered: bytes, path: path)
        guard manifest.snapshot == snapshot else {
            throw ArchiveError(.damagedManifest, "this is the manifest of snapshot \(manifest.snapshot)", path: path)
        }
        return manifest
    }

    /// The verified bytes of `layout.json`.
    package func layoutJSON(of manifest: Manifest) throws -> [UInt8] {
        let path = "\(self.directory(of: manifest.snapshot))/layout.json"
        let bytes = try InputFile.contents(of: path, bytesMax: Self.layoutBytesMax)
        guard manifest.layout == Manifest.LayoutReference(version: manifest.layout.version, json: bytes) else {
            throw ArchiveError(.damagedManifest, "the file is not the one that the manifest describes", path: path)
        }
        return bytes
    }

    /// Checks that `SHA256SUMS` says what follows from the manifest, byte for byte.
    func checkChecksums(of manifest: Manifest) throws {
        let directory = self.directory(of: manifest.snapshot)
        let rendered = try InputFile.contents(of: "\(directory)/manifest.json", bytesMax: Manifest.bytesMax)
        let path = "\(directory)/SHA256SUMS"
        let bytes = try InputFile.contents(of: path, bytesMax: Self.checksumsBytesMax)
        guard bytes == SnapshotFiles(manifest: manifest, rendered: rendered).repositoryChecksums else {
            throw ArchiveError(.damagedManifest, "the file does not follow from the manifest", path: path)
        }
    }

    /// Ids of all directories with a manifest, ascending.
    func snapshotIDs() throws -> [SnapshotID] {
        try Disk.names(in: self.snapshotsDirectory).compactMap(SnapshotID.init).filter { id in
            guard case .file = try Disk.kind(of: "\(self.directory(of: id))/manifest.json") else { return false }
            return true
        }
    }
}
