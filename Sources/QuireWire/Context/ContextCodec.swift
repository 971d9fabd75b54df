import Crypto
package import QuireCore

/// Seals and opens the context tokens of one cluster.
///
/// A token is base64url text without padding over these bytes, integers big-endian:
///
/// ```
/// offset  size  field
///      0     1  format, 1
///      1     1  flags: bit 0, a preferred node is named
///      2     8  hash of the key: the first bytes of its SHA-256
///     10     8  preferred node; 0 without one
///     18  16·n  version vector, ascending by actor: actor (8), counter (8)
///          16   tag
/// ```
///
/// The tag is the first 128 bits of HMAC-SHA256 over everything before it, under a key derived from the cluster
/// key: any node of the cluster opens what another sealed, and nobody else can make one. A reader verifies the
/// tag first, in constant time, and looks at nothing else of a token whose tag is wrong.
package struct ContextCodec: Sendable {
    private static let format: UInt8 = 1
    private static let headerBytes = 18
    private static let tagBytes = 16
    private static let preferredFlag: UInt8 = 1
    /// More entries than a record can hold: a longer text is not a token.
    private static let textBytesMax = 2 << 20

    private let key: SymmetricKey

    /// - Parameter secret: The cluster key.
    package init(secret: [UInt8]) {
        let derived = HMAC<SHA256>.authenticationCode(
            for: Array("quire context token 1".utf8),
            using: SymmetricKey(data: secret)
        )
        self.key = SymmetricKey(data: Array(derived))
    }

    /// - Returns: ASCII text.
    package func seal(_ token: ContextToken, for key: Key) -> [UInt8] {
        var bytes: [UInt8] = [Self.format, token.preferredNode == nil ? 0 : Self.preferredFlag]
        bytes.appendBigEndian(key.hash.rawValue)
        bytes.appendBigEndian(token.preferredNode?.rawValue ?? 0)
        bytes.append(contentsOf: token.vector.wireBytes)
        bytes.append(contentsOf: self.tag(of: bytes))
        return Base64URL.encode(bytes)
    }

    package func open(_ text: [UInt8], for key: Key) throws(ContextError) -> ContextToken {
        guard text.count <= Self.textBytesMax, let bytes = Base64URL.decode(text),
            bytes.count >= Self.headerBytes + Self.tagBytes
        else { throw .malformed }
        let body = Array(bytes.dropLast(Self.tagBytes))
        guard self.isTag(bytes.suffix(Self.tagBytes), of: body) else { throw .forged }
        return try Self.token(from: body, for: key)
    }

    /// Looks at the header only: a letter more than that is not decoded.
    static func unverifiedPreferredNode(of text: [UInt8]) -> NodeID? {
        guard let bytes = Base64URL.decode(text.prefix(Self.headerBytes / 3 * 4)), bytes.count == Self.headerBytes,
            bytes[0] == Self.format, bytes[1] & Self.preferredFlag != 0
        else { return nil }
        return NodeID(rawValue: Self.integer(bytes[10..<18]))
    }

    private static func token(from body: [UInt8], for key: Key) throws(ContextError) -> ContextToken {
        guard body[0] == Self.format, body[1] & ~Self.preferredFlag == 0 else { throw .malformed }
        guard Self.integer(body[2..<10]) == key.hash.rawValue else { throw .otherKey }
        guard let vector = VersionVector(wireBytes: body[Self.headerBytes...]) else { throw .malformed }
        let isPreferring = body[1] & Self.preferredFlag != 0
        return ContextToken(
            vector: vector,
            preferredNode: isPreferring ? NodeID(rawValue: Self.integer(body[10..<18])) : nil
        )
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func tag(of body: [UInt8]) -> ArraySlice<UInt8> {
        Array(HMAC<SHA256>.authenticationCode(for: body, using: self.key)).prefix(Self.tagBytes)
    }

    /// Looks at every byte whatever the first ones are, so that the time taken tells nothing about the tag.
    private func isTag(_ found: ArraySlice<UInt8>, of body: [UInt8]) -> Bool {
        var difference: UInt8 = 0
        for (left, right) in zip(found, self.tag(of: body)) {
            difference |= left ^ right
        }
        return difference == 0 && found.count == Self.tagBytes
    }
}
