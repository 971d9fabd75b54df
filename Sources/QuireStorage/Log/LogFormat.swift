import QuireCore

/// The bytes of a log segment, `log/<shard>-<sequence>.log`.
///
/// A segment is a header and records without gaps; integers are big-endian. Every write to the file is one
/// *batch* of whole records, followed by one `fdatasync`.
///
/// ```
/// header, 100 bytes
///   0   8  "QUIRELOG"
///   8   4  format, 1
///  12   2  shard              14   2  number of shards
///  16   8  sequence, from 1; consecutive within a shard
///  24   8  bytes of the segment before this one that were synced; 0 when there is none
///  32  64  cluster id, UTF-8, padded with zeros
///  96   4  CRC-32C of bytes 0..<96
/// record
///   0   4  length of the rest of the record after its checksum
///   4   4  CRC-32C of the rest, continuing the header's checksum (so bytes of another segment never fit)
///   8   4  offset at which the record's batch begins
///  12   1  type: 1 a merged record, 2 the partition was retired
///  13   2  partition
///  15   2  k: bytes of the key; 0 for type 2
///  17   k  key
///       …  encoded record; nothing for type 2
/// ```
///
/// Reader. Segments of a shard are read in the order of their sequence, which has no holes. A segment that has
/// a successor ends where the successor's header says: a failed write may have left garbage beyond. The last
/// one ends at its first invalid record X, and is cut there, unless a valid record after X belongs to a batch
/// that begins after X: X had been synced before that batch was written, so this is not a torn tail but
/// damage, and the reader refuses. A last segment of at most header size with an invalid header was being
/// created, held nothing, and is removed. Replay is `merge`, hence idempotent; a type 2 record discards what
/// earlier records said of its partition.
enum LogFormat {
    static let magic: [UInt8] = Array("QUIRELOG".utf8)
    static let version: UInt32 = 1
    static let headerBytes = 100
    static let clusterIDBytes = 64
    /// Length and checksum of a record.
    static let prefixBytes = 8
    /// Batch offset, type, partition and key length.
    static let fixedBytes = 9
    static let bodyBytesMax = 1 << 30

    struct Header: Equatable {
        var shard: Int
        var shardCount: Int
        var sequence: UInt64
        var previousBytes: UInt64
        var clusterID: String

        func encoded() -> [UInt8] {
            var bytes = LogFormat.magic
            bytes.appendBigEndian(LogFormat.version)
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
            guard bytes.bigEndian(UInt32.self, at: 8) == LogFormat.version else { return nil }
            let header = Header(
                shard: Int(bytes.bigEndian(UInt16.self, at: 12)),
                shardCount: Int(bytes.bigEndian(UInt16.self, at: 14)),
                sequence: bytes.bigEndian(UInt64.self, at: 16),
                previousBytes: bytes.bigEndian(UInt64.self, at: 24),
                clusterID: String(decoding: bytes[32..<96].prefix { $0 != 0 }, as: UTF8.self)
            )
            return (header, seed)
        }
    }

    /// What one record says.
    enum Entry: Equatable {
        case record(PartitionID, Key, encoded: [UInt8])
        case retired(PartitionID)
    }

    /// Appends one record whose batch begins at `batchStart`.
    static func append(
        partition: PartitionID,
        key: [UInt8],
        encodedRecord: [UInt8],
        batchStart: Int,
        seed: UInt32,
        to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.appendBigEndian(UInt32(Self.fixedBytes + key.count + encodedRecord.count))
        bytes.appendBigEndian(UInt32(0))
        bytes.appendBigEndian(UInt32(batchStart))
        bytes.append(key.isEmpty ? 2 : 1)
        bytes.appendBigEndian(UInt16(partition.rawValue))
        bytes.appendBigEndian(UInt16(key.count))
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
    static func record(in bytes: [UInt8], at offset: Int, limit: Int, seed: UInt32) -> Found? {
        guard offset + Self.prefixBytes + Self.fixedBytes <= limit else { return nil }
        let length = Int(bytes.bigEndian(UInt32.self, at: offset))
        let start = offset + Self.prefixBytes
        let end = start + length
        guard length >= Self.fixedBytes, length <= Self.bodyBytesMax, end <= limit else { return nil }
        let batchStart = Int(bytes.bigEndian(UInt32.self, at: start))
        let type = bytes[start + 4]
        let keyCount = Int(bytes.bigEndian(UInt16.self, at: start + 7))
        guard batchStart <= offset, type == 1 || type == 2, Self.fixedBytes + keyCount <= length else { return nil }
        let checksum = bytes.withUnsafeBytes { buffer in
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[start..<end]), continuing: seed)
        }
        guard checksum == bytes.bigEndian(UInt32.self, at: offset + 4) else { return nil }
        let partition = PartitionID(Int(bytes.bigEndian(UInt16.self, at: start + 5)))
        if type == 2 { return Found(entry: .retired(partition), batchStart: batchStart, end: end) }
        let keyStart = start + Self.fixedBytes
        guard let key = Key(bytes[keyStart..<keyStart + keyCount]) else { return nil }
        let encoded = Array(bytes[(keyStart + keyCount)..<end])
        return Found(entry: .record(partition, key, encoded: encoded), batchStart: batchStart, end: end)
    }
}

extension [UInt8] {
    /// The integer at `offset`, which must lie within the array.
    func bigEndian<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int) -> Integer {
        precondition(offset >= 0 && offset + Integer.bitWidth / 8 <= self.count, "offset \(offset) of \(self.count)")
        return self.withUnsafeBytes { Integer(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
    }
}
