import CSQLite
import QuireCore

/// CRC-32C of large blocks: by the processor's own instruction where it has one, else as `CRC32C` does it.
package enum BlockChecksum {
    private static let isFast = quire_crc32c_is_available() != 0
    /// Shorter bytes are not worth the joining of three checksums.
    private static let thriceBytesMin = 16 << 10
    /// CRC-32C's polynomial, its highest coefficient in the lowest bit.
    private static let polynomial: UInt32 = 0x82F6_3B78
    /// x to the power of 2^k, modulo the polynomial.
    private static let powers: [UInt32] = {
        var powers: [UInt32] = [0x4000_0000]
        while powers.count < 64 { powers.append(Self.product(powers[powers.count - 1], powers[powers.count - 1])) }
        return powers
    }()

    /// - Parameter previous: The checksum of the bytes before these; 0 at the start.
    package static func of(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
        guard self.isFast else { return CRC32C.checksum(bytes, continuing: previous) }
        guard bytes.count >= self.thriceBytesMin else {
            return ~quire_crc32c(~previous, bytes.baseAddress, UInt(bytes.count))
        }
        let run = bytes.count / 24 * 8
        var registers: (UInt32, UInt32, UInt32) = (~previous, 0, 0)
        withUnsafeMutableBytes(of: &registers) {
            quire_crc32c_thrice($0.assumingMemoryBound(to: UInt32.self).baseAddress, bytes.baseAddress, UInt(run))
        }
        // A register moves over bytes as if they were zeros; what the bytes themselves make of it is added.
        let shift = self.power(ofBits: 8 * run)
        let second = self.product(registers.0, shift) ^ registers.1
        let third = self.product(second, shift) ^ registers.2
        let rest = UnsafeRawBufferPointer(rebasing: bytes[(3 * run)...])
        return ~quire_crc32c(third, rest.baseAddress, UInt(rest.count))
    }

    // MARK: Polynomials over GF(2), bits reflected: the lowest bit stands for x^31

    /// x to the power of `bits`, modulo the polynomial.
    private static func power(ofBits bits: Int) -> UInt32 {
        var result: UInt32 = 0x8000_0000
        var (rest, index) = (bits, 0)
        while rest > 0 {
            if rest & 1 == 1 { result = self.product(result, self.powers[index]) }
            rest >>= 1
            index += 1
        }
        return result
    }

    private static func product(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var product: UInt32 = 0
        var (factor, rest) = (right, left)
        while rest != 0 {
            if rest & 0x8000_0000 != 0 { product ^= factor }
            rest <<= 1
            factor = factor & 1 == 1 ? factor >> 1 ^ self.polynomial : factor >> 1
        }
        return product
    }
}
