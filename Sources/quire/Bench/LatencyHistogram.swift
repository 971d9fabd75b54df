import Histogram

/// Latencies in an HdrHistogram: quantiles within a thousandth, from a microsecond to an hour, in constant memory.
struct LatencyHistogram: Sendable {
    private static let longestNanoseconds: UInt64 = 3_600_000_000_000

    private var histogram = Histogram<UInt32>(
        lowestDiscernibleValue: 1000,
        highestTrackableValue: Self.longestNanoseconds,
        numberOfSignificantValueDigits: .three
    )

    var isEmpty: Bool { self.histogram.totalCount == 0 }

    /// Exactly, where it is less than an hour.
    var slowestMilliseconds: Double {
        self.isEmpty ? 0 : Double(self.histogram.maxRecorded) / 1e6
    }

    /// - Parameter nanoseconds: More than an hour counts as an hour.
    mutating func record(nanoseconds: Int64) {
        self.histogram.record(min(UInt64(max(nanoseconds, 0)), Self.longestNanoseconds))
    }

    mutating func record(milliseconds: Double) {
        self.record(nanoseconds: Int64(milliseconds * 1e6))
    }

    mutating func add(_ other: LatencyHistogram) {
        self.histogram.add(other.histogram)
    }

    /// - Returns: In milliseconds; 0 when nothing was recorded.
    func quantile(_ fraction: Double) -> Double {
        guard !self.isEmpty else { return 0 }
        return min(Double(self.histogram.valueAtPercentile(fraction * 100)) / 1e6, self.slowestMilliseconds)
    }
}
