package import QuireCore

/// What a connection carries after `readBlocks`: from the source, frames.
///
/// ```
/// kind      1 byte      1 block: the payload is its bytes; 2 compressed: the payload is one zstd frame of them;
///                       3 end: nothing more was asked for; 4 expired: the seal is gone; 5 failed: the payload says why
/// zero      3 bytes
/// block     4 bytes     which block, big-endian; 0 where there is none
/// payload   4 bytes     how many bytes follow, big-endian
/// ```
///
/// Blocks come in the order in which they were asked for. Nothing follows the kinds 3 to 5. The puller may send single
/// bytes at any time: `c` asks for compressed blocks, `r` for raw ones; the source need not comply.
///
/// A payload of a block is as long as the block; of a compressed one shorter; a reason has at most 1024 bytes.
package struct BlockFrame: Hashable, Sendable {
    package enum Kind: UInt8, Sendable, CaseIterable {
        case block = 1
        case compressed = 2
        case end = 3
        case expired = 4
        case failed = 5
    }

    package enum DecodingError: Error, Hashable, Sendable {
        case truncated(foundBytes: Int)
        case unknownKind(UInt8)
        case malformed
        case payloadTooLarge(Int)
    }

    package static let bytes = 12
    package static let reasonBytesMax = 1024
    package static let compress = UInt8(ascii: "c")
    package static let doNotCompress = UInt8(ascii: "r")

    package let kind: Kind
    package let block: Int
    package let payloadBytes: Int

    package init(_ kind: Kind, block: Int = 0, payloadBytes: Int = 0) {
        self.kind = kind
        self.block = block
        self.payloadBytes = payloadBytes
    }

    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = [self.kind.rawValue, 0, 0, 0]
        bytes.appendBigEndian(UInt32(self.block))
        bytes.appendBigEndian(UInt32(self.payloadBytes))
        return bytes
    }

    /// - Parameter bytes: Exactly the head of a frame.
    package init(_ bytes: [UInt8], manifest: SealManifest) throws(DecodingError) {
        guard bytes.count == Self.bytes else { throw .truncated(foundBytes: bytes.count) }
        guard let kind = Kind(rawValue: bytes[0]) else { throw .unknownKind(bytes[0]) }
        let block = bytes[4..<8].reduce(0) { $0 << 8 | Int($1) }
        let payload = bytes[8..<12].reduce(0) { $0 << 8 | Int($1) }
        guard bytes[1..<4].allSatisfy({ $0 == 0 }) else { throw .malformed }
        switch kind {
        case .block, .compressed:
            guard block < manifest.blockCount else { throw .malformed }
            let whole = manifest.range(of: block).count
            guard payload <= whole else { throw .payloadTooLarge(payload) }
            guard kind == .block ? payload == whole : payload > 0 && payload < whole else { throw .malformed }
        case .end, .expired:
            guard block == 0, payload == 0 else { throw .malformed }
        case .failed:
            guard payload <= Self.reasonBytesMax else { throw .payloadTooLarge(payload) }
            guard block == 0 else { throw .malformed }
        }
        self.init(kind, block: block, payloadBytes: payload)
    }
}
