import NIOCore
import NIOPosix
import QuireArchive
import QuireCore
import QuireStorage
import QuireWire

/// Sends blocks of a sealed file over a connection, from the page cache to the socket (`sendfile`).
///
/// The event loop only starts what the socket takes at once; the disk is told before what will be needed. No more is
/// under way than one slice.
struct BlockStream {
    /// A puller that takes nothing for so long is gone.
    private static let stallMax = TimeAmount.seconds(120)

    let file: SealedFile
    let manifest: SealManifest
    let channel: any Channel

    /// Sends these blocks, and returns when the socket has taken them.
    func send(_ blocks: Range<Int>, isCompressed: Bool) async throws {
        let stall = self.channel.eventLoop.scheduleTask(in: Self.stallMax) { self.channel.close(promise: nil) }
        defer { stall.cancel() }
        if isCompressed {
            for block in blocks { try await self.sendCompressed(block) }
            return
        }
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: self.file.descriptor)
        defer {
            // Nothing is under way any more: sent, or failed with the channel. The descriptor is the file's.
            _ = try? handle.takeDescriptorOwnership()
        }
        let start = self.manifest.range(of: blocks.lowerBound).lowerBound
        let end = self.manifest.range(of: blocks.upperBound - 1).upperBound
        posix_fadvise(self.file.descriptor, off_t(start), off_t(end - start), Int32(POSIX_FADV_WILLNEED))
        var last = self.channel.eventLoop.makeSucceededVoidFuture()
        for block in blocks {
            last = try self.writeRaw(block, handle)
        }
        try await last.get()
    }

    func end(_ kind: BlockFrame.Kind, reason: String = "") async throws {
        let payload = Array(reason.utf8.prefix(BlockFrame.reasonBytesMax))
        let frame = BlockFrame(kind, payloadBytes: payload.count).encoded()
        try await self.channel.writeAndFlush(IOData.byteBuffer(ByteBuffer(bytes: frame + payload)))
    }

    private func writeRaw(_ block: Int, _ handle: NIOFileHandle) throws -> EventLoopFuture<Void> {
        let range = self.manifest.range(of: block)
        var head = ByteBuffer(bytes: BlockFrame(.block, block: block, payloadBytes: range.count).encoded())
        // What the live file says there is not what a copy must say (SAFETY rule 16).
        let patched = range.lowerBound..<min(range.upperBound, max(range.lowerBound, SealedFile.headerBytes))
        if !patched.isEmpty {
            head.writeBytes(try self.bytes(patched))
        }
        let rest = FileRegion(fileHandle: handle, readerIndex: patched.upperBound, endIndex: range.upperBound)
        self.channel.write(IOData.byteBuffer(head), promise: nil)
        return self.channel.writeAndFlush(IOData.fileRegion(rest))
    }

    private func sendCompressed(_ block: Int) async throws {
        let file = self.file
        let range = self.manifest.range(of: block)
        let buffer = try await NIOThreadPool.singleton.runIfActive {
            try Self.frame(of: block, range, file)
        }
        try await self.channel.writeAndFlush(IOData.byteBuffer(buffer))
    }

    private static func frame(of block: Int, _ range: Range<Int>, _ file: SealedFile) throws -> ByteBuffer {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * range.count, alignment: 4096)
        defer { room.deallocate() }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: room[..<range.count])
        let output = UnsafeMutableRawBufferPointer(rebasing: room[range.count...])
        try file.read(at: range.lowerBound, into: bytes)
        let count = Zstandard.compressBlock(UnsafeRawBufferPointer(bytes), into: output)
        let head = BlockFrame(count == nil ? .block : .compressed, block: block, payloadBytes: count ?? range.count)
        var buffer = ByteBuffer(bytes: head.encoded())
        if let count {
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: output[..<count]))
        } else {
            buffer.writeBytes(UnsafeRawBufferPointer(bytes))
        }
        return buffer
    }

    private func bytes(_ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        try bytes.withUnsafeMutableBytes { try self.file.read(at: range.lowerBound, into: $0) }
        return bytes
    }
}
