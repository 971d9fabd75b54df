import QuireCore

/// The bytes of a log segment, `log/<shard>-<sequence>.log`.
///
/// A segment is a header and records without gaps; integers are big-endian. Every write to the file is one
/// *batch* of whole records, followed by one `fdatasync`.
///
/// ```
/// header, 100 bytes
///   0   8  "QUIRELOG"
///   8   4  format: 2, or 1 in segments that older programs have left
///  12   2  shard              14   2  number of shards
///  16   8  sequence, from 1; consecutive within a shard
///  24   8  bytes of the segment before this one that were synced; 0 when there is none
///  32  64  cluster id, UTF-8, padded with zeros
///  96   4  CRC-32C of bytes 0..<96
/// record
///   0   4  length of the rest of the record after its checksum
///   4   4  CRC-32C of the rest, continuing the header's checksum (so bytes of another segment never fit)
///   8   4  offset at which the record's batch begins
///  12   1  type: 1 all that the store knew of a key, 2 the store's file was taken away, 3 a key was dropped;
///          plus 4 when the store is that of hints, else it is that of the replica
///  13   2  partition
///  15   2  k: bytes of the key; 0 for type 2
///  17   8  d: for types 2 and 3 the number of this very drop, counted per store from 1 (taking the file away
///          counts as one); for type 1 that of the store's latest drop when this was written, 0 before the first
///  25   k  key
///       …  for type 1 the encoded record
/// ```
///
/// Format 1 has only types 1 and 2 of replicas and lacks d: its key begins at byte 17, and d is 0.
///
/// Reader. Segments of a shard are read in the order of their sequence, which has no holes. A segment that has
/// a successor ends where the successor's header says: a failed write may have left garbage beyond. The last
/// one ends at its first invalid record X, and is cut there, unless a valid record after X belongs to a batch
/// that begins after X: X had been synced before that batch was written, so this is not a torn tail but
/// damage, and the reader refuses. A last segment of at most header size with an invalid header was being
/// created, held nothing, and is removed. What replay makes of the records, and why that is right whatever a crash
/// has interrupted, is written at `ShardCore.replay`.
enum LogFormat {
    static let magic: [UInt8] = Array("QUIRELOG".utf8)
    static let version: UInt32 = 2
    static let headerBytes = 100
    static let clusterIDBytes = 64
    /// Length and checksum of a record.
    static let prefixBytes = 8
    static let bodyBytesMax = 1 << 30

    /// Batch offset, type, partition and key length, and from format 2 on the number of a drop.
    static func fixedBytes(format: UInt32) -> Int { format == 1 ? 9 : 17 }

    private static let hintsFlag: UInt8 = 4

    struct Header: Equatable {
        var format = LogFormat.version
        var shard: Int
        var shardCount: Int
        var sequence: UInt64
        var previousBytes: UInt64
        var clusterID: String

        func encoded() -> [UInt8] {
            var bytes = LogFormat.magic
            bytes.appendBigEndian(self.format)
            bytes.appendBigEndian(UInt16(self.shard))
            bytes.appendBigEndian(UInt16(self.shardCount))
            bytes.appendBigEndian(self.sequence)
            bytes.appendBigEndian(self.previousBytes)
            let id = Array(self.clusterID.utf8)
            precondition(id.count <= LogFormat.clusterIDBytes, "cluster id of \(id.count) bytes")
            bytes += id + [UInt8](repeating: 0, count: LogFormat.clusterIDBytes - id.count)
            bytes.appendBigEndian(CRC32C.checksum(bytes))
            return bytes
        }

        /// - Returns: `nil` when the bytes are no header of a known format.
        static func decode(_ bytes: [UInt8]) -> (header: Header, seed: UInt32)? {
            guard bytes.count >= LogFormat.headerBytes, Array(bytes[0..<8]) == LogFormat.magic else { return nil }
            let seed = CRC32C.checksum(Array(bytes[0..<96]))
            guard bytes.bigEndian(UInt32.self, at: 96) == seed else { return nil }
            let format = bytes.bigEndian(UInt32.self, at: 8)
            guard format == 1 || format == LogFormat.version else { return nil }
            let header = Header(
                format: format,
                shard: Int(bytes.bigEndian(UInt16.self, at: 12)),
                shardCount: Int(bytes.bigEndian(UInt16.self, at: 14)),
                sequence: bytes.bigEndian(UInt64.self, at: 16),
                previousBytes: bytes.bigEndian(UInt64.self, at: 24),
                clusterID: String(decoding: bytes[32..<96].prefix { $0 != 0 }, as: UTF8.self)
            )
            return (header, seed)
        }
    }

    /// What one record says; `drop` is `d` of the format.
    struct Entry: Equatable {
        enum Change: Equatable {
            /// All that the store knew of the key.
            case record(Key, encoded: [UInt8])
            case dropped(Key)
            /// The store's file was taken away, and with it everything it held.
            case retired
        }

