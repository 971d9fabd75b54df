import Crypto

/// Digests the records of one cluster for its Merkle leaves, keyed with the cluster's secret.
///
/// A leaf is the sum of its records' digests: independent of order and updated in O(1). A client that could
/// predict digests could forge colliding sums, hence the key (SAFETY rule 19).
package struct RecordDigester: Sendable {
    /// A block of SHA-256.
    private static let blockBytes = 64

    /// HMAC (RFC 2104) spelled out: both hashes with the key taken in, so that this is done once and not for each record.
    private let inner: SHA256
    private let outer: SHA256

    package init(secret: [UInt8]) {
        let key = secret.count > Self.blockBytes ? Array(SHA256.hash(data: secret)) : secret
        let block = key + [UInt8](repeating: 0, count: Self.blockBytes - key.count)
        var inner = SHA256()
        inner.update(data: block.map { $0 ^ 0x36 })
        var outer = SHA256()
        outer.update(data: block.map { $0 ^ 0x5C })
        self.inner = inner
        self.outer = outer
    }

    /// The first 128 bits of HMAC-SHA256 over: key length (2 bytes, big-endian), key, encoded record.
    package func digest(key: Key, encodedRecord: [UInt8]) -> UInt128 {
        encodedRecord.withUnsafeBytes { self.digest(key: key, encodedRecord: $0) }
    }

    /// The same, of a record that lies somewhere else.
    package func digest(key: Key, encodedRecord: UnsafeRawBufferPointer) -> UInt128 {
        var hash = self.inner
        // By buffers: this runs for every record that is written, compared, or checked.
        withUnsafeBytes(of: UInt16(key.bytes.count).bigEndian) { hash.update(bufferPointer: $0) }
        key.bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        hash.update(bufferPointer: encodedRecord)
        var outer = self.outer
        hash.finalize().withUnsafeBytes { outer.update(bufferPointer: $0) }
        return outer.finalize().withUnsafeBytes { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) }
    }
}

/// The leaves of one partition replica: which of 1024 key-hash ranges hold the same records elsewhere.
///
/// Fixed partitions: leaves are never recomputed when membership changes (Dynamo §4.7, §6.2).
package struct MerkleLeaves: Hashable, Sendable {
    package static let count = 1024

    package private(set) var sums: [UInt128]

    package init() {
        self.sums = Array(repeating: 0, count: Self.count)
    }

    /// - Returns: `nil` unless there are exactly 1024 sums.
    package init?(sums: [UInt128]) {
        guard sums.count == Self.count else { return nil }
        self.sums = sums
    }

    /// The top ten bits of the hash.
    package static func leaf(of hash: KeyHash) -> Int {
        Int(hash.rawValue >> 54)
    }

    /// Replaces what one key contributes; 0 stands for "no record".
    package mutating func replace(_ old: UInt128, with new: UInt128, at hash: KeyHash) {
        let leaf = Self.leaf(of: hash)
        self.sums[leaf] = self.sums[leaf] &- old &+ new
    }

    /// One digest over all leaves: equal roots mean equal records.
    package var root: [UInt8] {
        var hash = SHA256()
        for sum in self.sums {
            withUnsafeBytes(of: sum.bigEndian) { hash.update(data: $0) }
        }
        return Array(hash.finalize())
    }

    /// The leaves whose records differ.
    package func differences(from other: MerkleLeaves) -> [Int] {
        (0..<Self.count).filter { self.sums[$0] != other.sums[$0] }
    }
}
