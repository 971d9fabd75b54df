/// A moment that orders plain writes: wall-clock milliseconds in the upper 48 bits, a logical counter below.
///
/// It decides only which sibling a plain read shows and which siblings a plain write supersedes; causality is
/// the business of dots alone.
package struct HybridTimestamp: Hashable, Sendable, Comparable {
    package static let zero = HybridTimestamp(rawValue: 0)

    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(wallMilliseconds: UInt64, logical: UInt16 = 0) {
        self.rawValue = (wallMilliseconds & 0xFFFF_FFFF_FFFF) << 16 | UInt64(logical)
    }

    /// Milliseconds since 1970.
    package var wallMilliseconds: UInt64 { self.rawValue >> 16 }

    package static func < (left: HybridTimestamp, right: HybridTimestamp) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// A clock whose timestamps only grow, stay close to the wall clock, and exceed every timestamp it has seen.
package struct HybridClock: Sendable {
    /// A timestamp this far ahead of the local wall clock is refused instead of adopted.
    package let offsetMillisecondsMax: UInt64
    private var latest = HybridTimestamp.zero

    package init(offsetMillisecondsMax: UInt64 = 500) {
        self.offsetMillisecondsMax = offsetMillisecondsMax
    }

    /// A timestamp greater than any this clock has issued or observed.
    package mutating func tick(wallMilliseconds: UInt64) -> HybridTimestamp {
        let wall = HybridTimestamp(wallMilliseconds: wallMilliseconds)
        self.latest = wall > self.latest ? wall : HybridTimestamp(rawValue: self.latest.rawValue + 1)
        return self.latest
    }

    /// Takes note of a timestamp from elsewhere.
    ///
    /// - Returns: `false` when it lies too far in the future to be adopted; the clock is then unchanged.
    package mutating func observe(_ timestamp: HybridTimestamp, wallMilliseconds: UInt64) -> Bool {
        guard timestamp.wallMilliseconds <= wallMilliseconds + self.offsetMillisecondsMax else { return false }
        self.latest = max(self.latest, timestamp)
        return true
    }
}
