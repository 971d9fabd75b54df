internal import CArchive
internal import Glibc

/// Writes one uncompressed tar with reproducible bytes: fixed times and owners, mode 0600, plain ustar headers.
///
/// Invariant: the libarchive handle is freed exactly once, in `deinit`.
final class TarWriter {
    /// libarchive's `AE_IFREG`, a cast that does not import.
    static let regularFile: UInt32 = 0o100000

    private let archive: OpaquePointer
    private let path: String

    /// - Parameter path: Only for errors.
    init(descriptor: CInt, path: String) throws {
        guard let archive = archive_write_new() else {
            throw ArchiveError(.inputOutput, "out of memory for libarchive", path: path)
        }
        self.archive = archive
        self.path = path
        try self.check(archive_write_set_format_pax_restricted(archive))
        try self.check(archive_write_add_filter_none(archive))
        try self.check(archive_write_set_bytes_per_block(archive, 1 << 16))
        // By default the last block is padded, which a compressor behind a pipe would see as content.
        try self.check(archive_write_set_bytes_in_last_block(archive, 1))
        try self.check(archive_write_open_fd(archive, descriptor))
    }

    deinit {
        archive_write_free(self.archive)
    }

    func begin(_ name: String, sizeBytes: Int) throws {
        guard let entry = archive_entry_new() else {
            throw ArchiveError(.inputOutput, "out of memory for libarchive", path: self.path)
        }
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, name)
        archive_entry_set_size(entry, la_int64_t(sizeBytes))
        archive_entry_set_filetype(entry, Self.regularFile)
        archive_entry_set_perm(entry, 0o600)
        archive_entry_set_mtime(entry, 0, 0)
        archive_entry_set_uid(entry, 0)
        archive_entry_set_gid(entry, 0)
        try self.check(archive_write_header(self.archive, entry))
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard !bytes.isEmpty else { return }
        let written = archive_write_data(self.archive, bytes.baseAddress, bytes.count)
        guard written == bytes.count else { throw self.failure() }
    }

    func add(_ name: String, _ bytes: [UInt8]) throws {
        try self.begin(name, sizeBytes: bytes.count)
        try bytes.withUnsafeBytes { try self.write($0) }
    }

    /// Writes the end of the archive.
    func finish() throws {
        try self.check(archive_write_close(self.archive))
    }

    private func check(_ code: CInt) throws {
        guard code == ARCHIVE_OK else { throw self.failure() }
    }

    private func failure() -> ArchiveError {
        let reason = archive_error_string(self.archive).map { String(cString: $0) } ?? "unknown"
        let isFull = [ENOSPC, EDQUOT].contains(archive_errno(self.archive))
        return ArchiveError(isFull ? .noSpace : .inputOutput, "could not write the tar: \(reason)", path: self.path)
    }
}
