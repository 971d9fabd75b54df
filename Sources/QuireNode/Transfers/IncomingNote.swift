import QuireCore

/// What lies beside an image that was not pulled completely, so that the next attempt can go on.
///
/// ```
/// "quire.in"     8 bytes
/// format         4 bytes, 1             partition     4 bytes
/// source         8 bytes, node id       seal          8 bytes
/// sizeBytes      8 bytes                blockBytes    4 bytes       records  8 bytes
/// blockCount     4 bytes                checksums     4 bytes for each block
/// done           1 bit for each block, the first one in the lowest bit of the first byte; unused bits are 0
/// checksum       4 bytes, CRC-32C of all before
/// ```
///
/// Integers are big-endian. It may be behind the image, never ahead of what was written; after a crash the blocks that
/// it names are read again before they are believed, so neither file need be synced in any order.
struct IncomingNote: Hashable, Sendable {
    enum DecodingError: Error, Hashable, Sendable {
        case truncated
        case otherFormat
        case wrongChecksum
        case malformed
    }

    private static let magic = Array("quire.in".utf8)
    private static let format: UInt32 = 1
    private static let headBytes = 60
    static let bytesMax = 64 << 20

    let partition: PartitionID
    let source: NodeID
    let manifest: SealManifest
    var done: [Bool]

    init(partition: PartitionID, source: NodeID, manifest: SealManifest, done: [Bool]) {
        precondition(done.count == manifest.blockCount, "\(done.count) marks for \(manifest.blockCount) blocks")
        self.partition = partition
        self.source = source
        self.manifest = manifest
        self.done = done
    }

    func encoded() -> [UInt8] {
        var bytes = Self.magic
        bytes.appendBigEndian(Self.format)
        bytes.appendBigEndian(UInt32(self.partition.rawValue))
        bytes.appendBigEndian(self.source.rawValue)
        bytes.appendBigEndian(self.manifest.seal)
        bytes.appendBigEndian(UInt64(self.manifest.sizeBytes))
        bytes.appendBigEndian(UInt32(self.manifest.blockBytes))
        bytes.appendBigEndian(UInt64(self.manifest.records))
        bytes.appendBigEndian(UInt32(self.manifest.blockCount))
        for checksum in self.manifest.checksums { bytes.appendBigEndian(checksum) }
        var marks = [UInt8](repeating: 0, count: (self.done.count + 7) / 8)
        for (block, isDone) in self.done.enumerated() where isDone { marks[block / 8] |= 1 << UInt8(block % 8) }
        bytes += marks
        bytes.appendBigEndian(CRC32C.checksum(bytes))
        return bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingError) {
        guard bytes.count >= Self.headBytes, bytes.count <= Self.bytesMax else { throw .truncated }
        guard Array(bytes.prefix(8)) == Self.magic, Self.integer(bytes[8..<12]) == UInt64(Self.format) else {
            throw .otherFormat
        }
        guard Self.integer(bytes.suffix(4)) == UInt64(CRC32C.checksum(Array(bytes.dropLast(4)))) else {
            throw .wrongChecksum
        }
        let blockCount = Int(Self.integer(bytes[52..<56]))
        let marksStart = 56 + 4 * blockCount
        guard bytes.count == marksStart + (blockCount + 7) / 8 + 4 else { throw .malformed }
        let checksums = (0..<blockCount).map { UInt32(Self.integer(bytes[56 + 4 * $0..<60 + 4 * $0])) }
        guard let sizeBytes = Int(exactly: Self.integer(bytes[32..<40])),
            let records = Int(exactly: Self.integer(bytes[44..<52])),
            let manifest = SealManifest(
                seal: Self.integer(bytes[24..<32]),
                sizeBytes: sizeBytes,
                blockBytes: Int(Self.integer(bytes[40..<44])),
                records: records,
                checksums: checksums
            )
        else { throw .malformed }
        let marks = bytes[marksStart..<bytes.count - 4]
        let isMarked = (0..<marks.count * 8).map { marks[marksStart + $0 / 8] & 1 << UInt8($0 % 8) != 0 }
        guard !isMarked.dropFirst(blockCount).contains(true) else { throw .malformed }
        self.partition = PartitionID(Int(Self.integer(bytes[12..<16])))
        self.source = NodeID(rawValue: Self.integer(bytes[16..<24]))
        self.manifest = manifest
        self.done = Array(isMarked.prefix(blockCount))
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
