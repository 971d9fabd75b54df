internal import QuireCore
package import QuireStorage

extension DirectoryRepository {
    /// Stores the image of one partition, unless it is there already.
    ///
    /// The image is opened and checked, compressed under `tmp/`, read back and compared, and only then named. An
    /// object that is there already is read and verified; when it is damaged, the new one takes its place.
    ///
    /// - Parameters:
    ///   - path: A complete uncompressed image that nobody writes to; it is left as it is. Never a live partition
    ///     file: opening and closing it here would drop its owner's locks (SAFETY rule 16).
    ///   - identity: What the image must say that it is.
    /// - Returns: `nil` when the image has no record: such a partition has no object.
    package func storeImage(
        at path: String,
        identity: PartitionIdentity,
        level: Int32 = Zstandard.standardLevel
    ) throws -> StoredObject? {
        let summary = try ImageSummary(ofImageAt: path, identity: identity)
        guard summary.recordCount > 0 else { return nil }
        let pending = try PendingFile(in: self.temporaryDirectory)
        let written = try Zstandard.compress(try InputFile(path), level: level) { try pending.write($0) }
        try pending.sync()
        let readBack = try Zstandard.decompress(try InputFile(pending.path), imageBytes: written.imageBytes) { _ in }
        guard readBack == written else {
            throw ArchiveError(.damagedObject, "what was written reads back differently; check the disk", path: path)
        }
        let fresh = summary.object(identity.partition, written)
        let kept = try self.name(pending, as: self.path(of: fresh), written)
        return summary.object(identity.partition, kept)
    }

    /// Whether the object is there at its recorded size: what reuse asks (SAFETY rule 20).
    package func hasObject(_ object: StoredObject) throws -> Bool {
        guard case .file(let bytes) = try Disk.kind(of: self.path(of: object)) else { return false }
        return bytes == object.storedBytes
    }

    /// Unpacks a verified image.
    ///
    /// - Parameters:
    ///   - path: Named only after all checks, the sync included; what had the name is replaced.
    package func extract(_ object: StoredObject, of manifest: Manifest, to path: String) throws {
        let image = try self.verifiedImage(of: object, manifest: manifest, in: Disk.parent(of: path))
        try image.publish(as: path)
    }

    /// The four checks of an object: size and hash as stored, frame checksum, size and hash of the image, and what
    /// SQLite reads from it.
    ///
    /// - Returns: The unpacked image, not yet named: let go of it to remove it.
    func verifiedImage(of object: StoredObject, manifest: Manifest, in directory: String) throws -> PendingFile {
        try self.verifiedImage(of: object, at: self.path(of: object), manifest: manifest, in: directory)
    }

    /// - Parameter path: Where the object lies while it has no name yet.
    func verifiedImage(
        of object: StoredObject,
        at path: String,
        manifest: Manifest,
        in directory: String
    ) throws -> PendingFile {
        guard case .file(let bytes) = try Disk.kind(of: path) else {
            throw self.damage(object, "the object is missing")
        }
        guard bytes == object.storedBytes else {
            throw self.damage(object, "expected \(object.storedBytes) bytes, found \(bytes)")
        }
        let image = try PendingFile(in: directory)
        let digests = try Zstandard.decompress(try InputFile(path), imageBytes: object.imageBytes) {
            try image.write($0)
        }
        guard digests.storedHash == object.storedHash, digests.storedBytes == object.storedBytes else {
            throw self.damage(object, "expected stored SHA-256 \(object.storedHash), found \(digests.storedHash)")
        }
        guard digests.imageHash == object.imageHash, digests.imageBytes == object.imageBytes else {
            throw self.damage(object, "expected image SHA-256 \(object.imageHash), found \(digests.imageHash)")
        }
        let identity = PartitionIdentity(
            clusterID: manifest.clusterID,
            partition: object.partition,
            partitionCount: manifest.partitionCount
        )
        let summary: ImageSummary
        do {
            summary = try ImageSummary(ofImageAt: image.path, identity: identity)
        } catch let error as ArchiveError {
            throw self.damage(object, error.message)
        }
        guard summary.object(object.partition, digests) == object else {
            throw self.damage(object, "the records are not those that the manifest describes")
        }
        return image
    }

    /// Gives an object its name. An intact object that has it stays as it is, for other manifests may state its stored
    /// hash; a damaged one is replaced.
    ///
    /// - Returns: Of the object that has the name now.
    private func name(
        _ pending: PendingFile,
        as target: String,
        _ written: Zstandard.Digests
    ) throws -> Zstandard.Digests {
        try Disk.createDirectory(Disk.parent(of: target))
        if try pending.publishIfAbsent(as: target) { return written }
        let kept = try self.intactDigests(at: target, imageHash: written.imageHash, imageBytes: written.imageBytes)
        if let kept { return kept }
        try pending.publish(as: target)
        return written
    }

    /// - Returns: Of an object that decompresses to this image; `nil` if there is none.
    func intactDigests(at path: String, imageHash: ContentHash, imageBytes: Int) throws -> Zstandard.Digests? {
        guard case .file = try Disk.kind(of: path) else { return nil }
        do {
            let found = try Zstandard.decompress(try InputFile(path), imageBytes: imageBytes) { _ in }
            return found.imageHash == imageHash ? found : nil
        } catch let error as ArchiveError where error.code == .damagedObject {
            return nil
        }
    }

    private func damage(_ object: StoredObject, _ reason: String) -> ArchiveError {
        ArchiveError(
            .damagedObject,
            "partition \(object.partition): \(reason); take this object from a copy of the repository",
            path: self.path(of: object)
        )
    }
}
