import Foundation

/// Latencies in buckets that grow by a tenth: quantiles within 10 %, from 10 µs to about an hour, in constant memory.
struct LatencyHistogram: Sendable {
    private static let growth = 1.1
    private static let firstMilliseconds = 0.01
    private static let bucketCount = 210

    private var counts = [Int](repeating: 0, count: Self.bucketCount)
    private(set) var slowestMilliseconds = 0.0

    mutating func record(milliseconds: Double) {
        self.slowestMilliseconds = max(self.slowestMilliseconds, milliseconds)
        let position = log(max(milliseconds, Self.firstMilliseconds) / Self.firstMilliseconds) / log(Self.growth)
        self.counts[min(Self.bucketCount - 1, Int(position))] += 1
    }

    mutating func add(_ other: LatencyHistogram) {
        for index in self.counts.indices { self.counts[index] += other.counts[index] }
        self.slowestMilliseconds = max(self.slowestMilliseconds, other.slowestMilliseconds)
    }

    /// - Returns: The upper bound of the bucket in which the quantile lies; 0 when nothing was recorded.
    func quantile(_ fraction: Double) -> Double {
        let total = self.counts.reduce(0, +)
        guard total > 0 else { return 0 }
        var rest = Int((Double(total) * fraction).rounded(.up))
        for (index, count) in self.counts.enumerated() {
            rest -= count
            if rest <= 0 {
                return min(self.slowestMilliseconds, Self.firstMilliseconds * pow(Self.growth, Double(index + 1)))
            }
        }
        return self.slowestMilliseconds
    }
}
