import Glibc
import QuireCore

/// The storage of one shard's partitions, as a value of one thread: log, write buffer, files.
///
/// Commands execute against the write buffer and the files; `commit` makes a batch of them durable with one
/// sync. Nothing here waits for another thread.
///
/// Invariants: a record is in the buffer, or the file has it; each record of the buffer is in the log from its
/// partition's `earliestSegment` on, unless it `isUnlogged` or the log is failed; only then may nothing be
/// acknowledged.
final class ShardCore {
    let configuration: StorageConfiguration
    let directory: DataDirectory
    let index: Int
    /// Names the unbroken run of clean stops in which actors live on.
    let lineage: UInt64
    var log: CommitLog
    var recentRequests = RecentRequests()
    var bufferedBytes = 0
    /// Seals that are held, by partition.
    var seals: [PartitionID: SealHold] = [:]
    /// Partitions whose former file waits to be merged into the present one.
    var liveMerges: Set<PartitionID> = []
    var nextSealID: UInt64 = 1
    var retryLogAtMilliseconds: UInt64 = 0
    var retryFlushAtMilliseconds: UInt64 = 0
    /// Whether some partition has more than `bufferedRecordsMax` records in the buffer.
    var hasFullPartition = false
    var nextAgeCheckMilliseconds: UInt64 = 0
    private(set) var states: [PartitionState]
    var files: [PartitionID: OpenFile] = [:]
    private var useCount: UInt64 = 0
    private var unlogged: [BufferedRecord] = []

    struct OpenFile {
        let file: PartitionFile
        var lastUse: UInt64
    }

    init(
        configuration: StorageConfiguration,
        directory: DataDirectory,
        index: Int,
        lineage: UInt64,
        isContinued: Bool,
        existing: Set<PartitionID>,
        quarantined: [PartitionID: String]
    ) {
        self.configuration = configuration
        self.directory = directory
        self.index = index
        self.lineage = lineage
        self.log = CommitLog(configuration: configuration, directory: directory.log, shard: index, segments: [])
        let count = configuration.partitionCount.rawValue
        self.states = stride(from: index, to: count, by: configuration.shardCount).map { number in
            let partition = PartitionID(number)
            return PartitionState(
                partition: partition,
                hasFile: existing.contains(partition),
                mayContinueActor: isContinued,
                quarantine: quarantined[partition]
            )
        }
    }

    func state(of partition: PartitionID) -> PartitionState {
        let number = partition.rawValue
        precondition(
            number % self.configuration.shardCount == self.index
                && number / self.configuration.shardCount < self.states.count,
            "partition \(partition) is not of shard \(self.index)"
        )
        return self.states[number / self.configuration.shardCount]
    }

    // MARK: Commit

    /// Makes everything that was executed durable.
    ///
    /// - Returns: `nil`, or why nothing of this batch may be acknowledged.
    func commit() -> StorageFailure? {
        guard !self.unlogged.isEmpty else { return nil }
        let entries = self.unlogged
        self.unlogged.removeAll(keepingCapacity: true)
        for entry in entries {
            entry.isUnlogged = false
            // A flush in the meantime has made it durable already.
            guard entry.isBuffered else { continue }
            self.account(for: entry)
            guard self.log.failure == nil else { continue }
            self.log.append(partition: entry.partition, key: entry.key, encodedRecord: entry.encoded())
            let state = self.state(of: entry.partition)
            state.earliestSegment = state.earliestSegment ?? self.log.sequence
        }
        if let failure = self.log.failure { return .notDurable(failure) }
        do {
            try self.log.sync()
        } catch {
            self.retryLogAtMilliseconds = self.configuration.now() + self.configuration.retryMilliseconds
            return .notDurable(error.message)
        }
        if self.log.syncedBytes > self.configuration.segmentBytes {
            // The batch is durable; when the next segment cannot be made, the next batch finds the log failed.
            try? self.log.begin()
        }
        return nil
    }

    /// Gets ready to take writes: a working log, and room in the buffer.
    ///
    /// - Returns: `nil`, or why writes are refused now.
    func prepareForWrites() -> StorageFailure? {
        if let failure = self.reviveLog() { return .notDurable(failure) }
        while self.bufferedBytes > self.configuration.bufferBytesMax {
            guard self.configuration.now() >= self.retryFlushAtMilliseconds, let state = self.largestBuffer() else {
                return .overloaded
            }
            do {
                try self.flush(state)
            } catch {
                return .notDurable("the write buffer is full and cannot be flushed: \(error)")
            }
        }
        return nil
    }

    /// After a failure: starts a new segment with all that only the buffer holds.
    private func reviveLog() -> String? {
        guard let failure = self.log.failure else { return nil }
        guard self.configuration.now() >= self.retryLogAtMilliseconds else { return failure }
        do {
            try self.rotateLog()
            return nil
        } catch {
            self.retryLogAtMilliseconds = self.configuration.now() + self.configuration.retryMilliseconds
            return error.message
        }
    }

    /// Begins a segment that holds the whole write buffer, so that no earlier one is needed.
    func rotateLog() throws(StorageError) {
        let pending = self.states.filter { !$0.buffer.isEmpty }
        try self.log.begin(rewriting: pending.flatMap(\.buffer.values))
        for state in pending {
            state.earliestSegment = self.log.sequence
        }
    }

    private func account(for entry: BufferedRecord) {
        let bytes = 256 + entry.key.bytes.count + 2 * entry.encoded().count
        let state = self.state(of: entry.partition)
        state.bufferedBytes += bytes - entry.accountedBytes
        self.bufferedBytes += bytes - entry.accountedBytes
        entry.accountedBytes = bytes
    }

