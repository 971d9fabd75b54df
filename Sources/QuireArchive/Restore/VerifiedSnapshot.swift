package import QuireCore
package import QuireStorage

/// A snapshot whose every byte has been verified, ready to be read back.
///
/// Nothing is handed out before *all* objects of the snapshot have passed all checks, so that a damaged archive
/// never restores half a keyspace. The verified images lie in a scratch directory of their own, which goes with
/// the object: what was verified is what is read.
package final class VerifiedSnapshot {
    package let manifest: Manifest
    /// The verified bytes of `layout.json`.
    package let layoutJSON: [UInt8]
    private let directory: String
    private var isOpen = true
    private var open: (partition: PartitionID, reader: PartitionImageReader)?

    /// Verifies a snapshot and unpacks it.
    ///
    /// - Parameters:
    ///   - partitions: Those that will be read, all by default. The others are verified as well, but not kept.
    ///   - scratch: An existing directory with room for the images; the repository's scratch directory by default.
    ///   - progress: Called after each object; what it throws ends the pass.
    package init(
        _ snapshot: SnapshotID,
        in repository: DirectoryRepository,
        partitions: Set<PartitionID>? = nil,
        scratch: String? = nil,
        progress: (VerificationProgress) throws -> Void = { _ in }
    ) throws {
        let manifest = try repository.manifest(of: snapshot)
        let scratch = scratch ?? repository.scratch
        let kept = manifest.objects.filter { partitions?.contains($0.partition) ?? true }
        try Self.requireSpace(kept, at: scratch)
        self.manifest = manifest
        self.layoutJSON = try repository.layoutJSON(of: manifest)
        let directory = try Disk.createTemporaryDirectory(in: scratch, prefix: "restore")
        self.directory = directory
        do {
            let report = try repository.verify(manifest, in: directory, progress: progress) { object, image in
                if partitions?.contains(object.partition) ?? true {
                    try image.publish(as: Self.path(of: object.partition, in: directory))
                }
            }
            if let finding = report.findings.first {
                throw ArchiveError(
                    finding.code,
                    "\(finding.message) (\(report.findings.count) damaged in this snapshot; nothing was restored)",
                    path: finding.path
                )
            }
        } catch {
            // The error that is thrown says more than a scratch directory that could not be removed.
            try? Disk.removeTree(directory)
            self.isOpen = false
            throw error
        }
    }

    deinit {
        // Nobody is left to tell; the directory lies in the scratch directory, where the operator finds it.
        try? self.close()
    }

    /// Partitions that can be read, ascending.
    package func partitions() throws -> [PartitionID] {
        try self.manifest.objects.map(\.partition).filter { partition in
            guard case .file = try Disk.kind(of: Self.path(of: partition, in: self.directory)) else { return false }
            return true
        }
    }

    /// Records of one partition in the order (key hash, key); none for a partition without object.
    ///
    /// - Parameter position: After this key; `nil` from the start.
    package func page(
        of partition: PartitionID,
        after position: ScanPosition?,
        limit: PageLimit
    ) throws -> (rows: [PartitionRow], isLast: Bool) {
        guard let path = try self.imagePath(of: partition) else { return ([], true) }
        return try ImageSummary.translatingErrors(path) {
            try self.reader(of: partition, path).page(after: position, limit: limit)
        }
    }

    /// The unpacked image of a partition, valid until `close()`; `nil` for a partition without object.
    package func imagePath(of partition: PartitionID) throws -> String? {
        precondition(self.isOpen, "the snapshot \(self.manifest.snapshot) is closed")
        guard self.manifest.objects.contains(where: { $0.partition == partition }) else { return nil }
        let path = Self.path(of: partition, in: self.directory)
        guard case .file = try Disk.kind(of: path) else {
            throw ArchiveError(.invalidContent, "partition \(partition) was not asked for when verifying", path: path)
        }
        return path
    }

    /// Removes the unpacked images. Closing again does nothing.
    package func close() throws {
        guard self.isOpen else { return }
        self.isOpen = false
        self.open = nil
        try Disk.removeTree(self.directory)
    }

    /// The last partition's image stays open, since pages are read one after the other.
    private func reader(of partition: PartitionID, _ path: String) throws -> PartitionImageReader {
        if let open = self.open, open.partition == partition { return open.reader }
        let identity = PartitionIdentity(
            clusterID: self.manifest.clusterID,
            partition: partition,
            partitionCount: self.manifest.partitionCount
        )
        let reader = try PartitionImageReader(path: path, expecting: identity)
        self.open = (partition, reader)
        return reader
    }

    private static func path(of partition: PartitionID, in directory: String) -> String {
        "\(directory)/\(partition.rawValue).db"
    }

    private static func requireSpace(_ objects: [StoredObject], at scratch: String) throws {
        let needed = objects.reduce(0) { $0 + $1.imageBytes }
        let available = try Disk.availableBytes(at: scratch)
        guard available >= needed else {
            throw ArchiveError(
                .noSpace,
                "need \(needed) bytes to unpack the images, found \(available); choose another scratch directory",
                path: scratch
            )
        }
    }
}
