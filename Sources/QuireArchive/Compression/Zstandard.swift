internal import CZstd
internal import Crypto

/// Streams files through libzstd, hashing both sides on the way.
///
/// An object is exactly one zstd frame with its content size and its checksum (flag `ZSTD_c_checksumFlag`),
/// with a window of at most 2^27 bytes, so that `zstd -d` reads it without options. libzstd is driven
/// directly because libarchive's own filter writes frames without a checksum.
package enum Zstandard {
    package static let standardLevel: Int32 = 3
    package static let windowLogMax: Int32 = 27

    /// Both sides of one stream.
    package struct Digests: Hashable, Sendable {
        /// Of the uncompressed bytes.
        package let imageHash: ContentHash
        package let imageBytes: Int
        /// Of the compressed bytes.
        package let storedHash: ContentHash
        package let storedBytes: Int
    }

    /// Compresses a whole file.
    ///
    /// - Parameter sink: Takes the compressed bytes; they are valid only during the call.
    static func compress(
        _ source: InputFile,
        level: Int32 = standardLevel,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Digests {
        guard let context = ZSTD_createCCtx() else { throw self.outOfMemory(source.path) }
        defer { ZSTD_freeCCtx(context) }
        for (parameter, value) in [(ZSTD_c_compressionLevel, level), (ZSTD_c_checksumFlag, 1)] {
            try self.check(ZSTD_CCtx_setParameter(context, parameter, value), source.path)
        }
        try self.check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(source.sizeBytes)), source.path)
        var image = StreamHash()
        var stored = StreamHash()
        let input = UnsafeMutableRawBufferPointer.chunk(bytes: InputFile.chunkBytes)
        defer { input.deallocate() }
        let output = UnsafeMutableRawBufferPointer.chunk(bytes: ZSTD_CStreamOutSize())
        defer { output.deallocate() }
        var isLast = false
        while !isLast {
            let count = try source.read(into: input)
            image.update(input.filled(count))
            isLast = count == 0
            var view = ZSTD_inBuffer(src: input.baseAddress, size: count, pos: 0)
            var remaining = 0
            repeat {
                var room = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                remaining = ZSTD_compressStream2(context, &room, &view, isLast ? ZSTD_e_end : ZSTD_e_continue)
                try self.check(remaining, source.path)
                stored.update(output.filled(room.pos))
                try sink(output.filled(room.pos))
            } while view.pos < view.size || (isLast && remaining != 0)
        }
        return Digests(image: image, stored: stored)
    }

    /// Decompresses a whole file of one frame, and not one byte more than expected.
    ///
    /// The size that the frame claims is not believed: memory is bounded by the window, output by `imageBytes`.
    ///
    /// - Parameters:
    ///   - imageBytes: What the manifest says; a frame that yields more is refused at the first byte too many.
    ///   - sink: Takes the bytes, which are not verified before the call returns; they are valid only during the call.
    static func decompress(
        _ source: InputFile,
        imageBytes: Int,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Digests {
        guard let context = ZSTD_createDCtx() else { throw self.outOfMemory(source.path) }
        defer { ZSTD_freeDCtx(context) }
        try self.check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, self.windowLogMax), source.path)
        var image = StreamHash()
        var stored = StreamHash()
        let input = UnsafeMutableRawBufferPointer.chunk(bytes: InputFile.chunkBytes)
        defer { input.deallocate() }
        let output = UnsafeMutableRawBufferPointer.chunk(bytes: ZSTD_DStreamOutSize())
        defer { output.deallocate() }
        var isFrameComplete = false
        while true {
            let count = try source.read(into: input)
            if count == 0 { break }
            if stored.bytes == 0 { try self.requireChecksum(input.filled(count), source.path) }
            stored.update(input.filled(count))
            var view = ZSTD_inBuffer(src: input.baseAddress, size: count, pos: 0)
            var isOutputFull = false
            while view.pos < view.size || (isOutputFull && !isFrameComplete) {
                guard !isFrameComplete else { throw self.damaged("bytes follow the end of the frame", source.path) }
                var room = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                let hint = ZSTD_decompressStream(context, &room, &view)
                try self.check(hint, source.path)
                isFrameComplete = hint == 0
                isOutputFull = room.pos == room.size
                image.update(output.filled(room.pos))
                guard image.bytes <= imageBytes else {
                    throw self.damaged("expected \(imageBytes) bytes of content, found more", source.path)
                }
                try sink(output.filled(room.pos))
            }
        }
        guard isFrameComplete else { throw self.damaged("the zstd frame is cut short", source.path) }
        return Digests(image: image, stored: stored)
    }

    /// Without the flag a damaged frame may decompress to wrong bytes; the frame header is RFC 8878 §3.1.1.1.
    private static func requireChecksum(_ head: UnsafeRawBufferPointer, _ path: String) throws {
        guard head.count >= 5, Array(head[0..<4]) == [0x28, 0xB5, 0x2F, 0xFD] else {
            throw self.damaged("this is not a zstd frame", path)
        }
        guard head[4] & 0x04 != 0 else { throw self.damaged("the zstd frame has no checksum", path) }
    }

    private static func check(_ code: Int, _ path: String) throws {
        guard ZSTD_isError(code) != 0 else { return }
        throw self.damaged("zstd: \(String(cString: ZSTD_getErrorName(code)))", path)
    }

    private static func damaged(_ reason: String, _ path: String) -> ArchiveError {
        ArchiveError(.damagedObject, "\(reason); take this object from a copy of the repository", path: path)
    }

    private static func outOfMemory(_ path: String) -> ArchiveError {
        ArchiveError(.inputOutput, "out of memory for zstd", path: path)
    }
}

extension Zstandard.Digests {
    fileprivate init(image: StreamHash, stored: StreamHash) {
        self.init(
            imageHash: image.hash,
            imageBytes: image.bytes,
            storedHash: stored.hash,
            storedBytes: stored.bytes
        )
    }
}

/// SHA-256 and length of a stream.
struct StreamHash {
    private var state = SHA256()
    private(set) var bytes = 0

    mutating func update(_ buffer: UnsafeRawBufferPointer) {
        self.state.update(bufferPointer: buffer)
        self.bytes += buffer.count
    }

    var hash: ContentHash { ContentHash(digest: self.state.finalize()) }
}

extension UnsafeMutableRawBufferPointer {
    /// Memory for the C libraries; the caller deallocates it.
    static func chunk(bytes: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: bytes, alignment: 16)
    }

    /// The front that a C library has filled.
    func filled(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[..<count])
    }
}
