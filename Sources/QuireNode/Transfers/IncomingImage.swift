import Glibc
import QuireCore
import QuireStorage

/// A partition file on its way in: blocks are written where they belong once their checksum is right.
///
/// Beside the image lies an `IncomingNote`, renewed every few blocks, when the pull is interrupted, and removed with the
/// image. What an earlier attempt has left is used as far as its blocks are those of the new manifest.
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
    /// How much may be written between two notes.
    private static let noteBytes = 32 << 20
    private static let writebackBytes = 2 << 20

    let path: String
    private let notePath: String
    private let partition: PartitionID
    private var descriptor: Int32 = -1
    private var note: IncomingNote?
    private var bytesSinceNote = 0
    /// The last blocks in a row of which the disk has not been told.
    private var unwritten = 0..<0

    /// - Parameter path: Ends in `.db`; the note's name ends in `.note`.
    init(path: String, partition: PartitionID) {
        self.path = path
        self.notePath = "\(path.hasSuffix(".db") ? String(path.dropLast(3)) : path).note"
        self.partition = partition
    }

    deinit {
        self.closeDescriptor()
    }

    // MARK: Blocks

    /// Opens what is there, or makes a new image.
    ///
    /// - Returns: How many bytes of the image are there already.
    func prepare(_ manifest: SealManifest, from source: NodeID) throws(Failure) -> Int {
        let kept = try self.keptBlocks(of: manifest)
        if self.descriptor < 0 {
            self.descriptor = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard self.descriptor >= 0 else { throw Failure("create", self.path) }
        }
        let note = IncomingNote(partition: self.partition, source: source, manifest: manifest, done: kept)
        let held = (0..<manifest.blockCount).reduce(0) { $0 + (kept[$1] ? manifest.range(of: $1).count : 0) }
        var statistics = statvfs()
        guard fstatvfs(self.descriptor, &statistics) == 0 else { throw Failure("measure free space for", self.path) }
        let free = Int(statistics.f_bavail) * Int(statistics.f_frsize)
        guard free >= manifest.sizeBytes - held + Self.slackBytes else {
            throw Failure("make room for \(manifest.sizeBytes - held) bytes (\(free) are free)", self.path, ENOSPC)
        }
        guard ftruncate(self.descriptor, off_t(manifest.sizeBytes)) == 0 else { throw Failure("resize", self.path) }
        self.note = note
        try self.writeNote()
        return held
    }

    /// Blocks that are still to be pulled, ascending.
    var missing: [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (block, isDone) in (self.note?.done ?? []).enumerated() where !isDone {
            if let last = ranges.last, last.upperBound == block {
                ranges[ranges.count - 1] = last.lowerBound..<block + 1
            } else {
                ranges.append(block..<block + 1)
            }
        }
        return ranges
    }

    var isComplete: Bool { self.note.map { !$0.done.contains(false) } ?? false }

    /// - Returns: Whether these are the bytes of the block; else nothing was written.
    func write(_ bytes: UnsafeRawBufferPointer, as block: Int) throws(Failure) -> Bool {
        guard let manifest = self.note?.manifest, block < manifest.blockCount else { return false }
        let range = manifest.range(of: block)
        guard bytes.count == range.count, BlockChecksum.of(bytes) == manifest.checksums[block] else { return false }
        var offset = 0
        while offset < bytes.count {
            let start = off_t(range.lowerBound + offset)
            let written = pwrite(self.descriptor, bytes.baseAddress.map { $0 + offset }, bytes.count - offset, start)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Failure("write", self.path) }
            offset += written
        }
        self.beginWriteback(range)
        self.note?.done[block] = true
        self.bytesSinceNote += bytes.count
        if self.bytesSinceNote >= Self.noteBytes { try self.writeNote() }
        return true
    }

    /// The disk writes while more comes, in pieces that are worth its while.
    private func beginWriteback(_ range: Range<Int>) {
        let isNext = self.unwritten.upperBound == range.lowerBound
        self.unwritten = isNext ? self.unwritten.lowerBound..<range.upperBound : range
        guard self.unwritten.count >= Self.writebackBytes else { return }
        FileSystem.beginWriteback(self.unwritten, of: self.descriptor)
        self.unwritten = range.upperBound..<range.upperBound
    }

    // MARK: Ends

    /// Syncs the complete image; the note stays until the image is installed.
    ///
    /// One that cannot be synced is gone: a second sync could succeed without having written it.
    func finish() throws(Failure) {
        guard fsync(self.descriptor) == 0 else {
            let failure = Failure("sync", self.path)
            self.discard()
            throw failure
        }
        self.closeDescriptor()
    }

    /// Keeps everything, durably, for the next attempt.
    func suspend() {
        guard self.descriptor >= 0 else { return }
        // What cannot be kept is pulled again.
        guard fsync(self.descriptor) == 0 else { return self.discard() }
        try? self.writeNote(isDurable: true)
        self.closeDescriptor()
    }

    func discard() {
        self.closeDescriptor()
        self.note = nil
        unlink(self.path)
        unlink(self.notePath)
    }

    // MARK: What is there

    /// Which blocks of this manifest are in the image already.
    private func keptBlocks(of manifest: SealManifest) throws(Failure) -> [Bool] {
        let nothing = [Bool](repeating: false, count: manifest.blockCount)
        let isOfThisLife = self.note != nil
        guard let note = self.note ?? self.storedNote(), note.manifest.blockBytes == manifest.blockBytes else {
            self.discard()
            return nothing
        }
        var kept = nothing
        for block in 0..<min(note.manifest.blockCount, manifest.blockCount)
        where note.done[block] && note.manifest.checksums[block] == manifest.checksums[block] {
            kept[block] = note.manifest.range(of: block) == manifest.range(of: block)
        }
        guard !isOfThisLife, kept.contains(true) else { return kept }
        return try self.verified(kept, manifest)
    }

    private func storedNote() -> IncomingNote? {
        // A note that is missing, foreign or torn is none: everything is pulled.
        guard let bytes = try? FileSystem.read(self.notePath, bytesMax: IncomingNote.bytesMax),
            let note = try? IncomingNote(bytes), note.partition == self.partition
        else { return nil }
        return note
    }

    private func verified(_ kept: [Bool], _ manifest: SealManifest) throws(Failure) -> [Bool] {
        self.descriptor = open(self.path, O_RDWR | O_CLOEXEC)
        guard self.descriptor >= 0 else { return kept.map { _ in false } }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: manifest.blockBytes, alignment: 4096)
        defer { buffer.deallocate() }
        return kept.enumerated().map { block, isKept in
            guard isKept else { return false }
            let range = manifest.range(of: block)
            let count = pread(self.descriptor, buffer.baseAddress, range.count, off_t(range.lowerBound))
            guard count == range.count else { return false }
            return BlockChecksum.of(UnsafeRawBufferPointer(rebasing: buffer[..<count])) == manifest.checksums[block]
        }
    }

    private func writeNote(isDurable: Bool = false) throws(Failure) {
        guard let note = self.note else { return }
        let temporary = self.notePath + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("create", temporary) }
        defer { close(descriptor) }
        let bytes = note.encoded()
        let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw Failure("write", temporary, written < 0 ? errno : ENOSPC) }
        if isDurable, fsync(descriptor) != 0 { throw Failure("sync", temporary) }
        guard rename(temporary, self.notePath) == 0 else { throw Failure("rename", temporary) }
        self.bytesSinceNote = 0
    }

    private func closeDescriptor() {
        if self.descriptor >= 0 {
            close(self.descriptor)
            self.descriptor = -1
        }
    }
}
