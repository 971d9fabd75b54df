import Foundation
import Glibc

/// What the background writer knows to be acknowledged: a file with one JSON object per line.
///
/// ```
/// {"key":"writer/1f2e/17","sequence":4021}
/// ```
///
/// A line is written after the acknowledgement. Sequence numbers of one key grow; the last line of a key is the
/// newest write that must be found. A last line without its newline (the writer was killed) is ignored.
actor WriteJournal {
    struct Entry: Codable, Equatable {
        let key: String
        let sequence: Int
    }

    private static let bufferBytesMax = 1 << 14

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(path: String) throws {
        self.path = path
        self.descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0o644)
        guard self.descriptor >= 0 else {
            throw CommandFailure(
                "unwritable",
                "cannot create the journal \(path): \(String(cString: strerror(errno))); name a new file"
            )
        }
    }

    deinit {
        close(self.descriptor)
    }

    func acknowledged(_ entry: Entry) throws {
        self.buffer += Array((try Report.encoded(entry, pretty: false) + "\n").utf8)
        if self.buffer.count >= Self.bufferBytesMax { try self.flush() }
    }

    func flush() throws {
        var rest = self.buffer[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(self.descriptor, $0.baseAddress, $0.count) }
            guard written > 0 || errno == EINTR else {
                throw CommandFailure("unwritable", "cannot write \(self.path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(max(0, written))
        }
        self.buffer = []
    }

    /// - Returns: The newest acknowledged sequence number of every key, and the number of lines.
    static func read(_ source: any ByteSource) throws -> (newest: [String: Int], writeCount: Int) {
        var lines = LineReader(source, lineBytesMax: 1 << 16)
        let decoder = JSONDecoder()
        var newest: [String: Int] = [:]
        var writeCount = 0
        while let line = try lines.next() {
            guard line.bytes.last == LineReader.newline else { break }
            guard let entry = try? decoder.decode(Entry.self, from: Data(line.bytes)) else {
                throw CommandFailure("bad_journal", "line \(line.number) of the journal is no journal entry")
            }
            newest[entry.key] = max(newest[entry.key] ?? 0, entry.sequence)
            writeCount += 1
        }
        return (newest, writeCount)
    }
}
