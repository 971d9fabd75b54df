import Crypto

/// The name of a value: 1 to 1024 bytes.
package struct Key: Hashable, Sendable {
    package static let bytesMax = 1024

    package let bytes: [UInt8]

    /// - Returns: `nil` when the length is out of range.
    package init?(_ bytes: some Collection<UInt8>) {
        guard (1...Self.bytesMax).contains(bytes.count) else { return nil }
        self.bytes = Array(bytes)
    }

    package init?(_ text: String) {
        self.init(Array(text.utf8))
    }

    package var slot: Slot { Slot(self) }
    package var hash: KeyHash { KeyHash(self) }
}

/// The first eight bytes of a key's SHA-256, big-endian: places it in its Merkle leaf and orders scans.
package struct KeyHash: Hashable, Sendable, Comparable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(_ key: Key) {
        // By buffers: this runs for every request and for every row of a file that is checked.
        var hash = SHA256()
        key.bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        self.rawValue = hash.finalize().withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    package static func < (left: KeyHash, right: KeyHash) -> Bool {
        left.rawValue < right.rawValue
    }
}
