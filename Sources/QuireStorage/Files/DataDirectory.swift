import Glibc
import QuireCore

/// The names in a node's data directory, as far as storage owns them.
///
/// ```
/// lock                      held while an engine runs
/// clean                     exists only after a clean stop: "quire clean stop <lineage>\n"
/// log/                      see `LogFormat`
/// partitions/<p>.db         see `PartitionSchema`
/// incoming/                 downloads, files being made; emptied at start
/// incoming/<p>.live.db      the former file of a partition that is being replaced by an image; kept until merged
/// retired/<p>-<unixms>.db   files of partitions that moved away
/// quarantine/<p>-<unixms>.db  damaged files (with their -wal), and <p>.reason: the partition is set aside
/// ```
struct DataDirectory: Sendable {
    let path: String

    var log: String { self.path + "/log" }
    var partitions: String { self.path + "/partitions" }
    var incoming: String { self.path + "/incoming" }
    var retired: String { self.path + "/retired" }
    var quarantine: String { self.path + "/quarantine" }
    var cleanMarker: String { self.path + "/clean" }

    func file(of partition: PartitionID) -> String { "\(self.partitions)/\(partition).db" }
    func newFile(of partition: PartitionID) -> String { "\(self.incoming)/\(partition).new.db" }
    func liveFile(of partition: PartitionID) -> String { "\(self.incoming)/\(partition).live.db" }
    func reason(of partition: PartitionID) -> String { "\(self.quarantine)/\(partition).reason" }

    func make() throws(StorageError) {
        try FileSystem.makeDirectory(self.path)
        for directory in [self.log, self.partitions, self.incoming, self.retired, self.quarantine] {
            try FileSystem.makeDirectory(directory)
        }
        try FileSystem.syncDirectory(self.path)
    }

    /// - Returns: A descriptor that holds the directory for this process until it is closed.
    func acquire() throws(StorageError) -> Int32 {
        let descriptor = open(self.path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", self.path + "/lock") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StorageError(
                .directoryInUse,
                "another process runs on this data directory: stop it, or use another directory",
                path: self.path
            )
        }
        return descriptor
    }

    /// The numbers `<p>` of the names `<p><suffix>` in a directory.
    func partitions(in directory: String, suffix: String) throws(StorageError) -> [PartitionID] {
        try FileSystem.list(directory).compactMap { name in
            name.hasSuffix(suffix) ? Int(name.dropLast(suffix.count)).map(PartitionID.init) : nil
        }
    }

    private static let cleanPrefix = "quire clean stop "

    /// Takes the marker of a clean stop away, durably, before anything else happens.
    ///
    /// - Returns: The lineage of an unbroken run of clean stops; `nil` after any other end.
    func takeCleanMarker() throws(StorageError) -> UInt64? {
        guard FileSystem.exists(self.cleanMarker) else { return nil }
        let text = String(decoding: try FileSystem.read(self.cleanMarker), as: UTF8.self)
        try FileSystem.remove(self.cleanMarker)
        try FileSystem.syncDirectory(self.path)
        guard text.hasPrefix(Self.cleanPrefix), text.hasSuffix("\n") else { return nil }
        return UInt64(text.dropFirst(Self.cleanPrefix.count).dropLast(), radix: 16)
    }

    func putCleanMarker(lineage: UInt64) throws(StorageError) {
        try FileSystem.write("\(Self.cleanPrefix)\(PartitionSchema.hexadecimal(lineage))\n", to: self.cleanMarker)
        try FileSystem.syncDirectory(self.path)
    }
}
