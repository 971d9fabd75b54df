/// Names one client write for its whole way through the cluster, retries included.
package struct RequestID: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// One immutable value of a key, as some client wrote it; or its deletion.
package struct Version: Hashable, Sendable {
    package let dot: Dot
    package let timestamp: HybridTimestamp
    package let request: RequestID
    /// `nil` is a tombstone.
    package let value: [UInt8]?
    /// Milliseconds since 1970 after which the version counts as a tombstone.
    package let expiryMilliseconds: UInt64?

    package init(
        dot: Dot,
        timestamp: HybridTimestamp,
        request: RequestID,
        value: [UInt8]?,
        expiryMilliseconds: UInt64? = nil
    ) {
        self.dot = dot
        self.timestamp = timestamp
        self.request = request
        self.value = value
        self.expiryMilliseconds = expiryMilliseconds
    }

    package var isTombstone: Bool { self.value == nil }

    /// Whether a plain read prefers this version to `other`: the later timestamp, ties by dot.
    package func wins(over other: Version) -> Bool {
        (self.timestamp, self.dot) > (other.timestamp, other.dot)
    }
}
