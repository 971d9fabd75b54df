import Foundation

/// What a process did to files below a directory, as `CLossyDisk` has written it down.
struct LossyJournal {
    enum Kind: UInt32 {
        case write = 1
        case truncate
        case create
        case rename
        case remove
        case sync
        case syncDirectory
        case syncFailed

        /// Whether there is something to be taken back.
        var isChange: Bool {
            switch self {
            case .write, .truncate, .create, .rename, .remove: true
            case .sync, .syncDirectory, .syncFailed: false
            }
        }
    }

    struct Entry {
        let kind: Kind
        let inode: UInt64
        let offset: UInt64
        let bytes: UInt64
        /// The size before, or the inode whose name was taken.
        let size: UInt64
        let path: String
        let second: String
        let before: Data
    }

    private static let magic: UInt32 = 0x4A44_4C51
    private static let headBytes = 52

    let entries: [Entry]

    /// - Parameter path: Of the journal itself. One that ends within an entry ends before it.
    init(path: String) throws {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        var entries: [Entry] = []
        var offset = 0
        while data.count - offset >= Self.headBytes {
            let head = data.subdata(in: offset..<offset + Self.headBytes)
            guard head.integer(at: 0, UInt32.self) == Self.magic, let kind = Kind(rawValue: head.integer(at: 4)) else {
                throw CrashError("\(path) is damaged at \(offset)")
            }
            let lengths = [40, 44, 48].map { Int(head.integer(at: $0, UInt32.self)) }
            let total = Self.headBytes + lengths.reduce(0, +)
            guard data.count - offset >= total else { break }
            var parts: [Data] = []
            var start = offset + Self.headBytes
            for length in lengths {
                parts.append(data.subdata(in: start..<start + length))
                start += length
            }
            entries.append(
                Entry(
                    kind: kind,
                    inode: head.integer(at: 8),
                    offset: head.integer(at: 16),
                    bytes: head.integer(at: 24),
                    size: head.integer(at: 32),
                    path: String(decoding: parts[0], as: UTF8.self),
                    second: String(decoding: parts[1], as: UTF8.self),
                    before: parts[2]
                )
            )
            offset += total
        }
        self.entries = entries
    }
}

extension Data {
    fileprivate func integer<Integer: FixedWidthInteger>(at offset: Int, _ type: Integer.Type = Integer.self) -> Integer
    {
        self.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Integer.self) }
    }
}
