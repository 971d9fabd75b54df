internal import Glibc

/// A file on its way to its name: written beside it, synced, renamed, and its directory synced.
///
/// Transitions: `open → published | discarded`. A file that is neither is discarded with the object, so an
/// error leaves nothing behind.
final class PendingFile {
    private(set) var path: String
    private(set) var writtenBytes = 0
    private var descriptor: CInt
    private var isOpen = true

    /// - Parameter directory: On the file system of the final place; the file is created there, mode 0600.
    init(in directory: String) throws {
        var template = Array("\(directory)/pending-XXXXXX".utf8CString)
        let descriptor = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkstemp($0) } ?? -1
        }
        guard descriptor >= 0 else { throw Disk.failure("create a file in", directory) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.descriptor = descriptor
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if self.isOpen {
            close(self.descriptor)
            unlink(self.path)
        }
    }

    /// For a library that writes by itself; such bytes are not in `writtenBytes`.
    var rawDescriptor: CInt { self.descriptor }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(self.descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                guard errno == EINTR else { throw Disk.failure("write", self.path) }
            } else {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                self.writtenBytes += count
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try self.write($0) }
    }

    /// Makes the bytes durable under the temporary name.
    func sync() throws {
        guard fsync(self.descriptor) == 0 else { throw Disk.failure("sync", self.path) }
    }

    /// Makes the bytes durable, then gives the file its name unless something has it already.
    ///
    /// - Returns: `false` when the name is taken; the file is then still without one.
    func publishIfAbsent(as target: String) throws -> Bool {
        precondition(self.isOpen, "\(target) is published twice")
        try self.sync()
        if link(self.path, target) == 0 {
            try Disk.remove(self.path)
            try self.finish(as: target)
            return true
        }
        switch errno {
        case EEXIST:
            return false
        case EPERM, ENOTSUP, ENOSYS:
            // A file system without hard links: two writers at the same moment may then replace each other's file.
            guard case .missing = try Disk.kind(of: target) else { return false }
            try self.publish(as: target)
            return true
        default:
            throw Disk.failure("name a file", target)
        }
    }

    /// Makes the bytes durable, then gives the file its name; what had the name is replaced.
    func publish(as target: String) throws {
        precondition(self.isOpen, "\(target) is published twice")
        try self.sync()
        guard rename(self.path, target) == 0 else { throw Disk.failure("rename a file to", target) }
        try self.finish(as: target)
    }

    /// Writes a small file in one go.
    static func publish(_ bytes: [UInt8], as target: String, through directory: String) throws {
        let file = try PendingFile(in: directory)
        try file.write(bytes)
        try file.publish(as: target)
    }

    private func finish(as target: String) throws {
        self.isOpen = false
        self.path = target
        guard close(self.descriptor) == 0 else { throw Disk.failure("close", target) }
        try Disk.syncDirectory(Disk.parent(of: target))
    }
}
