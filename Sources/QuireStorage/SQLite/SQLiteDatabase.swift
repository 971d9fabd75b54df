import CSQLite

/// One SQLite connection, used by one thread at a time.
///
/// The library is configured once per process for that use (`MULTITHREAD`, no page-cache preallocation), so
/// every connection of the process goes through this type.
package final class SQLiteDatabase {
    package enum Mode: Sendable {
        /// Opened for writing; made when it does not exist.
        case create
        /// Opened for writing; must exist.
        case existing
        /// Opened for reading a file that nobody changes: no locks, no WAL, no directory access.
        case immutable
    }

    /// How far a checkpoint goes; only a complete one leaves the whole state in the main file.
    package enum CheckpointMode: Sendable {
        /// Copies what it can, keeps the WAL file for reuse.
        case passive
        /// Copies everything and empties the WAL file.
        case truncate
    }

    package let path: String
    private var handle: OpaquePointer?
    private let walPages: UnsafeMutablePointer<Int32>
    private var rawFile: MainFile?

    private static let libraryIsConfigured: Bool =
        quire_sqlite_configure_multithread() == SQLITE_OK && quire_sqlite_configure_page_cache() == SQLITE_OK

    package init(path: String, mode: Mode) throws(SQLiteError) {
        // A refusal means that the library was already running with its defaults, which are safe as well.
        _ = Self.libraryIsConfigured
        self.path = path
        self.walPages = .allocate(capacity: 1)
        self.walPages.initialize(to: 0)
        self.rawFile = mode == .existing ? MainFile.left(at: path) : nil
        let result = sqlite3_open_v2(Self.name(of: path, mode: mode), &self.handle, Self.flags(for: mode), nil)
        guard result == SQLITE_OK else {
            let error = self.error(code: result)
            self.close()
            throw error
        }
        sqlite3_extended_result_codes(self.handle, 1)
    }

    /// Statements hold the database: none is left, so SQLite's descriptor is closed when `close` returns.
    deinit {
        self.close()
        self.rawFile?.disconnect()
        self.walPages.deallocate()
    }

    /// Closes the connection. Statements that are still prepared keep its descriptor open until they go too.
    package func close() {
        guard let handle = self.handle else { return }
        self.handle = nil
        sqlite3_close_v2(handle)
    }

    /// Runs statements whose rows do not matter.
    package func execute(_ sql: String) throws(SQLiteError) {
        let result = sqlite3_exec(self.handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw self.error(code: result) }
    }

    package func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var statement: OpaquePointer?
        let result = sqlite3_prepare_v3(self.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard result == SQLITE_OK, let statement else { throw self.error(code: result) }
        return SQLiteStatement(database: self, handle: statement)
    }

    /// The first column of the first row as text; `nil` without a row or for NULL.
    package func text(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try self.prepare(sql)
        return try statement.step() ? statement.text(0) : nil
    }

    /// The first column of the first row as an integer; `nil` without a row.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try self.prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// Sets one of the `SQLITE_DBCONFIG_…` flags.
    package func setFlag(_ flag: Int32, _ isEnabled: Bool) throws(SQLiteError) {
        let result = quire_sqlite_set_db_flag(self.handle, flag, isEnabled ? 1 : 0)
        guard result == SQLITE_OK else { throw self.error(code: result) }
    }

    /// Runs `body` in one transaction; rolls back when it throws.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try self.execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try self.execute("COMMIT")
            return result
        } catch {
            // A failed statement may have rolled back already; then there is nothing left to undo.
            try? self.execute("ROLLBACK")
            throw error
        }
    }

    /// Bytes that commits have put into the WAL since its last reset.
    package var walBytes: Int { Int(self.walPages.pointee) * (4096 + 24) }

    /// Keeps `walBytes` up to date. Replaces the automatic checkpoint, so call it after switching that off.
    package func watchWAL() {
        sqlite3_wal_hook(
            self.handle,
            { context, _, _, pages in
                context?.assumingMemoryBound(to: Int32.self).pointee = pages
                return SQLITE_OK
            },
            self.walPages
        )
    }

    /// - Returns: Whether the checkpoint was complete: the main file now holds every committed page.
    package func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> Bool {
        var logFrames: Int32 = -1
        var copiedFrames: Int32 = -1
        let flag = mode == .truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let result = sqlite3_wal_checkpoint_v2(self.handle, "main", flag, &logFrames, &copiedFrames)
        if result == SQLITE_BUSY || result == SQLITE_LOCKED { return false }
        guard result == SQLITE_OK else { throw self.error(code: result) }
        let isComplete = mode == .truncate ? logFrames == 0 && copiedFrames == 0 : logFrames == copiedFrames
        if isComplete { self.walPages.pointee = 0 }
        return isComplete
    }

    /// The size of the main file, asked through SQLite's own descriptor.
    package func mainFileBytes() throws(SQLiteError) -> Int {
        guard let file = quire_sqlite_main_file(self.handle) else { throw self.error(code: SQLITE_MISUSE) }
        var size: sqlite3_int64 = 0
        let result = quire_sqlite_file_size(file, &size)
        guard result == SQLITE_OK else { throw self.error(code: result) }
        return Int(size)
    }

    /// The main file for readers on other threads.
    func mainFile() throws(StorageError) -> MainFile {
        if let file = self.rawFile { return file }
        let file = try MainFile.open(self.path)
        self.rawFile = file
        return file
    }

    /// Reads bytes of the main file through SQLite's own descriptor, which leaves its POSIX locks alone.
    ///
    /// - Parameter range: Within the file.
    package func readMainFile(_ range: Range<Int>) throws(SQLiteError) -> [UInt8] {
        guard let file = quire_sqlite_main_file(self.handle) else { throw self.error(code: SQLITE_MISUSE) }
        var result = SQLITE_OK
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            result = quire_sqlite_file_read(file, buffer.baseAddress, Int32(range.count), Int64(range.lowerBound))
            count = result == SQLITE_OK ? range.count : 0
        }
        guard result == SQLITE_OK else { throw self.error(code: result) }
        return bytes
    }

    func error(code: Int32) -> SQLiteError {
        let text = self.handle.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        return SQLiteError(code: code, message: "\(self.path): \(text.map { String(cString: $0) } ?? "unknown")")
    }

    private static func flags(for mode: Mode) -> Int32 {
        switch mode {
        case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .existing: SQLITE_OPEN_READWRITE
        case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
        }
    }

    private static func name(of path: String, mode: Mode) -> String {
        guard mode == .immutable else { return path }
        var name = "file:"
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "%"), 0x80...:
                name += "%" + String(byte, radix: 16)
            default:
                name.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return name + "?immutable=1&mode=ro"
    }
}
