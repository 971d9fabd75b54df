import CSQLite
package import QuireCore

/// What a partition file says it is.
package struct PartitionIdentity: Hashable, Sendable {
    package let clusterID: String
    package let partition: PartitionID
    package let partitionCount: PartitionCount
    package let content: PartitionContent

    package init(
        clusterID: String,
        partition: PartitionID,
        partitionCount: PartitionCount,
        content: PartitionContent = .replica
    ) {
        self.clusterID = clusterID
        self.partition = partition
        self.partitionCount = partitionCount
        self.content = content
    }
}

extension PartitionIdentity: CustomStringConvertible {
    package var description: String {
        (self.content == .hints ? "the hints for " : "")
            + "partition \(self.partition) of \(self.partitionCount.rawValue) of cluster \(self.clusterID)"
    }
}

/// What the records of a file are to the node that has it.
package enum PartitionContent: String, Hashable, Sendable {
    /// A member's copy of the partition.
    case replica
    /// What a stand-in holds until the members have it.
    case hints
}

/// The content of a partition file, `partitions/<p>.db` or `hints/<p>.db`: an SQLite database of page size 4096.
///
/// ```
/// meta     name → value, all readable:
///            format_version   1
///            cluster_id       text
///            partition        0..<partition_count
///            partition_count  Q
///            actor            16 hexadecimal digits, or empty: the life that minted here last
///            actor_counter    the last counter that life used, if it ended cleanly
///            actor_lineage    16 hexadecimal digits: the unbroken run of clean stops in which that holds
///            content          "replica" or "hints"; absent: "replica"
///            drop_count       the number of the store's latest drop when the file was written; absent: 0
///            hint_bytes       in a hint file: bytes of keys and records
///            hints_since      in a hint file: when it ceased to be empty, in milliseconds since 1970; 0 while empty
///            record_count     rows of `entries`
///            live_count       of these, records whose winner is a value
///            expiring_count   of these, records whose winner will expire or has
/// entries  one row per key: hash = (first 8 bytes of SHA-256(key)) xor 2^63 as a signed integer, so that
///          SQLite's order of integers is the order of hashes; key; record in its canonical encoding
/// leaves   leaf 0..<1024 → sum of the keyed digests of its records, 16 bytes big-endian; zero sums have no row
/// ```
///
/// Invariants: keys are unique; `hash` fits `key`; counts and leaves are those of the rows, because one
/// transaction writes all of them. A reader refuses a schema whose text differs in any way.
package enum PartitionSchema {
    package static let formatVersion: Int64 = 1

    package static let statements = [
        "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID",
        "CREATE TABLE entries(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, key BLOB NOT NULL, record BLOB NOT NULL)",
        "CREATE INDEX entries_hash ON entries(hash)",
        "CREATE TABLE leaves(leaf INTEGER PRIMARY KEY, sum BLOB NOT NULL)",
    ]

    package static func column(_ hash: KeyHash) -> Int64 {
        Int64(bitPattern: hash.rawValue ^ 1 << 63)
    }

    package static func hash(_ column: Int64) -> KeyHash {
        KeyHash(rawValue: UInt64(bitPattern: column) ^ 1 << 63)
    }

    package static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads the identity, after checking that the database has this very schema.
    package static func identity(of database: SQLiteDatabase) throws -> PartitionIdentity {
        let rows = try database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL OR type <> 'index'")
        var found: Set<String> = []
        while try rows.step() {
            found.insert(rows.text(0) ?? "?")
        }
        guard found == Set(Self.statements) else {
            throw StorageError(.corruptFile, "the file has not the schema of a partition", path: database.path)
        }
        let version = try Self.integer("format_version", of: database)
        guard version == Self.formatVersion else {
            throw StorageError(
                .foreignData,
                "the partition file has format \(version), this program reads \(Self.formatVersion): upgrade it",
                path: database.path
            )
        }
        guard let clusterID = try Self.text("cluster_id", of: database),
            let count = PartitionCount(Int(try Self.integer("partition_count", of: database)))
        else {
            throw StorageError(.corruptFile, "the partition file does not say what it is", path: database.path)
        }
        let partition = PartitionID(Int(try Self.integer("partition", of: database)))
        guard (0..<count.rawValue).contains(partition.rawValue) else {
            throw StorageError(.corruptFile, "partition \(partition) of \(count.rawValue)", path: database.path)
        }
        let name = try Self.text("content", of: database) ?? PartitionContent.replica.rawValue
        guard let content = PartitionContent(rawValue: name) else {
            throw StorageError(.foreignData, "the file holds \(name), not a replica or hints", path: database.path)
        }
        return PartitionIdentity(clusterID: clusterID, partition: partition, partitionCount: count, content: content)
    }

    package static func leaves(of database: SQLiteDatabase) throws -> MerkleLeaves {
        var sums = [UInt128](repeating: 0, count: MerkleLeaves.count)
        let rows = try database.prepare("SELECT leaf, sum FROM leaves")
        while try rows.step() {
            let sum = rows.bytes(1)
            guard let leaf = Int(exactly: rows.integer(0)), sums.indices.contains(leaf), sum.count == 16 else {
                throw StorageError(.corruptFile, "leaf \(rows.integer(0)) is malformed", path: database.path)
            }
            sums[leaf] = sum.reduce(0) { $0 << 8 | UInt128($1) }
        }
        guard let leaves = MerkleLeaves(sums: sums) else { preconditionFailure("\(sums.count) sums") }
        return leaves
    }

    package static func tally(of database: SQLiteDatabase) throws -> RecordTally {
        RecordTally(
            records: Int(try Self.integer("record_count", of: database)),
            live: Int(try Self.integer("live_count", of: database)),
            expiring: Int(try Self.integer("expiring_count", of: database))
        )
    }

    static func text(_ name: String, of database: SQLiteDatabase) throws -> String? {
        let statement = try database.prepare("SELECT value FROM meta WHERE name = ?1")
        statement.bind(name, at: 1)
        return try statement.step() ? statement.text(0) : nil
    }

    static func integer(_ name: String, of database: SQLiteDatabase) throws -> Int64 {
        guard let value = try Self.optionalInteger(name, of: database) else {
            throw StorageError(.corruptFile, "the partition file lacks \(name)", path: database.path)
        }
        return value
    }

    static func optionalInteger(_ name: String, of database: SQLiteDatabase) throws -> Int64? {
        let statement = try database.prepare("SELECT value FROM meta WHERE name = ?1 AND typeof(value) = 'integer'")
        statement.bind(name, at: 1)
        return try statement.step() ? statement.integer(0) : nil
    }
}

/// How many records there are, by what a plain read makes of them.
package struct RecordTally: Hashable, Sendable {
    package var records = 0
    /// Records whose winner is a value, whether or not it has expired.
    package var live = 0
    /// Of `live`, those whose winner has an expiry.
    package var expiring = 0

    package init(records: Int = 0, live: Int = 0, expiring: Int = 0) {
        self.records = records
        self.live = live
        self.expiring = expiring
    }

    package init(of record: Record) {
        let winner = record.winner
        let isLive = winner.map { !$0.isTombstone } ?? false
        self.init(records: 1, live: isLive ? 1 : 0, expiring: isLive && winner?.expiryMilliseconds != nil ? 1 : 0)
    }

    package static func += (left: inout RecordTally, right: RecordTally) {
        left.records += right.records
        left.live += right.live
        left.expiring += right.expiring
    }

    package static func -= (left: inout RecordTally, right: RecordTally) {
        left.records -= right.records
        left.live -= right.live
        left.expiring -= right.expiring
    }
}
