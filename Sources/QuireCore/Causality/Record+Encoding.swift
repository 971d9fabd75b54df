/// The canonical bytes of a record: what is stored, sent, digested and archived.
///
/// All integers are big-endian and of fixed width, so that a reader with nothing but substrings (SQL, for
/// one) can take a record apart:
///
/// ```
/// offset  size  field
///      0     1  format, 1
///      1     2  v: entries of the vector
///      3     2  s: siblings
///      5  16·v  vector, ascending by actor: actor (8), counter (8)
///           …   siblings, ascending by dot, each:
///                 0   8  actor
///                 8   8  counter
///                16   8  timestamp: milliseconds since 1970 << 16 | logical counter
///                24  16  request id
///                40   1  flags: bit 0 tombstone, bit 1 has an expiry
///                41   8  expiry, milliseconds since 1970; 0 without one
///                49   4  n: bytes of the value; 0 for a tombstone
///                53   n  value
/// ```
///
/// A reader refuses: another format, a length beyond the end, bytes left over, entries or siblings that are
/// not strictly ascending, a zero counter, a sibling that the vector does not cover, unknown flags.
extension Record {
    package enum DecodingError: Error, Equatable {
        case unknownFormat(UInt8)
        case truncated(neededBytes: Int, foundBytes: Int)
        case trailingBytes(Int)
        case malformed(String)
    }

    private static let format: UInt8 = 1
    private static let headerBytes = 5
    private static let entryBytes = 16
    private static let siblingHeaderBytes = 53

    package var encodedBytes: Int {
        Self.headerBytes + Self.entryBytes * self.vector.entries.count
            + self.siblings.reduce(0) { $0 + Self.siblingHeaderBytes + ($1.value?.count ?? 0) }
    }

