import Glibc
import QuireCore

/// The storage of one shard's partitions, as a value of one thread: log, write buffer, files.
///
/// Commands execute against the write buffer and the files; `commit` makes a batch of them durable with one
/// sync. Nothing here waits for another thread.
///
/// Invariants: a record is in the buffer, or the file has it; each record of the buffer is in the log from its
/// store's `earliestSegment` on, unless it `isUnlogged` or the log is failed; only then may nothing be
/// acknowledged. Every drop is in the log, or in `unloggedDrops` with the same exceptions.
final class ShardCore {
    let configuration: StorageConfiguration
    let directory: DataDirectory
    let index: Int
    /// Names the unbroken run of clean stops in which actors live on.
    let lineage: UInt64
    private let isContinued: Bool
    var log: CommitLog
    var recentRequests = RecentRequests()
    var bufferedBytes = 0
    /// Bytes of keys and records in the hint stores.
    var hintBytes = 0
    /// Hint stores whose files were flushed empty, and may go.
    var emptiedHints: Set<PartitionID> = []
    /// Seals that are held; never of hints.
    var seals: [StoreID: SealHold] = [:]
    /// Partitions whose former file waits to be merged into the present one.
    var liveMerges: Set<PartitionID> = []
    var nextSealID: UInt64 = 1
    var retryLogAtMilliseconds: UInt64 = 0
    var retryFlushAtMilliseconds: UInt64 = 0
    /// Whether some partition has more than `bufferedRecordsMax` records in the buffer.
    var hasFullPartition = false
    var nextAgeCheckMilliseconds: UInt64 = 0
    /// First those of the shard's partitions, ascending, then those of hint stores, as they were first needed.
    private(set) var states: [StoreState]
    private var hintIndex: [PartitionID: Int] = [:]
    private let replicaCount: Int
    private var isRecovering = true
    var files: [StoreID: OpenFile] = [:]
    private var useCount: UInt64 = 0
    private var unlogged: [BufferedRecord] = []
    /// Drops that are not in the synced log yet; in the order of their numbers.
    var unloggedDrops: [LogFormat.Entry] = []

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
        existing: Set<StoreID>,
        quarantined: [StoreID: String]
    ) {
        self.configuration = configuration
        self.directory = directory
        self.index = index
        self.lineage = lineage
        self.isContinued = isContinued
        self.log = CommitLog(configuration: configuration, directory: directory.log, shard: index, segments: [])
        let count = configuration.partitionCount.rawValue
        self.states = stride(from: index, to: count, by: configuration.shardCount).map { number in
            let store = StoreID.replica(PartitionID(number))
            return StoreState(
                store: store,
                hasFile: existing.contains(store),
                mayContinueActor: isContinued,
                quarantine: quarantined[store]
            )
        }
        self.replicaCount = self.states.count
        for store in existing.union(quarantined.keys) where store.isHints && self.owns(store.partition) {
            let state = self.state(of: store)
            state.hasFile = existing.contains(store)
            state.quarantine = quarantined[store]
        }
    }

    private func owns(_ partition: PartitionID) -> Bool {
        let number = partition.rawValue
        return number >= 0 && number < self.configuration.partitionCount.rawValue
            && number % self.configuration.shardCount == self.index
    }

    func state(of store: StoreID) -> StoreState {
        precondition(self.owns(store.partition), "partition \(store.partition) is not of shard \(self.index)")
        switch store {
        case .replica(let partition):
            return self.states[partition.rawValue / self.configuration.shardCount]
        case .hints(let partition):
            if let index = self.hintIndex[partition] { return self.states[index] }
            let state = StoreState(
                store: store,
                hasFile: false,
                mayContinueActor: self.isContinued,
                quarantine: nil
            )
            if !self.isRecovering { state.totals = HintTotals() }
            self.hintIndex[partition] = self.states.count
            self.states.append(state)
            return state
        }
    }

    var replicas: ArraySlice<StoreState> { self.states[..<self.replicaCount] }
    var hints: ArraySlice<StoreState> { self.states[self.replicaCount...] }

    // MARK: Commit

    /// Makes everything that was executed durable.
    ///
    /// - Returns: `nil`, or why nothing of this batch may be acknowledged.
    func commit() -> StorageFailure? {
        guard !self.unlogged.isEmpty else { return nil }
        self.appendUnlogged()
        if let failure = self.log.failure { return .notDurable(failure) }
        do {
            try self.log.sync()
            self.unloggedDrops.removeAll(keepingCapacity: true)
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

    /// Drops before records: of a key that was dropped in this batch the records are what came after.
    private func appendUnlogged() {
        let entries = self.unlogged
        self.unlogged.removeAll(keepingCapacity: true)
        if self.log.failure == nil { self.unloggedDrops.forEach(self.log.append) }
        for entry in entries {
            entry.isUnlogged = false
            // A flush in the meantime has made it durable already.
            guard entry.isBuffered else { continue }
            let state = self.state(of: entry.store)
            self.account(for: entry, in: state)
            guard self.log.failure == nil else { continue }
            state.earliestSegment = state.earliestSegment ?? self.log.sequence
            guard !entry.record.isEmpty else { continue }
            self.log.append(self.logEntry(entry, in: state))
        }
    }

    private func logEntry(_ entry: BufferedRecord, in state: StoreState) -> LogFormat.Entry {
        LogFormat.Entry(
            store: entry.store,
            drop: state.dropCount,
            change: .record(entry.key, encoded: entry.encoded())
        )
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
        var drops = self.unloggedDrops
        var records: [LogFormat.Entry] = []
        for state in pending {
            for entry in state.buffer.values {
                if let drop = entry.drop {
                    drops.append(LogFormat.Entry(store: entry.store, drop: drop, change: .dropped(entry.key)))
                }
                if !entry.record.isEmpty { records.append(self.logEntry(entry, in: state)) }
            }
        }
        try self.log.begin(rewriting: drops.sorted { $0.drop < $1.drop } + records)
        self.unloggedDrops = []
        for state in pending {
            state.earliestSegment = self.log.sequence
        }
    }

    func account(for entry: BufferedRecord, in state: StoreState) {
        let bytes = 256 + entry.key.bytes.count + 2 * entry.encoded().count
        state.bufferedBytes += bytes - entry.accountedBytes
        self.bufferedBytes += bytes - entry.accountedBytes
        entry.accountedBytes = bytes
    }

    // MARK: Buffer

    /// The record of a key with what the file knows of it, buffered or not.
    func entry(of key: Key, in state: StoreState) throws -> BufferedRecord {
        if let entry = state.buffer[key] {
            if entry.baseline == nil { try self.compareWithFile(entry, in: state) }
            return entry
        }
        let hash = key.hash
        let entry = BufferedRecord(key: key, hash: hash, store: state.store, record: Record(), baseline: nil)
        entry.isBuffered = false
        try self.compareWithFile(entry, in: state)
        return entry
    }

    /// Finds out what the file has for an entry, and merges it in, unless it was dropped since.
    func compareWithFile(_ entry: BufferedRecord, in state: StoreState) throws {
        guard let row = try self.file(of: state)?.row(of: entry.key, hash: entry.hash) else {
            entry.baseline = .absent
            return
        }
        let old = try self.decode(row.encoded, in: state)
        if entry.drop == nil {
            let merged = entry.record.merging(old)
            if merged != entry.record { entry.update { $0 = merged } }
        }
        entry.baseline = BufferedRecord.Baseline(
            rowID: row.id,
            digest: self.configuration.digester.digest(key: entry.key, encodedRecord: row.encoded),
            tally: RecordTally(of: old),
            bytes: entry.key.bytes.count + row.encoded.count
        )
    }

    /// Changes an entry's record: it is in the buffer then, and in the log with the next commit.
    func change(_ entry: BufferedRecord, in state: StoreState, _ body: (inout Record) -> Void) {
        if state.totals == nil {
            entry.update(body)
        } else {
            let before = (bytes: entry.contentBytes, records: entry.record.isEmpty ? 0 : 1)
            entry.update(body)
            let records = entry.record.isEmpty ? 0 : 1
            self.count(in: state, bytes: entry.contentBytes - before.bytes, records: records - before.records)
        }
        self.addToBuffer(entry, in: state)
        if !entry.isUnlogged {
            entry.isUnlogged = true
            self.unlogged.append(entry)
        }
    }

    func addToBuffer(_ entry: BufferedRecord, in state: StoreState) {
        guard !entry.isBuffered else { return }
        if state.buffer.isEmpty { state.bufferedSinceMilliseconds = self.configuration.now() }
        state.buffer[entry.key] = entry
        entry.isBuffered = true
        if state.buffer.count > self.configuration.bufferedRecordsMax { self.hasFullPartition = true }
    }

    func endRecovery() {
        self.isRecovering = false
    }

    func discardBuffer(of state: StoreState) {
        for entry in state.buffer.values {
            entry.isBuffered = false
        }
        state.buffer.removeAll()
        self.bufferedBytes -= state.bufferedBytes
        state.bufferedBytes = 0
        state.earliestSegment = nil
    }

    func largestBuffer() -> StoreState? {
        self.states.filter { $0.quarantine == nil && !$0.buffer.isEmpty }.max { $0.bufferedBytes < $1.bufferedBytes }
    }

    func decode(_ encoded: [UInt8], in state: StoreState) throws -> Record {
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
    func file(of state: StoreState, creating: Bool = false) throws -> PartitionFile? {
        self.useCount += 1
        if let open = self.files[state.store] {
            self.files[state.store]?.lastUse = self.useCount
            return open.file
        }
        let path = self.directory.file(of: state.store)
        let identity = self.configuration.identity(of: state.store)
        if !state.hasFile {
            guard creating else { return nil }
            let temporary = self.directory.newFile(of: state.store)
            try PartitionFile.create(path: path, temporaryPath: temporary, identity: identity)
            state.hasFile = true
        } else if !FileSystem.exists(path) {
            throw StorageError(.corruptFile, "the partition's file is missing", partition: state.partition, path: path)
        }
        self.closeUnusedFiles()
        if !state.isWALDurable {
            try FileSystem.writeAgain(path + "-wal")
            state.isWALDurable = true
        }
        let file = try PartitionFile(path: path, identity: identity)
        let dropCount = try file.dropCount()
        state.fileDropCount = dropCount
        state.dropCount = max(state.dropCount, dropCount)
        self.files[state.store] = OpenFile(file: file, lastUse: self.useCount)
        return file
    }

    /// What the file says of itself; zeros without one.
    func summary(of state: StoreState) throws -> PartitionFile.Summary {
        if let summary = state.summary { return summary }
        var empty = PartitionFile.Summary()
        if state.store.isHints { empty.hints = HintTotals() }
        let summary = try self.file(of: state)?.summary() ?? empty
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
