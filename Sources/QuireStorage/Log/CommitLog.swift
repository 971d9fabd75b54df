import Glibc
import QuireCore

/// The append-only log of one shard: what makes a write durable before it reaches a partition file.
///
/// States: *open* (a segment takes batches) and *failed* (a write or sync went wrong; the file's fate is
/// unknown, so nothing is ever appended to it again). `begin` leads from either to open. The caller rewrites
/// everything that is not yet in a partition file after a failure.
final class CommitLog {
    private let directory: String
    private let shard: Int
    private let shardCount: Int
    private let clusterID: String
    private let faults: StorageFaults?

    private var descriptor: Int32 = -1
    private var path = ""
    private var seed: UInt32 = 0
    private var batch: [UInt8] = []
    /// Bytes of the current segment that are known to be synced.
    private(set) var syncedBytes = 0
    /// The segment that takes writes, or took them last.
    private(set) var sequence: UInt64
    /// Segments before the current one that are still on disk, ascending.
    private var older: [(sequence: UInt64, bytes: Int)]
    /// Why the log is failed.
    private(set) var failure: String?

    init(
        configuration: StorageConfiguration,
        directory: String,
        shard: Int,
        segments: [LogReader.Segment]
    ) {
        self.directory = directory
        self.shard = shard
        self.shardCount = configuration.shardCount
        self.clusterID = configuration.clusterID
        self.faults = configuration.faults
        self.older = segments.dropLast().map { ($0.header.sequence, $0.bytes) }
        self.sequence = segments.last?.header.sequence ?? 0
        self.syncedBytes = segments.last?.bytes ?? 0
        self.failure = "not yet begun"
    }

    var totalBytes: Int { self.older.reduce(self.syncedBytes) { $0 + $1.bytes } }

    func append(_ entry: LogFormat.Entry) {
        LogFormat.append(entry, batchStart: self.syncedBytes, seed: self.seed, to: &self.batch)
    }

    /// Writes and syncs what was appended. When it throws, the log is failed and the batch is forgotten.
    func sync() throws(StorageError) {
        guard !self.batch.isEmpty else { return }
        do {
            try self.write(self.batch, to: self.descriptor)
            self.syncedBytes += self.batch.count
            self.batch.removeAll(keepingCapacity: self.batch.count <= 4 << 20)
        } catch {
            self.fail(error.message)
            throw error
        }
    }

    /// Starts the next segment with what earlier segments may not hold, or need not hold any longer.
    ///
    /// - Parameter entries: Drops first, ascending by number within a store.
    /// When it throws, no new segment exists and the log is failed.
    func begin(rewriting entries: [LogFormat.Entry] = []) throws(StorageError) {
        precondition(self.batch.isEmpty, "\(self.batch.count) bytes of the segment before are not synced")
        let next = self.sequence + 1
        let header = LogFormat.Header(
            shard: self.shard,
            shardCount: self.shardCount,
            sequence: next,
            previousBytes: UInt64(self.syncedBytes),
            clusterID: self.clusterID
        ).encoded()
        let path = self.directory + "/" + LogReader.name(shard: self.shard, sequence: next)
        let created = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o600)
        guard created >= 0 else {
            let error = FileSystem.failure("create a log segment", path)
            self.fail(error.message)
            throw error
        }
        let seed = CRC32C.checksum(Array(header[0..<96]))
        let bytes: Int
        do {
            try self.write(header, to: created)
            bytes = header.count + (try self.rewrite(entries, to: created, from: header.count, seed: seed))
            try FileSystem.syncDirectory(self.directory)
        } catch {
            Glibc.close(created)
            // A half-made segment acknowledges nothing; should it stay, the next attempt replaces it.
            try? FileSystem.remove(path)
            self.fail(error.message)
            throw error
        }
        self.closeDescriptor()
        if self.sequence > 0 { self.older.append((self.sequence, self.syncedBytes)) }
        self.descriptor = created
        self.path = path
        self.sequence = next
        self.seed = seed
        self.syncedBytes = bytes
        self.failure = nil
    }

    /// - Returns: The bytes written, in batches of a few megabytes.
    private func rewrite(
        _ entries: [LogFormat.Entry],
        to descriptor: Int32,
        from start: Int,
        seed: UInt32
    ) throws(StorageError) -> Int {
        var written = 0
        var chunk: [UInt8] = []
        for (index, entry) in entries.enumerated() {
            LogFormat.append(entry, batchStart: start + written, seed: seed, to: &chunk)
            if chunk.count >= 4 << 20 || index == entries.count - 1 {
                try self.write(chunk, to: descriptor)
                written += chunk.count
                chunk.removeAll(keepingCapacity: true)
            }
        }
        return written
    }

    /// Removes the segments before `sequence`, oldest first, so that the survivors have no holes.
    func removeSegments(before sequence: UInt64) throws(StorageError) {
        while let first = self.older.first, first.sequence < sequence {
            try FileSystem.remove(self.directory + "/" + LogReader.name(shard: self.shard, sequence: first.sequence))
            try FileSystem.syncDirectory(self.directory)
            self.older.removeFirst()
        }
    }

    /// Closes the file; what was appended and not synced is forgotten.
    func close() {
        self.fail("closed")
    }

    private func fail(_ message: String) {
        self.closeDescriptor()
        self.batch.removeAll()
        self.failure = message
    }

    private func closeDescriptor() {
        guard self.descriptor >= 0 else { return }
        Glibc.close(self.descriptor)
        self.descriptor = -1
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws(StorageError) {
        if let number = self.faults?.writeError { throw FileSystem.failure("write", self.path, number: number) }
        try FileSystem.writeAll(bytes[...], to: descriptor, path: self.path)
        if let number = self.faults?.syncError { throw FileSystem.failure("sync", self.path, number: number) }
        guard fdatasync(descriptor) == 0 else { throw FileSystem.failure("sync", self.path) }
    }
}
