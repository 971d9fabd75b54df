/// What an event loop's part of a load has counted.
struct LoadTally: Sendable {
    struct Part: Sendable {
        var succeeded = 0
        var latency = LatencyHistogram()

        mutating func add(_ other: Part) {
            self.succeeded += other.succeeded
            self.latency.add(other.latency)
        }
    }

    var puts = Part()
    var gets = Part()
    /// By their words.
    var failures: [String: Int] = [:]
    /// From the first operation to the last answer, or to the moment at which it was waited for no longer.
    var nanoseconds: Int64 = 0

    mutating func ended(_ kind: LoadOperation.Kind, _ outcome: LoadOutcome, nanoseconds: Int64) {
        switch (outcome, kind) {
        case (.failed(let words), _):
            self.failures[words, default: 0] += 1
        case (.succeeded, .put):
            self.puts.succeeded += 1
            self.puts.latency.record(nanoseconds: nanoseconds)
        case (.succeeded, .get):
            self.gets.succeeded += 1
            self.gets.latency.record(nanoseconds: nanoseconds)
        }
    }

    /// An operation that nobody has answered: a failure whose age counts among the latencies, so that a server does not
    /// look faster for what it has left lying.
    mutating func unanswered(_ kind: LoadOperation.Kind, nanoseconds: Int64) {
        self.failures["unanswered", default: 0] += 1
        switch kind {
        case .put: self.puts.latency.record(nanoseconds: nanoseconds)
        case .get: self.gets.latency.record(nanoseconds: nanoseconds)
        }
    }

    mutating func add(_ other: LoadTally) {
        self.puts.add(other.puts)
        self.gets.add(other.gets)
        self.failures.merge(other.failures) { $0 + $1 }
        self.nanoseconds = max(self.nanoseconds, other.nanoseconds)
    }
}
