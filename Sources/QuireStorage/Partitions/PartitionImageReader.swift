import CSQLite
import Crypto
package import QuireCore

/// Reads a partition image: a copy that nobody changes. Trusts nothing in it.
///
/// Refuses at once what has not exactly the schema of a partition; rows are checked as they are read.
package final class PartitionImageReader {
    package let identity: PartitionIdentity
    package let tally: RecordTally
    /// Keyed with the secret of the cluster that made the image.
    package let leaves: MerkleLeaves
    private let database: SQLiteDatabase
    private static let pieceBytes = 256 << 10

    /// - Parameters:
    ///   - path: Of a complete image: not a live partition file.
    ///   - expected: What the image must say it is; `nil` takes a replica of any partition of any cluster.
    package init(path: String, expecting expected: PartitionIdentity? = nil) throws(StorageError) {
        do {
            let database = try SQLiteDatabase(path: path, mode: .immutable)
            try database.setFlag(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
            try database.setFlag(SQLITE_DBCONFIG_DEFENSIVE, true)
            try database.execute("PRAGMA cell_size_check=ON; PRAGMA query_only=ON")
            self.database = database
            self.identity = try PartitionSchema.identity(of: database)
            self.tally = try PartitionSchema.tally(of: database)
            self.leaves = try PartitionSchema.leaves(of: database)
        } catch {
            throw Self.storageError(error, path: path)
        }
        guard self.identity == expected ?? self.identity, self.identity.content == expected?.content ?? .replica else {
            let wanted = expected.map { "\($0)" } ?? "a replica"
            throw StorageError(
                .foreignData,
                "the image is \(self.identity), wanted was \(wanted)",
                partition: self.identity.partition,
                path: path
            )
        }
    }

    /// The next rows in the order (hash, key). At least one while there are any.
    package func page(
        after position: ScanPosition?,
        limit: PageLimit
    ) throws(StorageError) -> (rows: [PartitionRow], isLast: Bool) {
        do {
            return try PartitionRows.page(of: self.database, after: position, leaf: nil, limit: limit)
        } catch {
            throw Self.storageError(error, path: self.database.path)
        }
    }

    /// Calls `body` with every row in the order (hash, key).
    package func forEachRow(_ body: (PartitionRow) throws -> Void) throws {
        var position: ScanPosition?
        while true {
            let page = try self.page(after: position, limit: PageLimit(records: 4096, bytes: 4 << 20))
            for row in page.rows {
                try body(row)
            }
            guard !page.isLast, let last = page.rows.last else { return }
            position = ScanPosition(key: last.key)
        }
    }

    /// SQLite's own check of the structure of the file.
    package func checkStructure() throws(StorageError) {
        do {
            let verdict = try self.database.text("PRAGMA quick_check(1)") ?? "no answer"
            guard verdict == "ok" else {
                throw StorageError(.corruptFile, "the image is damaged: \(verdict)", path: self.database.path)
            }
        } catch {
            throw Self.storageError(error, path: self.database.path)
        }
    }

    /// Reads the file as memory from now on: much faster, but a disk that fails under it ends the process. Only for
    /// files that this process has just written.
    package func map() throws(StorageError) {
        do {
            try self.database.execute("PRAGMA mmap_size=2147418112")
        } catch {
            throw Self.storageError(error, path: self.database.path)
        }
    }

    /// Recomputes leaves and counts from the rows and compares; also that each key belongs here, and that the index
    /// knows exactly the rows.
    ///
    /// Rows are read as they lie in the file: sums do not depend on the order.
    ///
    /// - Parameter pause: Called every few hundred kilobytes; what it throws is thrown.
    package func checkContent(digester: RecordDigester, pause: () throws -> Void = {}) throws {
        let rows = try self.checkRows(digester: digester, pause: pause)
        guard rows.fitLeaves else { throw self.strangeRows }
        try self.checkIndex(rows)
    }

    /// What was learned of the rows by reading all of them.
    struct Rows {
        /// What the index has to say.
        let places: UInt64
        /// Whether the leaves are those of the rows; also when they were not compared.
        let fitLeaves: Bool
    }

    private var strangeRows: StorageError {
        StorageError(.corruptFile, "the rows are not those of the Merkle leaves", path: self.database.path)
    }

    /// The rows alone, without the index.
    ///
    /// - Parameter digester: With `nil` leaves are not compared: they are keyed.
    func checkRows(digester: RecordDigester?, pause: () throws -> Void = {}) throws -> Rows {
        do {
            var leaves = MerkleLeaves()
            var tally = RecordTally()
            var places: UInt64 = 0
            var bytesSincePause = 0
            let statement = try self.database.prepare("SELECT hash, key, record, id FROM entries NOT INDEXED")
            while try statement.step() {
                let row = try PartitionRows.row(statement, path: self.database.path, keepsValues: false)
                guard self.identity.partitionCount.partition(of: row.key) == self.identity.partition else {
                    throw StorageError(.corruptFile, "a key of another partition", path: self.database.path)
                }
                if let digester {
                    leaves.replace(0, with: digester.digest(key: row.key, encodedRecord: row.encoded), at: row.hash)
                }
                tally += RecordTally(of: row.record)
                places &+= Self.place(statement.integer(0), statement.integer(3))
                bytesSincePause += row.encoded.count
                if bytesSincePause >= Self.pieceBytes {
                    bytesSincePause = 0
                    try pause()
                }
            }
            guard tally == self.tally else {
                throw StorageError(.corruptFile, "the counts are not those of the rows", path: self.database.path)
            }
            return Rows(places: places, fitLeaves: digester == nil || leaves == self.leaves)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Self.storageError(error, path: self.database.path)
        }
    }

    func checkIndex(_ rows: Rows) throws(StorageError) {
        do {
            guard try self.indexedPlaces() == rows.places else {
                throw StorageError(.corruptFile, "the index does not fit the rows", path: self.database.path)
            }
        } catch {
            throw Self.storageError(error, path: self.database.path)
        }
    }

    /// What the index says, summed over its entries in any order.
    private func indexedPlaces() throws -> UInt64 {
        var places: UInt64 = 0
        let statement = try self.database.prepare("SELECT hash, id FROM entries INDEXED BY entries_hash")
        while try statement.step() {
            places &+= Self.place(statement.integer(0), statement.integer(1))
        }
        return places
    }

    /// Well mixed, so that sums of different places are different but for chance.
    private static func place(_ hash: Int64, _ row: Int64) -> UInt64 {
        var value = UInt64(bitPattern: hash) ^ (UInt64(bitPattern: row) &* 0x9E37_79B9_7F4A_7C15)
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    static func storageError(_ error: any Error, path: String) -> StorageError {
        if let error = error as? StorageError { return error }
        if let error = error as? SQLiteError, !error.isCorruption {
            return StorageError(.inputOutput, "the image cannot be read", cause: error.description, path: path)
        }
        return StorageError(.corruptFile, "the image is damaged", cause: "\(error)", path: path)
    }
}

/// Says, without a secret, whether two images hold the same records: used by archives.
///
/// A leaf is the wrapping sum, over its records, of the first 128 bits of SHA-256 over: key length (2 bytes,
/// big-endian), key, encoded record. The root is SHA-256 over the 1024 sums, 16 bytes big-endian each. Equal
/// roots decide only together with equal counts (SAFETY rule 19).
package struct LogicalRoot: Hashable, Sendable {
    package private(set) var recordCount = 0
    private var leaves = MerkleLeaves()

    package init() {}

    package mutating func add(key: Key, hash: KeyHash, encodedRecord: [UInt8]) {
        var digest = SHA256()
        digest.update(data: [UInt8(key.bytes.count >> 8), UInt8(key.bytes.count & 0xFF)])
        digest.update(data: key.bytes)
        digest.update(data: encodedRecord)
        let sum = digest.finalize().prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
        self.leaves.replace(0, with: sum, at: hash)
        self.recordCount += 1
    }

    /// 32 bytes.
    package var root: [UInt8] { self.leaves.root }
}

package enum PartitionImage {
    /// Reads a whole image.
    package static func logicalRoot(of reader: PartitionImageReader) throws -> LogicalRoot {
        var root = LogicalRoot()
        try reader.forEachRow { root.add(key: $0.key, hash: $0.hash, encodedRecord: $0.encoded) }
        return root
    }
}
