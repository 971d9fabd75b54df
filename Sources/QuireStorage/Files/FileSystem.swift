import CSQLite
import Glibc

/// The few calls to the operating system that SQLite does not make for us.
///
/// A name is durable only when its directory was synced after the file itself (SAFETY rule 17), hence
/// `syncDirectory` next to every create, rename and remove that matters.
package enum FileSystem {
    package static func makeDirectory(_ path: String) throws(StorageError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw self.failure("create directory", path) }
    }

    package static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// - Returns: 0 when there is no such file.
    package static func sizeBytes(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Names of the entries, sorted; without `.` and `..`.
    package static func list(_ path: String) throws(StorageError) -> [String] {
        guard let directory = opendir(path) else { throw self.failure("read directory", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func syncDirectory(_ path: String) throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.failure("open directory", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw self.failure("sync directory", path) }
    }

    /// Syncs a file that no SQLite connection of this process has open.
    package static func syncFile(_ path: String) throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw self.failure("sync", path) }
    }

    /// Writes a file's bytes once more over themselves and syncs it: after a failed sync its pages count as clean, and no
    /// later sync would write them. A file that is not there needs nothing.
    ///
    /// No SQLite connection of this process may have it open.
    static func writeAgain(_ path: String) throws(StorageError) {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw self.failure("open", path)
        }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var offset = 0
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw self.failure("read", path) }
            if count == 0 { break }
            guard pwrite(descriptor, buffer.baseAddress, count, off_t(offset)) == count else {
                throw self.failure("write", path)
            }
            offset += count
        }
        guard offset == 0 || fsync(descriptor) == 0 else { throw self.failure("sync", path) }
    }

    /// Lets the kernel begin to write this part of a file to disk: a sync later finds less to do.
    package static func beginWriteback(_ range: Range<Int>, of descriptor: Int32) {
        quire_begin_writeback(descriptor, Int64(range.lowerBound), Int64(range.count))
    }

    package static func move(_ source: String, to target: String) throws(StorageError) {
        guard rename(source, target) == 0 else { throw self.failure("rename to \(target)", source) }
    }

    /// Removing what is not there succeeds.
    package static func remove(_ path: String) throws(StorageError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw self.failure("remove", path) }
    }

    /// Removes a file, or a directory with everything in it.
    package static func removeTree(_ path: String) throws(StorageError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw self.failure("remove", path) }
        for name in try self.list(path) {
            try self.removeTree("\(path)/\(name)")
        }
        guard rmdir(path) == 0 else { throw self.failure("remove", path) }
    }

    /// Whether SQLite would find anything beside a database of this name.
    package static func hasCompanions(_ database: String) -> Bool {
        self.companionSuffixes.contains { self.exists(database + $0) }
    }

    private static let companionSuffixes = ["-wal", "-shm", "-journal"]

    /// Removes a database's companions, which SQLite would otherwise replay over whatever bears the name next.
    package static func removeCompanions(of database: String) throws(StorageError) {
        for suffix in self.companionSuffixes {
            try self.remove(database + suffix)
        }
    }

    /// - Parameter bytesMax: Where to stop reading.
    package static func read(_ path: String, bytesMax: Int = .max) throws(StorageError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.failure("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw self.failure("stat", path) }
        var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), bytesMax))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw self.failure("read", path) }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    /// Writes a small file and syncs it; its name is durable once the directory is synced.
    package static func write(_ text: String, to path: String) throws(StorageError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw self.failure("create", path) }
        defer { close(descriptor) }
        try self.writeAll(Array(text.utf8)[...], to: descriptor, path: path)
        guard fsync(descriptor) == 0 else { throw self.failure("sync", path) }
    }

    static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, path: String) throws(StorageError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw self.failure("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    static func failure(_ action: String, _ path: String, number: Int32 = errno) -> StorageError {
        let reason = String(cString: strerror(number))
        let isFull = number == ENOSPC || number == EDQUOT
        let message = isFull ? "disk full: cannot \(action); free some space" : "cannot \(action): \(reason)"
        return StorageError(.inputOutput, message, cause: reason, path: path)
    }
}
