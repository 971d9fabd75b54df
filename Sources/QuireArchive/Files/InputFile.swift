internal import Glibc

/// A regular file that is read from front to back.
///
/// Invariant: the descriptor is closed exactly once, in `deinit`.
final class InputFile {
    static let chunkBytes = 1 << 18

    let path: String
    let descriptor: CInt
    let sizeBytes: Int

    init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Disk.failure("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ArchiveError(.inputOutput, "this is not a regular file", path: path)
        }
        self.path = path
        self.descriptor = descriptor
        self.sizeBytes = Int(status.st_size)
    }

    deinit {
        close(self.descriptor)
    }

    /// Fills the front of `buffer`.
    ///
    /// - Returns: How many bytes were read; 0 only at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Glibc.read(self.descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw Disk.failure("read", self.path) }
        }
    }

    /// All bytes of a small file.
    ///
    /// - Parameter bytesMax: A larger file is refused before anything is allocated for it.
    static func contents(of path: String, bytesMax: Int) throws -> [UInt8] {
        let file = try InputFile(path)
        guard file.sizeBytes <= bytesMax else {
            throw ArchiveError(
                .damagedManifest,
                "expected at most \(bytesMax) bytes, found \(file.sizeBytes)",
                path: path
            )
        }
        var bytes = [UInt8](repeating: 0, count: file.sizeBytes + 1)
        var filled = 0
        while filled < bytes.count {
            let count = try bytes.withUnsafeMutableBytes { buffer in
                try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }
}
