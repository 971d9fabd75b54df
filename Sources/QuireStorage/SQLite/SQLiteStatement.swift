import CSQLite

/// A prepared statement: bind from 1, step, read columns from 0, reset.
///
/// Values of a row are valid until the next `step`, `reset` or bind; everything returned here is a copy.
package final class SQLiteStatement {
    private let database: SQLiteDatabase
    private let handle: OpaquePointer

    init(database: SQLiteDatabase, handle: OpaquePointer) {
        self.database = database
        self.handle = handle
    }

    deinit {
        sqlite3_finalize(self.handle)
    }

    package func bind(_ value: Int64, at index: Int32) {
        let result = sqlite3_bind_int64(self.handle, index, value)
        precondition(result == SQLITE_OK, "parameter \(index): SQLite result \(result)")
    }

    package func bind(_ text: String, at index: Int32) {
        let result = sqlite3_bind_text(self.handle, index, text, -1, quire_sqlite_transient())
        precondition(result == SQLITE_OK, "parameter \(index): SQLite result \(result)")
    }

    package func bind(_ bytes: [UInt8], at index: Int32) throws(SQLiteError) {
        let result = bytes.withUnsafeBytes { buffer in
            buffer.isEmpty
                ? sqlite3_bind_zeroblob(self.handle, index, 0)
                : sqlite3_bind_blob(
                    self.handle,
                    index,
                    buffer.baseAddress,
                    Int32(buffer.count),
                    quire_sqlite_transient()
                )
        }
        guard result == SQLITE_OK else { throw self.database.error(code: result) }
    }

    /// - Returns: `false` when there are no more rows; the statement is then reset.
    package func step() throws(SQLiteError) -> Bool {
        let result = sqlite3_step(self.handle)
        if result == SQLITE_ROW { return true }
        let error = result == SQLITE_DONE ? nil : self.database.error(code: result)
        sqlite3_reset(self.handle)
        if let error { throw error }
        return false
    }

    /// Runs a statement that gives no rows.
    package func run() throws(SQLiteError) {
        while try self.step() {}
    }

    /// Ends a read early. An unfinished statement would keep a checkpoint from completing.
    package func reset() {
        sqlite3_reset(self.handle)
    }

    package func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(self.handle, column)
    }

    /// `nil` for NULL.
    package func text(_ column: Int32) -> String? {
        sqlite3_column_text(self.handle, column).map { String(cString: $0) }
    }

    /// Empty for NULL.
    package func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(self.handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(self.handle, column))))
    }

    /// Compares a blob without copying it.
    package func column(_ column: Int32, equals bytes: [UInt8]) -> Bool {
        guard let start = sqlite3_column_blob(self.handle, column) else { return bytes.isEmpty }
        let found = UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(self.handle, column)))
        return found.elementsEqual(bytes)
    }
}
