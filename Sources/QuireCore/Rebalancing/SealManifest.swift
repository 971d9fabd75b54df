import Crypto

/// What a source says of a sealed partition file: enough to know each of its blocks when it arrives, and to tell which
/// blocks of an older copy are still good.
///
/// A file is cut into blocks of `blockBytes`, the last one may be shorter. The checksum of a block is its CRC-32C as it
/// travels, header patched (SAFETY rule 16). Equal checksums let an interrupted copy go on, also after another seal and
/// from another replica; what decides whether a whole copy may be used is the check of its content.
package struct SealManifest: Sendable, Hashable {
    /// A block is held in memory as a whole.
    package static let blockBytesMax = 16 << 20
    package static let sizeBytesMax = 1 << 44

    /// Names the seal at its source.
    package let seal: UInt64
    package let sizeBytes: Int
    package let blockBytes: Int
    package let records: Int
    package let checksums: [UInt32]

    /// - Returns: `nil` for blocks or sizes out of bounds, and unless there is one checksum for each block.
    package init?(seal: UInt64, sizeBytes: Int, blockBytes: Int, records: Int, checksums: [UInt32]) {
        guard (1...Self.blockBytesMax).contains(blockBytes), (0...Self.sizeBytesMax).contains(sizeBytes), records >= 0,
            checksums.count == (sizeBytes + blockBytes - 1) / blockBytes
        else { return nil }
        self.seal = seal
        self.sizeBytes = sizeBytes
        self.blockBytes = blockBytes
        self.records = records
        self.checksums = checksums
    }

    package var blockCount: Int { self.checksums.count }

    /// Where a block lies in the file.
    ///
    /// - Parameter block: In `0..<blockCount`.
    package func range(of block: Int) -> Range<Int> {
        precondition(block >= 0 && block < self.blockCount, "block \(block) of \(self.blockCount)")
        let start = block * self.blockBytes
        return start..<min(start + self.blockBytes, self.sizeBytes)
    }

    /// Hexadecimal SHA-256 over the size (8 bytes, big-endian) and the checksums (4 bytes each, big-endian): names the
    /// file in a receipt without reading it again.
    package var digest: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + 4 * self.checksums.count)
        bytes.appendBigEndian(UInt64(self.sizeBytes))
        for checksum in self.checksums { bytes.appendBigEndian(checksum) }
        return Hexadecimal.encode(SHA256.hash(data: bytes))
    }
}
