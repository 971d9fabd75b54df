internal import CZstd

/// Single blocks in memory, for the wire: no checksum of its own, for whoever receives one has the block's.
extension Zstandard {
    /// The fastest that still halves text.
    private static let wireLevel: Int32 = 1

    /// - Parameter output: Not smaller than the block.
    /// - Returns: How many bytes of `output` were filled; `nil` when the block does not become smaller.
    package static func compressBlock(
        _ block: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int? {
        guard block.count > 1, output.count >= block.count else { return nil }
        let count = ZSTD_compress(
            output.baseAddress,
            block.count - 1,
            block.baseAddress,
            block.count,
            self.wireLevel
        )
        return ZSTD_isError(count) != 0 ? nil : count
    }

    /// - Returns: Whether the frame is a block of exactly the size of `output`.
    package static func decompressBlock(
        _ frame: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let count = ZSTD_decompress(output.baseAddress, output.count, frame.baseAddress, frame.count)
        return ZSTD_isError(count) == 0 && count == output.count
    }
}
