import Glibc

/// Copies of database files in a temporary directory, so that a WAL can be read without anything being written beside
/// the original.
///
/// SQLite cannot read a WAL without an index beside it (`-shm`), nor without locks for which the file must be writable;
/// opened as immutable, it leaves the WAL out. So a file with a WAL is copied together with it, and the copy is made
/// complete. One copy exists at a time: room for the largest file is enough.
package final class ScratchSpace {
    /// What must stay free beside a copy.
    private static let slackBytes = 16 << 20
    private static let pieceBytes = 1 << 20

    private let parent: String
    private var made: String?

    /// - Parameter parent: Where temporary files may lie; not in the data directory.
    package init(in parent: String) {
        self.parent = parent
    }

    deinit {
        // A leftover in a temporary directory does no harm.
        if let made = self.made { try? FileSystem.removeTree(made) }
    }

    /// Copies a database with its WAL, and hands out the path of the copy, which is gone afterwards.
    package func withCopy<Result>(of path: String, _ body: (String) throws -> Result) throws -> Result {
        let directory = try self.directory()
        let copy = directory + "/copy.db"
        try self.checkRoom(for: FileSystem.sizeBytes(path) + 2 * FileSystem.sizeBytes(path + "-wal"), in: directory)
        defer {
            // The next copy overwrites it.
            try? FileSystem.remove(copy)
            try? FileSystem.removeCompanions(of: copy)
        }
        try FileSystem.removeCompanions(of: copy)
        try self.copy(path, to: copy)
        if FileSystem.sizeBytes(path + "-wal") > 0 { try self.copy(path + "-wal", to: copy + "-wal") }
        return try body(copy)
    }

    /// The same with the WAL taken into the file, and gone.
    package func withCompleteCopy<Result>(of path: String, _ body: (String) throws -> Result) throws -> Result {
        try self.withCopy(of: path) { copy in
            try Self.complete(copy)
            return try body(copy)
        }
    }

    /// Takes the WAL of a copy into the file.
    static func complete(_ copy: String) throws {
        if FileSystem.sizeBytes(copy + "-wal") > 0 {
            let database = try SQLiteDatabase(path: copy, mode: .existing)
            try database.execute("PRAGMA synchronous=OFF; PRAGMA cell_size_check=ON")
            // A connection that has read nothing yet does not know of a WAL.
            _ = try database.integer("SELECT count(*) FROM sqlite_schema")
            guard try database.checkpoint(.truncate) else {
                throw StorageError(.corruptFile, "the WAL cannot be taken into the file", path: copy)
            }
            database.close()
        }
        try FileSystem.removeCompanions(of: copy)
    }

    private func directory() throws(StorageError) -> String {
        if let made = self.made { return made }
        var template = Array("\(self.parent)/quire-doctor-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileSystem.failure("make a temporary directory in", self.parent) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.made = path
        return path
    }

    private func checkRoom(for bytes: Int, in directory: String) throws(StorageError) {
        let free = FileSystem.freeBytes(directory)
        guard free < bytes + Self.slackBytes else { return }
        throw StorageError(
            .inputOutput,
            "the temporary directory \(self.parent) has \(free) bytes free, a copy needs \(bytes + Self.slackBytes): "
                + "set TMPDIR to a directory with more room",
            path: directory
        )
    }

    private func copy(_ source: String, to target: String) throws(StorageError) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw FileSystem.failure("open", source) }
        defer { close(input) }
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw FileSystem.failure("create", target) }
        defer { close(output) }
        var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
        while true {
            let count = Glibc.read(input, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileSystem.failure("read", source) }
            if count == 0 { return }
            try FileSystem.writeAll(piece[..<count], to: output, path: target)
        }
    }
}

extension FileSystem {
    /// What users may still write to the disk under a path; 0 when it cannot be asked.
    package static func freeBytes(_ path: String) -> Int {
        var statistics = statvfs()
        guard statvfs(path, &statistics) == 0 else { return 0 }
        return Int(clamping: UInt64(statistics.f_bavail) &* UInt64(statistics.f_frsize))
    }
}