    // MARK: Buffer

    /// The record of a key with what the file knows of it, buffered or not.
    func entry(of key: Key, in state: PartitionState) throws -> BufferedRecord {
        if let entry = state.buffer[key] {
            if entry.baseline == nil { try self.compareWithFile(entry, in: state) }
            return entry
        }
        let hash = key.hash
        let entry = BufferedRecord(key: key, hash: hash, partition: state.partition, record: Record(), baseline: nil)
        entry.isBuffered = false
        try self.compareWithFile(entry, in: state)
        return entry
    }

    /// Finds out what the file has for an entry, and merges it in.
    func compareWithFile(_ entry: BufferedRecord, in state: PartitionState) throws {
        guard let row = try self.file(of: state)?.row(of: entry.key, hash: entry.hash) else {
            entry.baseline = .absent
            return
        }
        let old = try self.decode(row.encoded, in: state)
        let merged = entry.record.merging(old)
        if merged != entry.record { entry.update { $0 = merged } }
        entry.baseline = BufferedRecord.Baseline(
            rowID: row.id,
            digest: self.configuration.digester.digest(key: entry.key, encodedRecord: row.encoded),
            tally: RecordTally(of: old)
        )
    }

    /// Takes note that an entry has changed: it is in the buffer now, and in the log with the next commit.
    func changed(_ entry: BufferedRecord, in state: PartitionState) {
        if !entry.isBuffered {
            if state.buffer.isEmpty { state.bufferedSinceMilliseconds = self.configuration.now() }
            state.buffer[entry.key] = entry
            entry.isBuffered = true
            if state.buffer.count > self.configuration.bufferedRecordsMax { self.hasFullPartition = true }
        }
        if !entry.isUnlogged {
            entry.isUnlogged = true
            self.unlogged.append(entry)
        }
    }

    /// Takes a record out of the log after a crash. The file is compared later.
    func replay(_ logged: LogFormat.Entry, segment: UInt64) throws {
        switch logged {
        case .retired(let partition):
            self.discardBuffer(of: self.state(of: partition))
        case .record(let partition, let key, let encoded):
            let state = self.state(of: partition)
            let record = try self.decode(encoded, in: state)
            if let entry = state.buffer[key] {
                entry.update { $0.merge(record) }
                self.account(for: entry)
            } else {
                if state.buffer.isEmpty { state.bufferedSinceMilliseconds = self.configuration.now() }
                let entry = BufferedRecord(
                    key: key,
                    hash: key.hash,
                    partition: partition,
                    record: record,
                    baseline: nil
                )
                state.buffer[key] = entry
                self.account(for: entry)
            }
            state.earliestSegment = state.earliestSegment ?? segment
            if self.bufferedBytes > self.configuration.bufferBytesMax, let largest = self.largestBuffer() {
                try self.flush(largest)
            }
        }
    }

    func discardBuffer(of state: PartitionState) {
        for entry in state.buffer.values {
            entry.isBuffered = false
        }
        state.buffer.removeAll()
        self.bufferedBytes -= state.bufferedBytes
        state.bufferedBytes = 0
        state.earliestSegment = nil
    }

    func largestBuffer() -> PartitionState? {
        self.states.filter { $0.quarantine == nil && !$0.buffer.isEmpty }.max { $0.bufferedBytes < $1.bufferedBytes }
    }

    func decode(_ encoded: [UInt8], in state: PartitionState) throws -> Record {
        do {
            return try Record(encoded: encoded)
        } catch {
            throw StorageError(
                .corruptFile,
                "a record cannot be decoded",
                cause: "\(error)",
                partition: state.partition
            )
        }
    }

    // MARK: Files

    /// The open file of a partition; `nil` when there is none and none is to be made.
    func file(of state: PartitionState, creating: Bool = false) throws -> PartitionFile? {
        self.useCount += 1
        if let open = self.files[state.partition] {
            self.files[state.partition]?.lastUse = self.useCount
            return open.file
        }
        let path = self.directory.file(of: state.partition)
        let identity = self.configuration.identity(of: state.partition)
        if !state.hasFile {
            guard creating else { return nil }
            let temporary = self.directory.newFile(of: state.partition)
            try PartitionFile.create(path: path, temporaryPath: temporary, identity: identity)
            state.hasFile = true
        } else if !FileSystem.exists(path) {
            throw StorageError(.corruptFile, "the partition's file is missing", partition: state.partition, path: path)
        }
        self.closeUnusedFiles()
        let file = try PartitionFile(path: path, identity: identity)
        self.files[state.partition] = OpenFile(file: file, lastUse: self.useCount)
        return file
    }

    /// What the file says of itself; zeros without one.
    func summary(of state: PartitionState) throws -> PartitionState.Summary {
        if let summary = state.summary { return summary }
        let summary: PartitionState.Summary
        if let file = try self.file(of: state) {
            summary = PartitionState.Summary(leaves: try file.leaves(), tally: try file.tally())
        } else {
            summary = PartitionState.Summary(leaves: MerkleLeaves(), tally: RecordTally())
        }
        state.summary = summary
        return summary
    }

    /// Closes least recently used files until one more may be opened. Sealed ones stay.
    private func closeUnusedFiles() {
        let countMax = max(1, self.configuration.openFilesMax / self.configuration.shardCount)
        while self.files.count >= countMax {
            let closable = self.files.filter { self.seals[$0.key] == nil }
            guard let oldest = closable.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
            self.files[oldest.key] = nil
        }
    }
}
