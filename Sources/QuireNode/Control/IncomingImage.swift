import Crypto
import Glibc
import QuireCore

/// A partition file on its way in: blocks are appended in order, then it is synced.
///
/// `@unchecked Sendable`: used by one task at a time; the descriptor is its own.
final class IncomingImage: @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ action: String, _ path: String, _ number: Int32 = errno) {
            let hint = number == ENOSPC ? "; free space and it goes on by itself" : ""
            self.description = "\(path): cannot \(action): \(String(cString: strerror(number)))\(hint)"
        }
    }

    /// What must stay free beside the image.
    private static let slackBytes = 64 << 20

    let path: String
    private var descriptor: Int32 = -1
    private var hash = SHA256()

    init(path: String) {
        self.path = path
    }

    deinit {
        self.closeDescriptor()
    }

    func create(sizeBytes: Int) throws(Failure) {
        self.discard()
        self.hash = SHA256()
        self.descriptor = open(self.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else { throw Failure("create", self.path) }
        var statistics = statvfs()
        guard fstatvfs(self.descriptor, &statistics) == 0 else { throw Failure("measure free space for", self.path) }
        let free = Int(statistics.f_bavail) * Int(statistics.f_frsize)
        guard free >= sizeBytes + Self.slackBytes else {
            throw Failure("make room for \(sizeBytes) bytes (\(free) are free)", self.path, ENOSPC)
        }
    }

    func append(_ bytes: [UInt8]) throws(Failure) {
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes {
                write(self.descriptor, $0.baseAddress! + offset, bytes.count - offset)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Failure("write", self.path) }
            offset += written
        }
        self.hash.update(data: bytes)
    }

    /// - Returns: The SHA-256 of the synced file, in hexadecimal.
    func finish() throws(Failure) -> String {
        guard fsync(self.descriptor) == 0 else { throw Failure("sync", self.path) }
        self.closeDescriptor()
        return Hexadecimal.encode(self.hash.finalize())
    }

    func discard() {
        self.closeDescriptor()
        unlink(self.path)
    }

    private func closeDescriptor() {
        if self.descriptor >= 0 {
            close(self.descriptor)
            self.descriptor = -1
        }
    }
}
