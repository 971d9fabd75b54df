package import QuireCore

/// A partition's file in `retired/`: it moved away.
package struct RetiredCopy: Sendable, Hashable {
    package let partition: PartitionID
    /// By which the partition belonged elsewhere; 0 in files of earlier releases.
    package let version: LayoutVersion
    package let path: String
    /// Milliseconds since 1970.
    package let retiredMilliseconds: UInt64

    /// `<p>-<v>-<unixms>.db`, or `<p>-<unixms>.db`.
    init?(name: String, in directory: String) {
        guard name.hasSuffix(".db") else { return nil }
        let parts = name.dropLast(3).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, let partition = Int(parts[0]), partition >= 0,
            let version = parts.count == 3 ? Int(parts[1]) : 0, version >= 0,
            let retired = UInt64(parts[parts.count - 1])
        else { return nil }
        self.partition = PartitionID(partition)
        self.version = LayoutVersion(version)
        self.path = "\(directory)/\(name)"
        self.retiredMilliseconds = retired
    }

    /// Of the file, without folder and suffix.
    var name: Substring {
        self.path[(self.path.lastIndex(of: "/").map { self.path.index(after: $0) } ?? self.path.startIndex)...]
            .dropLast(3)
    }
}

/// The copies of partitions that are no replicas: what may still bring an old value back (SAFETY rule 9).
extension StorageEngine {
    /// Ascending by partition, then by age. Reads a directory; run it off event loops.
    package func retiredCopies() throws(StorageError) -> [RetiredCopy] {
        try FileSystem.list(self.directory.retired)
            .compactMap { RetiredCopy(name: $0, in: self.directory.retired) }
            .sorted {
                ($0.partition, $0.retiredMilliseconds, $0.version) < ($1.partition, $1.retiredMilliseconds, $1.version)
            }
    }

    /// Makes the newest retired file of the partition its live one again, and merges into it what was written here
    /// since. The replica mints under a fresh actor afterwards.
    ///
    /// The file is checked as a foreign one would be. A crash leaves it retired, or live.
    ///
    /// - Parameter version: Older files stay where they are.
    /// - Returns: Whether there was such a file.
    package func revive(_ partition: PartitionID, since version: LayoutVersion) async throws -> Bool {
        let candidates = try self.retiredCopies().filter { $0.partition == partition && $0.version >= version }
        guard let copy = candidates.max(by: { $0.retiredMilliseconds < $1.retiredMilliseconds }) else { return false }
        let directory = self.directory
        let path = directory.revivingFile(of: copy)
        let identity = self.configuration.identity(of: .replica(partition))
        try await Self.offThread {
            try Self.complete(copy, identity)
            try FileSystem.move(copy.path, to: path)
            try FileSystem.syncDirectory(directory.incoming)
            try FileSystem.syncDirectory(directory.retired)
        }
        do {
            try await self.install(partition, imageAt: path)
        } catch {
            // It became live, and only merging into it is left to `maintain`; or it goes back to where it was.
            if FileSystem.exists(path) { try FileSystem.move(path, to: copy.path) }
            throw error
        }
        return true
    }

    /// A crash during an earlier revival may have left a part of the file in a WAL.
    private static func complete(_ copy: RetiredCopy, _ identity: PartitionIdentity) throws {
        if FileSystem.sizeBytes(copy.path + "-wal") > 0 {
            let file = try PartitionFile(path: copy.path, identity: identity)
            guard try file.checkpoint(.truncate) else {
                throw StorageError(.inputOutput, "a checkpoint is not complete", path: copy.path)
            }
        }
        try FileSystem.removeCompanions(of: copy.path)
    }

    /// Whether a file of the partition is being received, or waits to be merged into the present one. Reads a directory.
    package func hasIncomingCopy(of partition: PartitionID) throws(StorageError) -> Bool {
        let creating = "\(partition).new.db"
        return try FileSystem.list(self.directory.incoming).contains { name in
            name.hasPrefix("\(partition)-") || (name.hasPrefix("\(partition).") && !name.hasPrefix(creating))
        }
    }

    /// Partitions of which an image waits to be pulled further. Reads a directory.
    package func partialImages() throws(StorageError) -> [PartitionID] {
        try self.directory.partitions(in: self.directory.incoming, suffix: ".note").sorted()
    }

    /// Deletes a retired file, durably.
    package func remove(_ copy: RetiredCopy) throws(StorageError) {
        try FileSystem.remove(copy.path)
        try FileSystem.removeCompanions(of: copy.path)
        try FileSystem.syncDirectory(self.directory.retired)
    }
}
