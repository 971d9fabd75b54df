import Glibc

/// Bytes that come in pieces.
protocol ByteSource {
    /// - Returns: At least one byte, at most `maxBytes`; empty at the end.
    mutating func read(maxBytes: Int) throws -> [UInt8]
}

/// A file, or standard input when the path is `-`.
final class FileByteSource: ByteSource {
    let path: String
    /// `nil` for pipes and terminals.
    let sizeBytes: Int?
    private let descriptor: Int32

    init(path: String) throws {
        self.path = path
        self.descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard self.descriptor >= 0 else {
            throw CommandFailure("unreadable", "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        var information = stat()
        let isFile = fstat(self.descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
        self.sizeBytes = isFile ? Int(information.st_size) : nil
    }

    deinit {
        if self.descriptor > 0 { close(self.descriptor) }
    }

    func read(maxBytes: Int) throws -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
            var result = Glibc.read(self.descriptor, buffer.baseAddress, maxBytes)
            while result < 0, errno == EINTR { result = Glibc.read(self.descriptor, buffer.baseAddress, maxBytes) }
            if result < 0 { failure = errno }
            count = max(0, result)
        }
        guard failure == 0 else {
            throw CommandFailure("unreadable", "cannot read \(self.path): \(String(cString: strerror(failure)))")
        }
        return bytes
    }
}