    package func encoded() -> [UInt8] {
        precondition(self.vector.entries.count <= Int(UInt16.max), "vector of \(self.vector.entries.count) entries")
        precondition(self.siblings.count <= Int(UInt16.max), "\(self.siblings.count) siblings")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.encodedBytes)
        bytes.append(Self.format)
        bytes.appendBigEndian(UInt16(self.vector.entries.count))
        bytes.appendBigEndian(UInt16(self.siblings.count))
        for entry in self.vector.entries {
            bytes.appendBigEndian(entry.actor.rawValue)
            bytes.appendBigEndian(entry.counter)
        }
        for sibling in self.siblings {
            bytes.appendBigEndian(sibling.dot.actor.rawValue)
            bytes.appendBigEndian(sibling.dot.counter)
            bytes.appendBigEndian(sibling.timestamp.rawValue)
            bytes.appendBigEndian(sibling.request.high)
            bytes.appendBigEndian(sibling.request.low)
            bytes.append((sibling.isTombstone ? 1 : 0) | (sibling.expiryMilliseconds == nil ? 0 : 2))
            bytes.appendBigEndian(sibling.expiryMilliseconds ?? 0)
            bytes.appendBigEndian(UInt32(sibling.value?.count ?? 0))
            bytes.append(contentsOf: sibling.value ?? [])
        }
        return bytes
    }

    package init(encoded bytes: some Collection<UInt8>) throws(DecodingError) {
        try self.init(Array(bytes), keepsValues: true)
    }

    /// The same record with empty values instead of its own: for those who check many records and keep none.
    package static func withoutValues(encoded bytes: [UInt8]) throws(DecodingError) -> Record {
        try Record(bytes, keepsValues: false)
    }

    private init(_ bytes: [UInt8], keepsValues: Bool) throws(DecodingError) {
        var reader = BigEndianReader(bytes)
        let format = try reader.read(UInt8.self)
        guard format == Self.format else { throw .unknownFormat(format) }
        let vectorCount = Int(try reader.read(UInt16.self))
        let siblingCount = Int(try reader.read(UInt16.self))
        try reader.require(vectorCount * Self.entryBytes + siblingCount * Self.siblingHeaderBytes)
        let vector = try Self.decodeVector(&reader, count: vectorCount)
        var siblings: [Version] = []
        siblings.reserveCapacity(siblingCount)
        for _ in 0..<siblingCount {
            let version = try Self.decodeVersion(&reader, keepsValue: keepsValues)
            if let last = siblings.last, last.dot >= version.dot { throw .malformed("siblings out of order") }
            siblings.append(version)
        }
        guard reader.remainingBytes == 0 else { throw .trailingBytes(reader.remainingBytes) }
        guard let record = Record(vector: vector, siblings: siblings) else {
            throw .malformed("a sibling is not covered by the vector")
        }
        self = record
    }

    private static func decodeVector(
        _ reader: inout BigEndianReader,
        count: Int
    ) throws(DecodingError) -> VersionVector {
        var entries: [VersionVector.Entry] = []
        entries.reserveCapacity(count)
        for _ in 0..<count {
            let actor = ActorID(rawValue: try reader.read(UInt64.self))
            let counter = try reader.read(UInt64.self)
            guard counter > 0 else { throw .malformed("zero counter in the vector") }
            if let last = entries.last, last.actor >= actor { throw .malformed("vector out of order") }
            entries.append(VersionVector.Entry(actor: actor, counter: counter))
        }
        return VersionVector(entries)
    }

    private static func decodeVersion(
        _ reader: inout BigEndianReader,
        keepsValue: Bool
    ) throws(DecodingError) -> Version {
        let actor = ActorID(rawValue: try reader.read(UInt64.self))
        let counter = try reader.read(UInt64.self)
        let timestamp = HybridTimestamp(rawValue: try reader.read(UInt64.self))
        let request = RequestID(high: try reader.read(UInt64.self), low: try reader.read(UInt64.self))
        let flags = try reader.read(UInt8.self)
        guard flags & ~3 == 0 else { throw .malformed("unknown flags \(flags)") }
        let expiry = try reader.read(UInt64.self)
        guard flags & 2 != 0 || expiry == 0 else { throw .malformed("expiry without its flag") }
        let valueBytes = Int(try reader.read(UInt32.self))
        let value = keepsValue ? try reader.readBytes(valueBytes) : try reader.skip(valueBytes)
        guard flags & 1 == 0 || valueBytes == 0 else { throw .malformed("tombstone with a value") }
        return Version(
            dot: Dot(actor: actor, counter: counter),
            timestamp: timestamp,
            request: request,
            value: flags & 1 == 0 ? value : nil,
            expiryMilliseconds: flags & 2 == 0 ? nil : expiry
        )
    }
}

extension [UInt8] {
    package mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { self.append(contentsOf: $0) }
    }
}

/// Takes big-endian integers and byte runs off the front of an array, never past its end.
package struct BigEndianReader {
    private let bytes: [UInt8]
    private var offset = 0

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var remainingBytes: Int { self.bytes.count - self.offset }

    package func require(_ count: Int) throws(Record.DecodingError) {
        guard self.remainingBytes >= count else {
            throw .truncated(neededBytes: count, foundBytes: self.remainingBytes)
        }
    }

    package mutating func read<Integer: FixedWidthInteger>(
        _ type: Integer.Type
    ) throws(Record.DecodingError) -> Integer {
        let size = Integer.bitWidth / 8
        try self.require(size)
        var result: Integer = 0
        for index in self.offset..<self.offset + size {
            result = result << 8 | Integer(truncatingIfNeeded: self.bytes[index])
        }
        self.offset += size
        return result
    }

    /// Passes over bytes, which must be there.
    ///
    /// - Returns: None of them.
    mutating func skip(_ count: Int) throws(Record.DecodingError) -> [UInt8] {
        guard count >= 0 else { throw .malformed("negative length") }
        try self.require(count)
        self.offset += count
        return []
    }

    package mutating func readBytes(_ count: Int) throws(Record.DecodingError) -> [UInt8] {
        guard count >= 0 else { throw .malformed("negative length") }
        try self.require(count)
        defer { self.offset += count }
        return Array(self.bytes[self.offset..<self.offset + count])
    }
}
