/// What the request path went through in a short time: gathered by each event loop on its own, then handed to
/// the admission controller in one piece.
package struct ForegroundSample: Sendable, Equatable {
    /// From a client's request to its answer.
    package var latency = DurationHistogram()
    /// From handing a command to storage until it was answered.
    package var storageWait = DurationHistogram()
    /// Storage operations that failed, were refused for lack of room or did not end in time (Dynamo §6.5).
    package var failures = 0

    package init() {}

    /// How many there were at least: a replica that no client asks has its part in what others coordinate.
    var operations: Int { max(self.latency.count, self.storageWait.count) }

    package var isEmpty: Bool { self.latency.isEmpty && self.storageWait.isEmpty && self.failures == 0 }

    package mutating func merge(_ other: ForegroundSample) {
        self.latency.merge(other.latency)
        self.storageWait.merge(other.storageWait)
        self.failures += other.failures
    }
}

/// The samples of the last minute, in buckets of a few seconds.
struct ForegroundWindow: Sendable {
    private let bucketLength: Duration
    private let bucketCount: Int
    /// Ascending by number; at most `bucketCount`.
    private var buckets: [(number: Int64, sample: ForegroundSample)] = []

    init(length: Duration, bucketLength: Duration) {
        precondition(bucketLength > .zero && length >= bucketLength, "a window of \(length) in \(bucketLength)")
        self.bucketLength = bucketLength
        self.bucketCount = max(1, Int(length / bucketLength))
    }

    func bucketNumber(_ now: Duration) -> Int64 {
        Int64(now / self.bucketLength)
    }

    mutating func add(_ sample: ForegroundSample, now: Duration) {
        let number = self.bucketNumber(now)
        if self.buckets.last.map({ $0.number < number }) ?? true {
            self.buckets.append((number, ForegroundSample()))
        }
        // Time never goes back; a sample that lingered belongs to the newest bucket.
        self.buckets[self.buckets.count - 1].sample.merge(sample)
        self.forget(before: number)
    }

    /// Everything within the window.
    mutating func all(now: Duration) -> ForegroundSample {
        self.forget(before: self.bucketNumber(now))
        return self.merged(self.buckets[...])
    }

    /// The present bucket and the last full one.
    func latest(now: Duration) -> ForegroundSample {
        let number = self.bucketNumber(now)
        return self.merged(self.buckets.suffix(2).filter { $0.number >= number - 1 }[...])
    }

    private mutating func forget(before number: Int64) {
        let oldest = number - Int64(self.bucketCount)
        if let first = self.buckets.first, first.number <= oldest {
            self.buckets.removeAll { $0.number <= oldest }
        }
    }

    private func merged(_ buckets: ArraySlice<(number: Int64, sample: ForegroundSample)>) -> ForegroundSample {
        var result = ForegroundSample()
        for bucket in buckets {
            result.merge(bucket.sample)
        }
        return result
    }
}
