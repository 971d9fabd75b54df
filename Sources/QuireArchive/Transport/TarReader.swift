internal import CArchive

/// Reads an uncompressed tar that nobody trusts, one expected member after the other.
///
/// Only the tar reader of libarchive is enabled: no other format, no filter, nothing that writes to disk by
/// itself. A warning of libarchive counts as an error.
///
/// Invariant: the libarchive handle is freed exactly once, in `deinit`.
final class TarReader {
    struct Member {
        let name: String
        let sizeBytes: Int
    }

    private let archive: OpaquePointer
    private let path: String

    /// - Parameter path: Only for errors.
    init(descriptor: CInt, path: String) throws {
        guard let archive = archive_read_new() else {
            throw ArchiveError(.inputOutput, "out of memory for libarchive", path: path)
        }
        self.archive = archive
        self.path = path
        try self.check(archive_read_support_filter_none(archive))
        try self.check(archive_read_support_format_tar(archive))
        try self.check(archive_read_open_fd(archive, descriptor, 1 << 16))
    }

    deinit {
        archive_read_free(self.archive)
    }

    /// Steps to the next member, which must be a plain regular file.
    ///
    /// - Returns: `nil` at the end of the archive.
    func next() throws -> Member? {
        var entry: OpaquePointer?
        let code = archive_read_next_header(self.archive, &entry)
        if code == ARCHIVE_EOF { return nil }
        try self.check(code)
        guard let entry, let pointer = archive_entry_pathname(entry) else {
            throw self.malformed("a member has no readable name")
        }
        let name = String(cString: pointer)
        guard archive_entry_filetype(entry) == TarWriter.regularFile, archive_entry_hardlink(entry) == nil,
            archive_entry_symlink(entry) == nil, archive_entry_sparse_count(entry) == 0
        else { throw self.malformed("the member \(Self.printable(name)) is not a plain file") }
        let size = archive_entry_size(entry)
        guard archive_entry_size_is_set(entry) != 0, size >= 0 else {
            throw self.malformed("the member \(Self.printable(name)) has no size")
        }
        return Member(name: name, sizeBytes: Int(size))
    }

    /// Steps to the next member, which must have this name.
    func expect(_ name: String) throws -> Member {
        guard let member = try self.next() else {
            throw self.malformed("expected the member \(name), found the end; the file is cut short")
        }
        guard member.name == name else {
            throw self.malformed("expected the member \(name), found \(Self.printable(member.name))")
        }
        return member
    }

    func expectEnd() throws {
        if let member = try self.next() {
            throw self.malformed("expected the end, found the member \(Self.printable(member.name))")
        }
    }

    /// Streams the data of the current member.
    func read(_ member: Member, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.chunk(bytes: 1 << 16)
        defer { buffer.deallocate() }
        var total = 0
        while true {
            let count = archive_read_data(self.archive, buffer.baseAddress, buffer.count)
            guard count >= 0 else { throw self.failure() }
            if count == 0 { break }
            total += count
            guard total <= member.sizeBytes else { throw self.malformed("\(member.name) is longer than it says") }
            try sink(buffer.filled(count))
        }
        guard total == member.sizeBytes else { throw self.malformed("\(member.name) is cut short") }
    }

    /// All bytes of a small member with this name.
    func contents(of name: String, bytesMax: Int) throws -> [UInt8] {
        let member = try self.expect(name)
        guard member.sizeBytes <= bytesMax else {
            throw self.malformed("expected at most \(bytesMax) bytes of \(name), found \(member.sizeBytes)")
        }
        var bytes: [UInt8] = []
        try self.read(member) { bytes.append(contentsOf: $0) }
        return bytes
    }

    func malformed(_ reason: String) -> ArchiveError {
        ArchiveError(.malformedExport, "\(reason); this is not an intact export of a snapshot", path: self.path)
    }

    private func check(_ code: CInt) throws {
        guard code == ARCHIVE_OK else { throw self.failure() }
    }

    private func failure() -> ArchiveError {
        self.malformed(archive_error_string(self.archive).map { String(cString: $0) } ?? "unreadable")
    }

    /// A hostile name goes into an error message and onto a terminal.
    private static func printable(_ name: String) -> String {
        let allowed = name.unicodeScalars.prefix(128).filter { $0.isASCII && $0.value > 0x20 && $0.value < 0x7F }
        return "\"\(String(String.UnicodeScalarView(allowed)))\""
    }
}
