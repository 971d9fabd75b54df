import Glibc

/// Keeps nodes out of a data directory while it is examined, without creating anything in it.
///
/// A node holds `node.lock` from its start, and the engine `lock`. What is not there is held by nobody.
package final class DirectoryLease {
    private var descriptors: [Int32] = []

    /// - Throws: `directoryInUse` while a node runs here.
    package init(of path: String) throws(StorageError) {
        for name in ["node.lock", "lock"] {
            let file = "\(path)/\(name)"
            let descriptor = open(file, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 && errno == ENOENT { continue }
            guard descriptor >= 0 else { throw FileSystem.failure("open", file) }
            self.descriptors.append(descriptor)
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw StorageError(
                    .directoryInUse,
                    "a process runs on this data directory, and what it writes meanwhile would look like damage: stop "
                        + "the node first",
                    path: path
                )
            }
        }
    }

    deinit {
        for descriptor in self.descriptors { close(descriptor) }
    }
}
