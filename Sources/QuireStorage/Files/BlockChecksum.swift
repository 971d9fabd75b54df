import CSQLite
import QuireCore

/// CRC-32C of large blocks: by the processor's own instruction where it has one, else as `CRC32C` does it.
package enum BlockChecksum {
    private static let isFast = quire_crc32c_is_available() != 0

    /// - Parameter previous: The checksum of the bytes before these; 0 at the start.
    package static func of(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
        guard self.isFast else { return CRC32C.checksum(bytes, continuing: previous) }
        return ~quire_crc32c(~previous, bytes.baseAddress, UInt(bytes.count))
    }
}
