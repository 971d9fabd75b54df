/// One of the two record stores that a node may have for a partition.
package enum StoreID: Hashable, Sendable {
    /// What the node holds as a member of the partition's row.
    case replica(PartitionID)
    /// What it holds as a stand-in, until the members of the row have it (Dynamo §4.6; SAFETY rules 3 and 8).
    case hints(PartitionID)

    package var partition: PartitionID {
        switch self {
        case .replica(let partition), .hints(let partition): partition
        }
    }
}

/// What a core asks of the storage shard that owns a partition.
///
/// Each command carries a token of the asker; completions name it again. Commands for one partition are
/// executed in the order in which they were submitted.
package enum StorageCommand: Sendable, Hashable {
    /// Answered by `.record`.
    case read(StoreID, Key)
    /// Mints a version; answered by `.minted` as soon as it is merged, and by `.durable` once it is synced.
    case mint(StoreID, MintRequest)
    /// Merges a record; answered by `.durable` once it is synced, or without `sync` by `.merged` at once.
    case merge(StoreID, Key, Record, sync: Bool = true)
    /// Merges many records of one partition; answered by one `.durable` once all are synced.
    case mergeBatch(StoreID, [KeyedRecord])
    /// Forgets each of these keys whose present record knows nothing beyond the given one; answered by one
    /// `.durable` once that is synced. Records that have learned more since stay.
    case dropBatch(StoreID, [KeyedRecord])
    /// Reads a page of records in the order (key hash, key); answered by `.page`.
    case scan(StoreID, after: ScanPosition?, limit: PageLimit)
    /// Answered by `.leaves`.
    case leaves(StoreID)
    /// Reads all records of one Merkle leaf from a position on; answered by `.page`.
    case leafEntries(StoreID, leaf: Int, after: ScanPosition?, limit: PageLimit)
    /// Counts records and live keys; answered by `.counts`.
    case count(StoreID)
    /// Sums the records below each child of these Merkle nodes, all of one level above the twigs; answered by
    /// `.sums`, for the first nodes at least (`MerkleReading`).
    case sums(StoreID, [MerkleNode])
    /// Digests each record below these twigs, which ascend; answered by `.digests`, for the first of them at least.
    case digests(StoreID, [MerkleNode])
    /// Reads the records of these key hashes, which ascend; answered by `.page`, never cut within one hash.
    case records(StoreID, [KeyHash], limit: PageLimit)
    /// Which of these records are not stored as they are? Answered by `.lacking` once all others are synced.
    case lacking(StoreID, [KeyDigest])

    package var store: StoreID {
        switch self {
        case .read(let store, _), .mint(let store, _), .merge(let store, _, _, _), .mergeBatch(let store, _),
            .dropBatch(let store, _), .scan(let store, _, _), .leaves(let store), .leafEntries(let store, _, _, _),
            .count(let store), .sums(let store, _), .digests(let store, _), .records(let store, _, _),
            .lacking(let store, _):
            store
        }
    }

    package var partition: PartitionID { self.store.partition }
}

/// The most that one page may hold. A page is never empty while there are records left.
package struct PageLimit: Sendable, Hashable {
    package let records: Int
    package let bytes: Int

    package init(records: Int, bytes: Int = 1 << 20) {
        self.records = records
        self.bytes = bytes
    }
}

/// A place between two records in scan order: just after `key`.
package struct ScanPosition: Sendable, Hashable, Comparable {
    package let hash: KeyHash
    package let key: Key

    package init(key: Key) {
        self.init(hash: key.hash, key: key)
    }

    /// - Parameter hash: that of `key`, or an upper bound when the position is not that of a real key.
    package init(hash: KeyHash, key: Key) {
        self.hash = hash
        self.key = key
    }

    package static func < (left: ScanPosition, right: ScanPosition) -> Bool {
        left.hash != right.hash
            ? left.hash < right.hash : left.key.bytes.lexicographicallyPrecedes(right.key.bytes)
    }
}

package struct KeyedRecord: Sendable, Hashable {
    package let key: Key
    package let record: Record

    package init(key: Key, record: Record) {
        self.key = key
        self.record = record
    }
}

/// A write that asks a replica for a new dot.
package struct MintRequest: Sendable, Hashable {
    package let key: Key
    /// `nil` deletes.
    package let value: [UInt8]?
    package let supersession: Record.Supersession
    package let timestamp: HybridTimestamp
    package let request: RequestID
    package let expiryMilliseconds: UInt64?

    package init(
        key: Key,
        value: [UInt8]?,
        supersession: Record.Supersession,
        timestamp: HybridTimestamp,
        request: RequestID,
        expiryMilliseconds: UInt64? = nil
    ) {
        self.key = key
        self.value = value
        self.supersession = supersession
        self.timestamp = timestamp
        self.request = request
        self.expiryMilliseconds = expiryMilliseconds
    }
}

/// What a shard answers.
package enum StorageOutcome: Sendable, Hashable {
    /// `nil`: no record of the key.
    case record(Record?)
    /// The whole record after minting; not yet durable.
    case minted(Record, dot: Dot)
    /// Merged, and readable here, but a loss of power may take it away again.
    case merged(latestTimestamp: HybridTimestamp)
    case durable(DurableReceipt)
    case page([KeyedRecord], isLast: Bool)
    case leaves(MerkleLeaves)
    case counts(PartitionCounts)
    /// Of the children of the first nodes that were asked for, in order.
    case sums([UInt128])
    /// Ascending; everything below the first `covered` nodes that were asked for.
    case digests([HashDigest], covered: Int)
    /// Indexes into what was asked, ascending.
    case lacking([Int])
    case failed(StorageFailure)
}

/// Proof that records were synced: what every acknowledgement is made from.
package struct DurableReceipt: Sendable, Hashable {
    /// The greatest timestamp among the siblings now stored for the key; `.zero` for a batch.
    package let latestTimestamp: HybridTimestamp

    package init(syncedWithLatestTimestamp timestamp: HybridTimestamp) {
        self.latestTimestamp = timestamp
    }
}

package struct PartitionCounts: Sendable, Hashable {
    /// All records, tombstones included.
    package let records: Int
    /// Records that a plain read would show.
    package let liveKeys: Int
    /// Bytes of the partition's file and of its unflushed records.
    package let bytes: Int

    package init(records: Int, liveKeys: Int, bytes: Int) {
        self.records = records
        self.liveKeys = liveKeys
        self.bytes = bytes
    }
}

/// Why a shard could not do what was asked. Nothing was acknowledged.
package enum StorageFailure: Error, Sendable, Hashable {
    /// The log could not be written (disk full, I/O error); nothing was stored that will be acknowledged. Retry elsewhere.
    case notDurable(String)
    /// The partition's file is damaged and set aside; other replicas have the data.
    case quarantined(PartitionID, String)
    /// The buffer is full; retry later.
    case overloaded
    /// The shard is stopping.
    case stopping
}

extension StorageFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notDurable(let reason): reason
        case .quarantined(let partition, let reason): "partition \(partition) is quarantined: \(reason)"
        case .overloaded: "too much waits to be stored; try again later"
        case .stopping: "the node is stopping"
        }
    }
}

package struct StorageCompletion: Sendable, Hashable {
    package let token: UInt64
    package let outcome: StorageOutcome

    package init(token: UInt64, outcome: StorageOutcome) {
        self.token = token
        self.outcome = outcome
    }
}