        let store: StoreID
        let drop: UInt64
        let change: Change
    }

    /// Appends one record whose batch begins at `batchStart`.
    static func append(_ entry: Entry, batchStart: Int, seed: UInt32, to bytes: inout [UInt8]) {
        switch entry.change {
        case .record(let key, let encoded):
            self.append(1, entry, key: key.bytes, encoded, batchStart: batchStart, seed: seed, to: &bytes)
        case .retired:
            self.append(2, entry, key: [], [], batchStart: batchStart, seed: seed, to: &bytes)
        case .dropped(let key):
            self.append(3, entry, key: key.bytes, [], batchStart: batchStart, seed: seed, to: &bytes)
        }
    }

    private static func append(
        _ type: UInt8,
        _ entry: Entry,
        key: [UInt8],
        _ encodedRecord: [UInt8],
        batchStart: Int,
        seed: UInt32,
        to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.appendBigEndian(UInt32(Self.fixedBytes(format: Self.version) + key.count + encodedRecord.count))
        bytes.appendBigEndian(UInt32(0))
        bytes.appendBigEndian(UInt32(batchStart))
        bytes.append(entry.store.isHints ? type | Self.hintsFlag : type)
        bytes.appendBigEndian(UInt16(entry.store.partition.rawValue))
        bytes.appendBigEndian(UInt16(key.count))
        bytes.appendBigEndian(entry.drop)
        bytes.append(contentsOf: key)
        bytes.append(contentsOf: encodedRecord)
        bytes.withUnsafeMutableBytes { buffer in
            let body = UnsafeRawBufferPointer(rebasing: buffer[(start + Self.prefixBytes)...])
            let checksum = CRC32C.checksum(body, continuing: seed)
            buffer.storeBytes(of: checksum.bigEndian, toByteOffset: start + 4, as: UInt32.self)
        }
    }

    /// A record as found in a segment.
    struct Found {
        let entry: Entry
        let batchStart: Int
        /// Offset of the next record.
        let end: Int
    }

    /// - Returns: `nil` unless a whole valid record begins at `offset` and ends within `limit`.
    static func record(in bytes: [UInt8], at offset: Int, limit: Int, format: UInt32, seed: UInt32) -> Found? {
        let fixedBytes = Self.fixedBytes(format: format)
        guard offset + Self.prefixBytes + fixedBytes <= limit else { return nil }
        let length = Int(bytes.bigEndian(UInt32.self, at: offset))
        let start = offset + Self.prefixBytes
        let end = start + length
        guard length >= fixedBytes, length <= Self.bodyBytesMax, end <= limit else { return nil }
        let batchStart = Int(bytes.bigEndian(UInt32.self, at: start))
        let keyCount = Int(bytes.bigEndian(UInt16.self, at: start + 7))
        guard batchStart <= offset, fixedBytes + keyCount <= length else { return nil }
        let checksum = bytes.withUnsafeBytes { buffer in
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[start..<end]), continuing: seed)
        }
        guard checksum == bytes.bigEndian(UInt32.self, at: offset + 4) else { return nil }
        let keyStart = start + fixedBytes
        let type = bytes[start + 4]
        guard let change = Self.change(type, in: bytes, keyStart..<end, keyCount: keyCount, format: format) else {
            return nil
        }
        let partition = PartitionID(Int(bytes.bigEndian(UInt16.self, at: start + 5)))
        let entry = Entry(
            store: type & Self.hintsFlag == 0 ? .replica(partition) : .hints(partition),
            drop: format == 1 ? 0 : bytes.bigEndian(UInt64.self, at: start + 9),
            change: change
        )
        return Found(entry: entry, batchStart: batchStart, end: end)
    }

    /// - Parameter range: Of key and encoded record.
    private static func change(
        _ type: UInt8,
        in bytes: [UInt8],
        _ range: Range<Int>,
        keyCount: Int,
        format: UInt32
    ) -> Entry.Change? {
        let keyEnd = range.lowerBound + keyCount
        switch type {
        case 2,
            6 where format > 1:
            return .retired
        case 1,
            5 where format > 1:
            guard let key = Key(bytes[range.lowerBound..<keyEnd]) else { return nil }
            return .record(key, encoded: Array(bytes[keyEnd..<range.upperBound]))
        case 3 where format > 1, 7 where format > 1:
            return Key(bytes[range.lowerBound..<keyEnd]).map(Entry.Change.dropped)
        default:
            return nil
        }
    }
}

extension StoreID {
    var isHints: Bool {
        switch self {
        case .replica: false
        case .hints: true
        }
    }
}

extension [UInt8] {
    /// The integer at `offset`, which must lie within the array.
    func bigEndian<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int) -> Integer {
        precondition(offset >= 0 && offset + Integer.bitWidth / 8 <= self.count, "offset \(offset) of \(self.count)")
        return self.withUnsafeBytes { Integer(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
    }
}
