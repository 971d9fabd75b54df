internal import Glibc

/// The few system calls that archives need, with errors that name the file.
///
/// Symbolic links are never followed at the last component of a path, and everything is created for its
/// owner alone: an archive holds all data of the cluster.
enum Disk {
    enum Kind {
        case missing
        case file(bytes: Int)
        case directory
        case other
    }

    static func kind(of path: String) throws -> Kind {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw self.failure("look at", path) }
            return .missing
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(bytes: Int(status.st_size))
        case S_IFDIR: return .directory
        default: return .other
        }
    }

    /// Creates a directory unless it is there, and makes its entry durable.
    static func createDirectory(_ path: String) throws {
        if mkdir(path, 0o700) == 0 {
            try self.syncDirectory(self.parent(of: path))
            return
        }
        guard errno == EEXIST, case .directory = try self.kind(of: path) else {
            throw self.failure("create the directory", path)
        }
    }

    /// A new empty directory under `parent`, for its owner alone.
    static func createTemporaryDirectory(in parent: String, prefix: String) throws -> String {
        var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
        let isCreated = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
        }
        guard isCreated else { throw self.failure("create a directory in", parent) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The names in a directory, sorted; none if it is missing.
    static func names(in path: String) throws -> [String] {
        guard let directory = opendir(path) else {
            guard errno == ENOENT else { throw self.failure("list", path) }
            return []
        }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." {
                names.append(name)
            }
            errno = 0
        }
        guard errno == 0 else { throw self.failure("list", path) }
        return names.sorted()
    }

    static func syncDirectory(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw self.failure("sync", path) }
    }

    static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw self.failure("remove", path) }
    }

    /// Removes a directory with everything below it; links are removed, not followed.
    static func removeTree(_ path: String) throws {
        switch try self.kind(of: path) {
        case .missing:
            return
        case .file, .other:
            try self.remove(path)
        case .directory:
            for name in try self.names(in: path) {
                try self.removeTree("\(path)/\(name)")
            }
            guard rmdir(path) == 0 else { throw self.failure("remove", path) }
        }
    }

    /// When the content of a file, or the entries of a directory, last changed; `nil` if it is missing.
    static func modificationSeconds(of path: String) throws -> Int? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw self.failure("look at", path) }
            return nil
        }
        return Int(status.st_mtim.tv_sec)
    }

    /// Bytes that may still be written to the file system of `path`.
    static func availableBytes(at path: String) throws -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw self.failure("measure the free space at", path) }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
        )
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// What `errno` says about `path`.
    static func failure(_ verb: String, _ path: String) -> ArchiveError {
        let number = errno
        let reason = String(cString: strerror(number))
        let isFull = number == ENOSPC || number == EDQUOT
        return ArchiveError(
            isFull ? .noSpace : .inputOutput,
            "could not \(verb) this: \(reason)" + (isFull ? "; free some space and try again" : ""),
            path: path
        )
    }
}
