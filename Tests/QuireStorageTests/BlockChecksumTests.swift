import QuireCore
import QuireStorage
import Testing

@Suite struct BlockChecksumTests {
    private let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 11) }

    @Test(arguments: [0, 1, 7, 8, 9, 16_383, 16_384, 16_385, 16_407, 65_536, 100_003, 262_144, 300_000])
    func isTheChecksumOfTheSlowWay(count: Int) {
        let part = Array(self.bytes.prefix(count))
        #expect(part.withUnsafeBytes { BlockChecksum.of($0) } == CRC32C.checksum(part))
    }

    @Test(arguments: [0, 1, 4096, 16_384, 150_001, 300_000]) func continuesAcrossPieces(cut: Int) {
        let whole = self.bytes.withUnsafeBytes { BlockChecksum.of($0) }
        let pieces = self.bytes.withUnsafeBytes { bytes in
            let first = BlockChecksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<cut]))
            return BlockChecksum.of(UnsafeRawBufferPointer(rebasing: bytes[cut...]), continuing: first)
        }
        #expect(pieces == whole)
    }

    @Test func noticesAnyBitThatFlips() {
        let whole = self.bytes.withUnsafeBytes { BlockChecksum.of($0) }
        for place in [0, 99_999, 100_000, 100_001, 199_999, 200_000, 299_999] {
            var damaged = self.bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            #expect(damaged.withUnsafeBytes { BlockChecksum.of($0) } != whole, "byte \(place)")
        }
    }
}
