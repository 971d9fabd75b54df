import Glibc
import QuireCore

/// The bytes of a sealed image, readable from any thread without SQLite: a live main file under a seal, or a copy of it.
///
/// What is read while the seal is held is the image; afterwards it may be anything, so readers verify each block by the
/// checksum that was computed under the seal. The header says "no WAL", so that a copy opens everywhere.
package final class SealedFile: Sendable {
    /// SQLite's write and read versions: 1 is a file without a WAL.
    private static let versionBytes = 18..<20
    private static let copyStepBytes = 64 << 20

    private enum Origin: Sendable {
        case live(MainFile)
        case copy(descriptor: Int32)
    }

    package let image: SealedImage
    private let origin: Origin

    init(_ image: SealedImage, of file: MainFile) {
        file.beginReading()
        self.image = image
        self.origin = .live(file)
    }

    private init(_ image: SealedImage, copy descriptor: Int32) {
        self.image = image
        self.origin = .copy(descriptor: descriptor)
    }

    deinit {
        switch self.origin {
        case .live(let file): file.endReading()
        case .copy(let descriptor): close(descriptor)
        }
    }

    /// For `sendfile`; never to be closed by its user. Of the header the bytes from `headerBytes` on are the image's.
    package var descriptor: Int32 {
        switch self.origin {
        case .live(let file): file.descriptor
        case .copy(let descriptor): descriptor
        }
    }

    /// Whether reading needs the seal no longer.
    package var isCopy: Bool {
        if case .copy = self.origin { return true }
        return false
    }

    /// Before this the descriptor's bytes are not those of the image.
    package static let headerBytes = 20

    /// Reads a part of the image.
    ///
    /// - Parameters:
    ///   - offset: Where the part begins; with the buffer within the image.
    ///   - buffer: Filled completely.
    package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) {
        var filled = 0
        while filled < buffer.count {
            let count = pread(
                self.descriptor,
                buffer.baseAddress.map { $0 + filled },
                buffer.count - filled,
                off_t(offset + filled)
            )
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw StorageError(
                    .inputOutput,
                    "the sealed file ends at \(offset + filled) or cannot be read",
                    cause: count < 0 ? String(cString: strerror(errno)) : nil,
                    partition: self.image.partition
                )
            }
            filled += count
        }
        for index in Self.versionBytes where index >= offset && index < offset + buffer.count {
            buffer[index - offset] = 1
        }
    }

    /// The CRC-32C of each of these blocks. Reads them; run it off event loops.
    package func checksums(of blocks: Range<Int>) throws(StorageError) -> [UInt32] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SealedImage.blockBytes, alignment: 4096)
        defer { buffer.deallocate() }
        var checksums: [UInt32] = []
        checksums.reserveCapacity(blocks.count)
        for block in blocks {
            let offset = block * SealedImage.blockBytes
            let count = min(SealedImage.blockBytes, self.image.sizeBytes - offset)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try self.read(at: offset, into: part)
            checksums.append(BlockChecksum.of(UnsafeRawBufferPointer(part)))
        }
        return checksums
    }

    /// Copies the image to a file without a name: it is gone with its last reader. Blocks; run it off event loops.
    ///
    /// - Parameter path: A free name on the disk where the copy is to lie.
    package func copied(by path: String) throws(StorageError) -> SealedFile {
        let target = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard target >= 0 else { throw FileSystem.failure("create", path) }
        let copy = SealedFile(self.image, copy: target)
        try FileSystem.remove(path)
        var offset: off_t = 0
        while Int(offset) < self.image.sizeBytes {
            let step = min(Self.copyStepBytes, self.image.sizeBytes - Int(offset))
            let count = sendfile(target, self.descriptor, &offset, step)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw FileSystem.failure("copy a sealed file to", path) }
        }
        return copy
    }
}
