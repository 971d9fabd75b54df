import CSQLite

/// What SQLite refused to do. The state of the connection is unchanged unless the message says otherwise.
package struct SQLiteError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The extended result code.
    package let code: Int32
    package let message: String

    package init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    package var primaryCode: Int32 { self.code & 0xFF }

    /// The file's content is wrong: not a database, a malformed page, or a value of the wrong kind.
    package var isCorruption: Bool {
        [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_MISMATCH].contains(self.primaryCode)
    }

    /// A page could not be read or written.
    package var isInputOutput: Bool {
        self.primaryCode == SQLITE_IOERR && self.code != Int32(SQLITE_IOERR) | 12 << 8
    }

    package var isDiskFull: Bool { self.primaryCode == SQLITE_FULL }

    package var description: String { "SQLite error \(self.code): \(self.message)" }
}
