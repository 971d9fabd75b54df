/// Counts durations in buckets that grow with them: a percentile is at most an eighth above the true value.
///
/// Bucket `i` holds whole microseconds: 0...7 one each, then eight buckets per power of two, up to about an hour.
package struct DurationHistogram: Sendable, Equatable {
    private static let bucketCount = 8 * 30

    package private(set) var count = 0
    private var buckets: [Int]

    package init() {
        self.buckets = []
    }

    package var isEmpty: Bool { self.count == 0 }

    package mutating func record(_ duration: Duration) {
        if self.buckets.isEmpty {
            self.buckets = Array(repeating: 0, count: Self.bucketCount)
        }
        self.buckets[Self.bucket(of: duration)] += 1
        self.count += 1
    }

    package mutating func merge(_ other: DurationHistogram) {
        guard !other.isEmpty else { return }
        if self.isEmpty {
            self = other
            return
        }
        for index in self.buckets.indices {
            self.buckets[index] += other.buckets[index]
        }
        self.count += other.count
    }

    /// The upper end of the bucket below which the given part of all durations lies; `nil` when there are none.
    ///
    /// - Parameter part: In `0...1`: 0.99 for p99.
    package func percentile(_ part: Double) -> Duration? {
        guard self.count > 0 else { return nil }
        let rank = max(1, Int((Double(self.count) * part).rounded(.up)))
        var seen = 0
        for (index, number) in self.buckets.enumerated() {
            seen += number
            if seen >= rank { return Self.upperEnd(of: index) }
        }
        return Self.upperEnd(of: Self.bucketCount - 1)
    }

    private static func bucket(of duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        guard seconds < 3600 else { return self.bucketCount - 1 }
        let microseconds = max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        guard microseconds >= 8 else { return Int(microseconds) }
        let power = 63 - microseconds.leadingZeroBitCount
        let eighth = Int(microseconds >> (power - 3) & 7)
        return min(8 * (power - 2) + eighth, self.bucketCount - 1)
    }

    private static func upperEnd(of bucket: Int) -> Duration {
        guard bucket >= 8 else { return .microseconds(bucket + 1) }
        let power = bucket / 8 + 2
        return .microseconds((bucket % 8 + 9) << (power - 3))
    }
}
