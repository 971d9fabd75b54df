package import QuireCore

/// One row of `entries`, decoded and checked.
package struct PartitionRow: Sendable, Hashable {
    package let hash: KeyHash
    package let key: Key
    package let encoded: [UInt8]
    package let record: Record
}

/// Reads rows in scan order, (hash, key), in pages.
enum PartitionRows {
    private static let columns = "SELECT hash, key, record FROM entries"

    /// - Parameter leaf: Restricts the page to one Merkle leaf.
    static func page(
        of database: SQLiteDatabase,
        after position: ScanPosition?,
        leaf: Int?,
        limit: PageLimit
    ) throws -> (rows: [PartitionRow], isLast: Bool) {
        let range = self.range(leaf: leaf)
        let statement = try database.prepare(
            Self.columns + " WHERE hash BETWEEN ?1 AND ?2 AND (hash > ?3 OR key > ?4) ORDER BY hash, key"
        )
        let from = position.map { max($0.hash, range.lowerBound) } ?? range.lowerBound
        statement.bind(PartitionSchema.column(from), at: 1)
        statement.bind(PartitionSchema.column(range.upperBound), at: 2)
        // Without a position, or with one before the leaf, every key is greater than the empty one.
        let isInside = position.map { $0.hash >= range.lowerBound } ?? false
        statement.bind(PartitionSchema.column(from), at: 3)
        try statement.bind(isInside ? position?.key.bytes ?? [] : [], at: 4)
        var rows: [PartitionRow] = []
        var bytes = 0
        while try statement.step() {
            guard rows.isEmpty || rows.count < limit.records && bytes < limit.bytes else { return (rows, false) }
            let row = try self.row(statement, path: database.path)
            bytes += row.key.bytes.count + row.encoded.count
            rows.append(row)
        }
        return (rows, true)
    }

    /// All rows of one hash, by key.
    static func rows(of hash: KeyHash, in database: SQLiteDatabase) throws -> [PartitionRow] {
        let statement = try database.prepare(Self.columns + " WHERE hash = ?1 ORDER BY key")
        statement.bind(PartitionSchema.column(hash), at: 1)
        var rows: [PartitionRow] = []
        while try statement.step() {
            rows.append(try self.row(statement, path: database.path))
        }
        return rows
    }

    /// - Parameters:
    ///   - statement: On a row of hash, key, record.
    ///   - keepsValues: Whether the record gets its values, or empty ones; the encoded record is complete in any case.
    static func row(_ statement: SQLiteStatement, path: String, keepsValues: Bool = true) throws -> PartitionRow {
        let hash = PartitionSchema.hash(statement.integer(0))
        let encoded = statement.bytes(2)
        guard let key = Key(statement.bytes(1)), key.hash == hash else {
            throw StorageError(.corruptFile, "a row's key and hash do not fit", path: path)
        }
        do {
            let record = keepsValues ? try Record(encoded: encoded) : try Record.withoutValues(encoded: encoded)
            return PartitionRow(hash: hash, key: key, encoded: encoded, record: record)
        } catch {
            throw StorageError(.corruptFile, "a record cannot be decoded", cause: "\(error)", path: path)
        }
    }

    private static func range(leaf: Int?) -> ClosedRange<KeyHash> {
        guard let leaf else { return KeyHash(rawValue: 0)...KeyHash(rawValue: .max) }
        precondition((0..<MerkleLeaves.count).contains(leaf), "leaf \(leaf)")
        let first = UInt64(leaf) << 54
        return KeyHash(rawValue: first)...KeyHash(rawValue: first | (1 << 54 - 1))
    }
}
