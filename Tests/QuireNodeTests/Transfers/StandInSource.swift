import Foundation
import Glibc
import NIOCore
import QuireArchive
import QuireCore
import QuireWire

/// A source of blocks on a socket of its own, for one puller: it proves who it is, and answers `readBlocks` as told.
///
/// `@unchecked Sendable`: what its thread writes is read only after `waitForEnd`.
final class StandInSource: @unchecked Sendable {
    struct Behaviour {
        /// Dies after so many blocks.
        var blocksMax = Int.max
        /// This block is sent with a flipped bit.
        var damagedBlock: Int?
        /// How long the link takes for each block that is not compressed.
        var millisecondsPerBlock: Int32 = 0
    }

    enum Failure: Error {
        case socket(String)
    }

    static let secret = Array("the cluster's key, for tests".utf8)

    let node: NodeID
    let endpoint: Endpoint
    private let listener: Int32
    private let file: [UInt8]
    private let manifest: SealManifest
    private let behaviour: Behaviour
    private let hasEnded = DispatchSemaphore(value: 0)
    private(set) var asked: [Range<Int>] = []
    private(set) var blocksSent = 0
    private(set) var compressedBlocksSent = 0

    init(_ node: NodeID, _ file: [UInt8], _ manifest: SealManifest, _ behaviour: Behaviour = Behaviour()) throws {
        self.node = node
        self.file = file
        self.manifest = manifest
        self.behaviour = behaviour
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = self.listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure.socket(String(cString: strerror(errno))) }
        self.endpoint = Endpoint(host: "127.0.0.1", port: Int(UInt16(bigEndian: address.sin_port)))
        Thread.detachNewThread {
            self.serve()
            self.hasEnded.signal()
        }
    }

    deinit {
        close(self.listener)
    }

    /// Until the puller has gone, or this source has died.
    func waitForEnd() {
        self.hasEnded.wait()
    }

    // MARK: Its thread

    private func serve() {
        let connection = accept(self.listener, nil, nil)
        guard connection >= 0 else { return }
        defer { close(connection) }
        var input = ByteBuffer()
        guard self.shakeHands(connection, &input), let ranges = self.question(connection, &input) else { return }
        self.asked = ranges
        var isCompressed = false
        for block in ranges.flatMap({ Array($0) }) {
            guard self.blocksSent < self.behaviour.blocksMax else { return }
            var wish: UInt8 = 0
            if recv(connection, &wish, 1, Int32(MSG_DONTWAIT)) == 1 {
                isCompressed = wish == BlockFrame.compress
            }
            guard self.sendBlock(block, isCompressed, over: connection) else { return }
        }
        guard self.send(BlockFrame(.end).encoded(), over: connection) else { return }
        var byte: UInt8 = 0
        while recv(connection, &byte, 1, 0) > 0 {}
    }

    private func shakeHands(_ connection: Int32, _ input: inout ByteBuffer) -> Bool {
        let identity = PeerHandshake.Identity(node: self.node, clusterID: "c", version: LayoutVersion(1))
        let nonce = [UInt8](repeating: UInt8(truncatingIfNeeded: self.node.rawValue), count: PeerHandshake.nonceBytes)
        var handshake = PeerHandshake(role: .responder, identity: identity, secret: Self.secret, nonce: nonce)
        var parser = RESPValueParser(limits: PeerHandshake.limits)
        // Bytes that are no RESP end the conversation.
        while let value = try? parser.next(&input) ?? self.more(connection, &input, &parser) {
            switch handshake.receive(value) {
            case .send(let bytes):
                guard self.send(bytes, over: connection) else { return false }
            case .establish(_, let bytes): return self.send(bytes, over: connection)
            case .refuse: return false
            }
        }
        return false
    }

    private func more(
        _ connection: Int32,
        _ input: inout ByteBuffer,
        _ parser: inout RESPValueParser
    ) throws -> RESPValue? {
        while self.receive(connection, &input) {
            if let value = try parser.next(&input) { return value }
        }
        return nil
    }

    private func question(_ connection: Int32, _ input: inout ByteBuffer) -> [Range<Int>]? {
        var parser = PeerMessageParser()
        repeat {
            // Bytes that are no message end the conversation.
            if let envelope = try? parser.next(&input) {
                guard case .control(.readBlocks(_, self.manifest.seal, let ranges)) = envelope.message else {
                    return nil
                }
                return ranges
            }
        } while self.receive(connection, &input)
        return nil
    }

    private func receive(_ connection: Int32, _ input: inout ByteBuffer) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(connection, &bytes, bytes.count, 0)
        guard count > 0 else { return false }
        input.writeBytes(bytes[..<count])
        return true
    }

    private func sendBlock(_ block: Int, _ isCompressed: Bool, over connection: Int32) -> Bool {
        var bytes = Array(self.file[self.manifest.range(of: block)])
        if block == self.behaviour.damagedBlock { bytes[bytes.count / 2] ^= 1 }
        self.blocksSent += 1
        var output = [UInt8](repeating: 0, count: bytes.count)
        let count = bytes.withUnsafeBytes { bytes in
            output.withUnsafeMutableBytes { Zstandard.compressBlock(bytes, into: $0) }
        }
        if isCompressed, let count {
            self.compressedBlocksSent += 1
            let head = BlockFrame(.compressed, block: block, payloadBytes: count).encoded()
            return self.send(head + output[..<count], over: connection)
        }
        // The link takes its time; nothing is waited for.
        poll(nil, 0, self.behaviour.millisecondsPerBlock)
        return self.send(
            BlockFrame(.block, block: block, payloadBytes: bytes.count).encoded() + bytes,
            over: connection
        )
    }

    private func send(_ bytes: [UInt8], over connection: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
