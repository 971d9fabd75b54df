import QuireCore

/// A record that its partition file has not got yet, in the write buffer (Dynamo §6.1).
final class BufferedRecord {
    /// What the file has for the key.
    struct Baseline {
        let rowID: Int64?
        /// 0 without a row.
        let digest: UInt128
        let tally: RecordTally
        /// Of key and encoded record; 0 without a row.
        let bytes: Int

        static let absent = Baseline(rowID: nil, digest: 0, tally: RecordTally(), bytes: 0)
    }

    let key: Key
    let hash: KeyHash
    let store: StoreID
    /// Empty: the store has no record of the key any more, and at the flush its row goes.
    private(set) var record: Record
    /// `nil`: not yet compared with the file, whose record may know more unless there was a `drop`.
    var baseline: Baseline?
    /// The number of the latest drop of the key, when the file is older than that: its row then counts for nothing.
    var drop: UInt64?
    /// Whether the write buffer still holds it; a flush ends that.
    var isBuffered = true
    /// Whether it changed since it was last appended to the log.
    var isUnlogged = false
    /// Bytes that the buffer's bound counts for it.
    var accountedBytes = 0
    private var encodedRecord: [UInt8]?
    private var recordDigest: UInt128?

    init(key: Key, hash: KeyHash, store: StoreID, record: Record, baseline: Baseline?) {
        self.key = key
        self.hash = hash
        self.store = store
        self.record = record
        self.baseline = baseline
    }

    func update(_ body: (inout Record) -> Void) {
        body(&self.record)
        self.encodedRecord = nil
        self.recordDigest = nil
    }

    func encoded() -> [UInt8] {
        if let encodedRecord { return encodedRecord }
        let encoded = self.record.encoded()
        self.encodedRecord = encoded
        return encoded
    }

    /// 0 for an empty record.
    func digest(_ digester: RecordDigester) -> UInt128 {
        if self.record.isEmpty { return 0 }
        if let recordDigest { return recordDigest }
        let digest = digester.digest(key: self.key, encodedRecord: self.encoded())
        self.recordDigest = digest
        return digest
    }
}

extension BufferedRecord {
    var tally: RecordTally { self.record.isEmpty ? RecordTally() : RecordTally(of: self.record) }

    /// Of key and encoded record.
    var contentBytes: Int { self.record.isEmpty ? 0 : self.key.bytes.count + self.record.encodedBytes }

    /// In scan order.
    var position: ScanPosition { ScanPosition(hash: self.hash, key: self.key) }
}

/// How much a hint store holds.
struct HintTotals: Equatable {
    var records = 0
    /// Of keys and encoded records.
    var bytes = 0
    /// When the store ceased to be empty, in milliseconds since 1970; `nil` while it is empty.
    var sinceMilliseconds: UInt64?
}

/// What a shard knows of one of its record stores.
///
/// Invariant: `summary`, when loaded, describes the rows of the file, without the buffer.
final class StoreState {
    let store: StoreID
    /// Whether the store's file exists.
    var hasFile: Bool
    /// The part of the file that is kept in memory.
    var summary: PartitionFile.Summary?
    var buffer: [Key: BufferedRecord] = [:]
    var bufferedBytes = 0
    /// The earliest log segment that records of the buffer depend on.
    var earliestSegment: UInt64?
    /// When the buffer ceased to be empty.
    var bufferedSinceMilliseconds: UInt64 = 0
    /// The life under which this store mints; `nil` until it first does.
    var actor: PartitionFile.ActorState?
    /// Whether the file's actor may live on: only after a clean stop, in an unbroken run of them.
    var mayContinueActor: Bool
    /// Why the store is set aside.
    var quarantine: String?
    /// The number of the latest drop: never less than what log and file say, once one of them was looked at.
    var dropCount: UInt64 = 0
    /// The latest drop that the file has been flushed after; `nil` until the file was opened.
    var fileDropCount: UInt64?
    /// Whether all that a reader finds in the file's WAL is on the disk. Not after a failed sync: the kernel may take for
    /// written what it could not write. Nor at first: the process before this one may have died of one.
    var isWALDurable = false
    /// What file and buffer hold together; `nil` for a replica, and until recovery has counted it.
    var totals: HintTotals?

    init(store: StoreID, hasFile: Bool, mayContinueActor: Bool, quarantine: String?) {
        self.store = store
        self.hasFile = hasFile
        self.mayContinueActor = mayContinueActor
        self.quarantine = quarantine
    }

    var partition: PartitionID { self.store.partition }

    /// Drops what is remembered of the file: it was replaced, or its state is in doubt.
    func forgetFile() {
        self.summary = nil
        self.fileDropCount = nil
        self.isWALDurable = false
        for entry in self.buffer.values {
            entry.baseline = nil
        }
    }
}

/// Remembers the dots of the latest requests, so that a retry is answered with the dot of the first attempt
/// even when a later write has superseded it (SAFETY rule 4).
struct RecentRequests {
    /// The replica and the hint store of one partition mint for themselves.
    struct Name: Hashable {
        let request: RequestID
        let hash: KeyHash
        let isHint: Bool
    }

    private let countMax: Int
    private var dots: [Name: Dot] = [:]
    private var ring: [Name] = []
    private var next = 0

    init(countMax: Int = 1 << 16) {
        self.countMax = countMax
    }

    func dot(of name: Name) -> Dot? { self.dots[name] }

    mutating func remember(_ dot: Dot, of name: Name) {
        if self.ring.count < self.countMax {
            self.ring.append(name)
        } else {
            self.dots[self.ring[self.next]] = nil
            self.ring[self.next] = name
            self.next = (self.next + 1) % self.countMax
        }
        self.dots[name] = dot
    }
}
