internal import Glibc

/// One snapshot as one file: an uncompressed tar whose members are, in this order,
///
/// ```
/// README.txt
/// manifest.json
/// SHA256SUMS                 of the members, as they lie after unpacking
/// layout.json
/// objects/ab/ab12….db.zst    of every partition that has one, ascending by partition
/// ```
///
/// The objects are compressed already, so `tar -xOf FILE MEMBER | zstd -d` reads one partition. The bytes depend
/// on the snapshot alone: times and owners are fixed.
extension DirectoryRepository {
    private static let readmeBytesMax = 1 << 16
    private static let checksumsBytesMax = 4 << 20

    /// Writes a snapshot to a file that appears only when it is complete and synced.
    package func export(_ snapshot: SnapshotID, to path: String) throws {
        let file = try PendingFile(in: Disk.parent(of: path))
        try self.export(snapshot, descriptor: file.rawDescriptor, path: path)
        try file.publish(as: path)
    }

    /// Streams a snapshot to a pipe, a socket or a file; on an error what was written is of no use.
    package func export(_ snapshot: SnapshotID, toDescriptor descriptor: CInt) throws {
        try self.export(snapshot, descriptor: descriptor, path: "descriptor \(descriptor)")
    }

    private func export(_ snapshot: SnapshotID, descriptor: CInt, path: String) throws {
        let manifest = try self.manifest(of: snapshot)
        let layout = try self.layoutJSON(of: manifest)
        let manifestPath = "\(self.directory(of: snapshot))/manifest.json"
        let rendered = try InputFile.contents(of: manifestPath, bytesMax: Manifest.bytesMax)
        let readme = Array(ExportReadme.text.utf8)
        let files = SnapshotFiles(manifest: manifest, rendered: rendered)
        let tar = try TarWriter(descriptor: descriptor, path: path)
        try tar.add("README.txt", readme)
        try tar.add("manifest.json", rendered)
        try tar.add("SHA256SUMS", files.exportChecksums(readme: ContentHash(of: readme)))
        try tar.add("layout.json", layout)
        for object in manifest.objects {
            try self.add(object, to: tar)
        }
        try tar.finish()
    }

    private func add(_ object: StoredObject, to tar: TarWriter) throws {
        let file = try InputFile(self.path(of: object))
        guard file.sizeBytes == object.storedBytes else {
            throw ArchiveError(
                .damagedObject,
                "expected \(object.storedBytes) bytes, found \(file.sizeBytes); verify the snapshot",
                path: file.path
            )
        }
        try tar.begin(object.relativePath, sizeBytes: object.storedBytes)
        var hash = StreamHash()
        let buffer = UnsafeMutableRawBufferPointer.chunk(bytes: InputFile.chunkBytes)
        defer { buffer.deallocate() }
        while true {
            let count = try file.read(into: buffer)
            if count == 0 { break }
            hash.update(buffer.filled(count))
            try tar.write(buffer.filled(count))
        }
        guard hash.hash == object.storedHash else {
            throw ArchiveError(
                .damagedObject,
                "expected stored SHA-256 \(object.storedHash), found \(hash.hash); verify the snapshot",
                path: file.path
            )
        }
    }

    /// Takes a snapshot over from an exported file.
    ///
    /// Nothing in the tar is believed: members must come under exactly the names and sizes that follow from the
    /// verified manifest, in the order above; each object passes all checks before it is named, and the snapshot is
    /// published last. Importing the same file again changes nothing.
    @discardableResult
    package func importSnapshot(from path: String) throws -> Manifest {
        let file = try InputFile(path)
        return try withExtendedLifetime(file) {
            try self.importSnapshot(descriptor: file.descriptor, path: path)
        }
    }

    /// Takes a snapshot over from a pipe, a socket or a file.
    @discardableResult
    package func importSnapshot(fromDescriptor descriptor: CInt) throws -> Manifest {
        try self.importSnapshot(descriptor: descriptor, path: "descriptor \(descriptor)")
    }

    private func importSnapshot(descriptor: CInt, path: String) throws -> Manifest {
        let tar = try TarReader(descriptor: descriptor, path: path)
        let readme = try tar.contents(of: "README.txt", bytesMax: Self.readmeBytesMax)
        let rendered = try tar.contents(of: "manifest.json", bytesMax: Manifest.bytesMax)
        let manifest = try Manifest(rendered: rendered, path: "\(path) manifest.json")
        let checksums = try tar.contents(of: "SHA256SUMS", bytesMax: Self.checksumsBytesMax)
        let files = SnapshotFiles(manifest: manifest, rendered: rendered)
        guard checksums == files.exportChecksums(readme: ContentHash(of: readme)) else {
            throw tar.malformed("SHA256SUMS does not follow from the other members")
        }
        let layout = try tar.contents(of: "layout.json", bytesMax: manifest.layout.sizeBytes)
        guard ContentHash(of: layout) == manifest.layout.hash else {
            throw tar.malformed("layout.json is not the one that the manifest describes")
        }
        for object in manifest.objects {
            try self.take(object, of: manifest, from: tar)
        }
        try tar.expectEnd()
        try self.publish(manifest, rendered: rendered, layoutJSON: layout)
        return manifest
    }

    private func take(_ object: StoredObject, of manifest: Manifest, from tar: TarReader) throws {
        let member = try tar.expect(object.relativePath)
        guard member.sizeBytes == object.storedBytes else {
            throw tar.malformed("expected \(object.storedBytes) bytes of \(member.name), found \(member.sizeBytes)")
        }
        let pending = try PendingFile(in: self.temporaryDirectory)
        try tar.read(member) { try pending.write($0) }
        try pending.sync()
        _ = try self.verifiedImage(of: object, at: pending.path, manifest: manifest, in: self.scratch)
        let target = self.path(of: object)
        try Disk.createDirectory(Disk.parent(of: target))
        if try pending.publishIfAbsent(as: target) { return }
        if try self.isIntact(object, manifest: manifest) { return }
        guard try self.intactDigests(at: target, imageHash: object.imageHash, imageBytes: object.imageBytes) == nil
        else {
            // Replacing it would damage the snapshots here whose manifests state its stored hash.
            throw ArchiveError(
                .invalidContent,
                "this image is here already, compressed by another program; import into a repository of its own",
                path: target
            )
        }
        try pending.publish(as: target)
    }

    /// Whether the object is there already, byte for byte.
    private func isIntact(_ object: StoredObject, manifest: Manifest) throws -> Bool {
        guard try self.hasObject(object) else { return false }
        do {
            _ = try self.verifiedImage(of: object, manifest: manifest, in: self.scratch)
            return true
        } catch let error as ArchiveError where error.code == .damagedObject {
            return false
        }
    }
}
