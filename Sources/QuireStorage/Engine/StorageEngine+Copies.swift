package import QuireCore

/// A partition's file in `retired/`: it moved away.
package struct RetiredCopy: Sendable, Hashable {
    package let partition: PartitionID
    package let path: String
    /// Milliseconds since 1970.
    package let retiredMilliseconds: UInt64
}

/// The copies of partitions that are no replicas: what may still bring an old value back (SAFETY rule 9).
extension StorageEngine {
    /// Ascending by partition, then by age. Reads a directory; run it off event loops.
    package func retiredCopies() throws(StorageError) -> [RetiredCopy] {
        try FileSystem.list(self.directory.retired)
            .compactMap { name -> RetiredCopy? in
                guard name.hasSuffix(".db") else { return nil }
                let parts = name.dropLast(3).split(separator: "-", omittingEmptySubsequences: false)
                guard parts.count == 2, let partition = Int(parts[0]), let retired = UInt64(parts[1]) else {
                    return nil
                }
                return RetiredCopy(
                    partition: PartitionID(partition),
                    path: "\(self.directory.retired)/\(name)",
                    retiredMilliseconds: retired
                )
            }
            .sorted { ($0.partition, $0.retiredMilliseconds) < ($1.partition, $1.retiredMilliseconds) }
    }

    /// Whether a file of the partition is being received, or waits to be merged into the present one. Reads a directory.
    package func hasIncomingCopy(of partition: PartitionID) throws(StorageError) -> Bool {
        let creating = "\(partition).new.db"
        return try FileSystem.list(self.directory.incoming).contains { name in
            name.hasPrefix("\(partition).") && !name.hasPrefix(creating)
        }
    }

    /// Deletes a retired file, durably.
    package func remove(_ copy: RetiredCopy) throws(StorageError) {
        try FileSystem.remove(copy.path)
        try FileSystem.removeCompanions(of: copy.path)
        try FileSystem.syncDirectory(self.directory.retired)
    }
}
