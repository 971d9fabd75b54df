/// One of 16384 places in the hash space: CRC16-XMODEM of the key, as every Redis Cluster client computes it.
package struct Slot: Hashable, Sendable, Comparable {
    package static let count = 16384

    package let rawValue: Int

    package init(rawValue: Int) {
        precondition((0..<Self.count).contains(rawValue), "slot \(rawValue)")
        self.rawValue = rawValue
    }

    /// The slot of a key, or of the part between its first `{` and the next `}` when that is not empty, so
    /// that related keys can be kept together.
    package init(_ key: Key) {
        self.rawValue = Int(CRC16.xmodem(Self.hashed(key.bytes))) % Self.count
    }

    package static func < (left: Slot, right: Slot) -> Bool {
        left.rawValue < right.rawValue
    }

    private static func hashed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        guard let open = bytes.firstIndex(of: UInt8(ascii: "{")) else { return bytes[...] }
        let tail = bytes[(open + 1)...]
        guard let close = tail.firstIndex(of: UInt8(ascii: "}")), close > open + 1 else { return bytes[...] }
        return bytes[open + 1..<close]
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected; "123456789" gives 0x31C3.
package enum CRC16 {
    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { value, _ in
            value & 0x8000 != 0 ? value << 1 ^ 0x1021 : value << 1
        }
    }

    package static func xmodem(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0) { $0 << 8 ^ Self.table[Int($0 >> 8) ^ Int($1)] }
    }
}
