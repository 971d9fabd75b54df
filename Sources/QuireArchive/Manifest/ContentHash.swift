internal import Crypto

/// A SHA-256 as 64 lowercase hexadecimal digits: the only form in which a hash enters a path.
package struct ContentHash: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let text: String

    /// - Returns: `nil` unless `text` is exactly 64 digits of `0-9a-f`.
    package init?(_ text: String) {
        guard text.utf8.count == 64, text.utf8.allSatisfy(Self.isDigit) else { return nil }
        self.text = text
    }

    /// The hash of these bytes.
    package init(of bytes: some Sequence<UInt8>) {
        self.init(digest: SHA256.hash(data: Array(bytes)))
    }

    /// A 32-byte digest that was computed elsewhere, a Merkle root for one.
    package init?(digestBytes: [UInt8]) {
        guard digestBytes.count == 32 else { return nil }
        self.text = Self.hexadecimal(digestBytes)
    }

    init(digest: SHA256.Digest) {
        self.text = Self.hexadecimal(digest)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let hash = ContentHash(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "a hash is 64 lowercase hexadecimal digits"
            )
        }
        self = hash
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }

    package var description: String { self.text }

    package static func < (left: ContentHash, right: ContentHash) -> Bool {
        left.text < right.text
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
