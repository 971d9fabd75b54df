import Glibc

/// A descriptor of a live main file beside SQLite's own, for those who read a sealed image as it lies on disk.
///
/// Closing *any* descriptor of a file drops all POSIX locks that the process has on it, SQLite's included (SAFETY rule
/// 16). So this one stays open until neither a connection has the file open nor anybody reads it; and a connection that
/// opens a file of which a descriptor is left from an earlier one takes that over. Files are told apart by device and
/// inode: names change.
///
/// `@unchecked Sendable`: counts are under the lock of the registry.
final class MainFile: @unchecked Sendable {
    private struct FileID: Hashable {
        let device: dev_t
        let inode: ino_t

        init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.device = status.st_dev
            self.inode = status.st_ino
        }
    }

    private final class Registry: @unchecked Sendable {
        // `@unchecked`: `files` is only touched under the lock.
        let lock = ConditionLock()
        var files: [FileID: MainFile] = [:]
    }

    private static let registry = Registry()

    let descriptor: Int32
    private let id: FileID
    private var readers = 0
    private var isConnected = true

    private init(descriptor: Int32, id: FileID) {
        self.descriptor = descriptor
        self.id = id
    }

    /// The descriptor of a file that a connection has open now.
    static func open(_ path: String) throws(StorageError) -> MainFile {
        if let left = self.left(at: path) { return left }
        guard let id = FileID(of: path) else { throw FileSystem.failure("find", path) }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystem.failure("open", path) }
        let file = MainFile(descriptor: descriptor, id: id)
        self.registry.lock.locked { self.registry.files[id] = file }
        return file
    }

    /// What an earlier connection to the file at this path has left because it is still read. Called before SQLite
    /// opens the file, for its close would else come under the new connection.
    static func left(at path: String) -> MainFile? {
        guard let id = FileID(of: path) else { return nil }
        return self.registry.lock.locked {
            let file = self.registry.files[id]
            file?.isConnected = true
            return file
        }
    }

    /// SQLite has closed its own descriptor.
    func disconnect() {
        self.change { $0.isConnected = false }
    }

    func beginReading() {
        self.change { $0.readers += 1 }
    }

    func endReading() {
        self.change { $0.readers -= 1 }
    }

    private func change(_ body: (MainFile) -> Void) {
        Self.registry.lock.locked {
            body(self)
            guard !self.isConnected, self.readers == 0, Self.registry.files.removeValue(forKey: self.id) != nil else {
                return
            }
            close(self.descriptor)
        }
    }
}
