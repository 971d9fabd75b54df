import QuireCore

/// A record that its partition file has not got yet, in the write buffer (Dynamo §6.1).
final class BufferedRecord {
    /// What the file has for the key.
    struct Baseline {
        let rowID: Int64?
        /// 0 without a row.
        let digest: UInt128
        let tally: RecordTally

        static let absent = Baseline(rowID: nil, digest: 0, tally: RecordTally())
    }

    let key: Key
    let hash: KeyHash
    let partition: PartitionID
    private(set) var record: Record
    /// `nil`: not yet compared with the file, whose record may know more.
    var baseline: Baseline?
    /// Whether the write buffer still holds it; a flush ends that.
    var isBuffered = true
    /// Whether it changed since it was last appended to the log.
    var isUnlogged = false
    /// Bytes that the buffer's bound counts for it.
    var accountedBytes = 0
    private var encodedRecord: [UInt8]?
    private var recordDigest: UInt128?

    init(key: Key, hash: KeyHash, partition: PartitionID, record: Record, baseline: Baseline?) {
        self.key = key
        self.hash = hash
        self.partition = partition
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

    func digest(_ digester: RecordDigester) -> UInt128 {
        if let recordDigest { return recordDigest }
        let digest = digester.digest(key: self.key, encodedRecord: self.encoded())
        self.recordDigest = digest
        return digest
    }
}

/// What a shard knows of one of its partitions.
///
/// Invariant: `summary`, when loaded, describes the rows of the file, without the buffer.
final class PartitionState {
    /// The part of the file that is kept in memory.
    struct Summary {
        var leaves: MerkleLeaves
        var tally: RecordTally
    }

    let partition: PartitionID
    /// Whether `partitions/<p>.db` exists.
    var hasFile: Bool
    var summary: Summary?
    var buffer: [Key: BufferedRecord] = [:]
    var bufferedBytes = 0
    /// The earliest log segment that records of the buffer depend on.
    var earliestSegment: UInt64?
    /// When the buffer ceased to be empty.
    var bufferedSinceMilliseconds: UInt64 = 0
    /// The life under which this replica mints; `nil` until it first does.
    var actor: PartitionFile.ActorState?
    /// Whether the file's actor may live on: only after a clean stop, in an unbroken run of them.
    var mayContinueActor: Bool
    /// Why the replica is set aside.
    var quarantine: String?

    init(partition: PartitionID, hasFile: Bool, mayContinueActor: Bool, quarantine: String?) {
        self.partition = partition
        self.hasFile = hasFile
        self.mayContinueActor = mayContinueActor
        self.quarantine = quarantine
    }

    /// Drops what is remembered of the file: it was replaced, or its state is in doubt.
    func forgetFile() {
        self.summary = nil
        for entry in self.buffer.values {
            entry.baseline = nil
        }
    }
}

/// Remembers the dots of the latest requests, so that a retry is answered with the dot of the first attempt
/// even when a later write has superseded it (SAFETY rule 4).
struct RecentRequests {
    private struct Name: Hashable {
        let request: RequestID
        let hash: KeyHash
    }

    private let countMax: Int
    private var dots: [Name: Dot] = [:]
    private var ring: [Name] = []
    private var next = 0

    init(countMax: Int = 1 << 16) {
        self.countMax = countMax
    }

    func dot(of request: RequestID, hash: KeyHash) -> Dot? {
        self.dots[Name(request: request, hash: hash)]
    }

    mutating func remember(_ dot: Dot, of request: RequestID, hash: KeyHash) {
        let name = Name(request: request, hash: hash)
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
