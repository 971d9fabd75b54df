import NIOCore
import QuireArchive
import QuireCore
import QuireWire

/// Pulls what is missing of an image from one source, over a connection of its own (`BlockFrame`).
///
/// `@unchecked Sendable`: `start` and `pull` are called one after the other, by one task; `abort` from anywhere.
final class BlockPull: @unchecked Sendable {
    enum Failure: Error {
        case expired
        /// The source, the link, or a block.
        case bad(String)
        case own(IncomingImage.Failure)
    }

    /// One part of the image.
    struct Part: Sendable {
        var bytes = 0
        var wireBytes = 0
        /// For the source and the link; the copy out of the kernel counts too.
        var waited = Duration.zero
        /// Checking and writing.
        var worked = Duration.zero
        var isLast = false
    }

    private let partition: PartitionID
    private let manifest: SealManifest
    private let image: IncomingImage
    private let socket: StreamSocket
    private let block: UnsafeMutableRawBufferPointer
    private var frame: UnsafeMutableRawBufferPointer?
    private var compression = WireCompression()
    private var expected: [Range<Int>] = []

    /// Connects; blocks for a few seconds at most.
    init(
        of partition: PartitionID,
        _ manifest: SealManifest,
        into image: IncomingImage,
        from endpoints: [Endpoint]
    )
        throws(Failure)
    {
        do {
            self.socket = try StreamSocket(to: endpoints)
        } catch {
            throw .bad(error.description)
        }
        self.partition = partition
        self.manifest = manifest
        self.image = image
        self.block = .allocate(byteCount: max(manifest.blockBytes, BlockFrame.bytes), alignment: 4096)
    }

    deinit {
        self.block.deallocate()
        self.frame?.deallocate()
    }

    /// Ends whatever waits; from any thread.
    func abort() {
        self.socket.abort()
    }

    /// Proves who is who, and asks for the blocks.
    func start(_ handshake: PeerHandshake, source: NodeID, version: LayoutVersion) throws(Failure) {
        do {
            let found = try self.socket.shakeHands(handshake)
            guard found == source else {
                throw StreamSocket.Failure(description: "node \(found) answers for \(source)")
            }
            self.expected = self.image.missing
            let question = ControlMessage.readBlocks(
                self.partition,
                seal: self.manifest.seal,
                blocks: self.expected
            )
            var buffer = ByteBuffer()
            let envelope = PeerEnvelope(correlation: 1, isReply: false, version: version, message: .control(question))
            PeerCodec.encode(envelope, into: &buffer)
            try self.socket.send(Array(buffer.readableBytesView))
        } catch {
            throw .bad("\(error)")
        }
    }

    /// Takes blocks until so many bytes have come, or the last one.
    func pull(bytesMax: Int) throws(Failure) -> Part {
        var part = Part()
        while part.bytes < bytesMax {
            let began = MachineClock.elapsed
            let frame = try self.nextFrame()
            switch frame.kind {
            case .end:
                guard self.image.isComplete else { throw .bad("the source ended before all blocks had come") }
                part.isLast = true
                return part
            case .expired: throw .expired
            case .failed: throw .bad(try self.reason(frame))
            case .block, .compressed: try self.takeBlock(frame, began: began, into: &part)
            }
        }
        try self.adapt(part)
        return part
    }

    private func takeBlock(_ frame: BlockFrame, began: Duration, into part: inout Part) throws(Failure) {
        guard frame.block == self.expected.first?.lowerBound else {
            throw .bad("block \(frame.block) came out of turn")
        }
        let size = self.manifest.range(of: frame.block).count
        let bytes = UnsafeMutableRawBufferPointer(rebasing: self.block[..<size])
        if frame.kind == .block {
            try self.receive(into: bytes)
        }
        let compressed = frame.kind == .compressed ? try self.receiveCompressed(frame) : nil
        let arrived = MachineClock.elapsed
        if let compressed, !Zstandard.decompressBlock(compressed, into: bytes) {
            throw .bad("block \(frame.block) arrived damaged")
        }
        do {
            guard try self.image.write(UnsafeRawBufferPointer(bytes), as: frame.block) else {
                throw Failure.bad("block \(frame.block) arrived damaged")
            }
        } catch let failure as IncomingImage.Failure {
            throw .own(failure)
        } catch {
            throw .bad("block \(frame.block) arrived damaged")
        }
        let range = self.expected[0]
        self.expected[0] = range.lowerBound + 1..<range.upperBound
        if self.expected[0].isEmpty { self.expected.removeFirst() }
        part.bytes += size
        part.wireBytes += frame.payloadBytes
        part.waited += arrived - began
        part.worked += MachineClock.elapsed - arrived
    }

    private func nextFrame() throws(Failure) -> BlockFrame {
        let head = UnsafeMutableRawBufferPointer(rebasing: self.block[..<BlockFrame.bytes])
        try self.receive(into: head)
        do {
            return try BlockFrame(Array(head), manifest: self.manifest)
        } catch {
            throw .bad("the source sent no frame: \(error)")
        }
    }

    private func receiveCompressed(_ frame: BlockFrame) throws(Failure) -> UnsafeRawBufferPointer {
        let room = self.frame ?? .allocate(byteCount: self.manifest.blockBytes, alignment: 4096)
        self.frame = room
        let bytes = UnsafeMutableRawBufferPointer(rebasing: room[..<frame.payloadBytes])
        try self.receive(into: bytes)
        return UnsafeRawBufferPointer(bytes)
    }

    private func reason(_ frame: BlockFrame) throws(Failure) -> String {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.payloadBytes, alignment: 1)
        defer { room.deallocate() }
        try self.receive(into: room)
        return String(decoding: room, as: UTF8.self)
    }

    private func receive(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        do {
            try self.socket.receive(into: buffer)
        } catch {
            throw .bad(error.description)
        }
    }

    private func adapt(_ part: Part) throws(Failure) {
        let isChanged = self.compression.pulled(
            bytes: part.bytes,
            wireBytes: part.wireBytes,
            waited: part.waited,
            worked: part.worked
        )
        guard isChanged else { return }
        do {
            try self.socket.send([self.compression.isWanted ? BlockFrame.compress : BlockFrame.doNotCompress])
        } catch {
            throw .bad(error.description)
        }
    }
}
