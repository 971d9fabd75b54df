/// When a run was disturbed, and by what: written by whoever causes the faults, read by the judge.
///
/// One line per fault and per its end, fields separated by spaces: microseconds since 1970, a word, then names.
///
/// ```
/// 1764056400123456 kill n3          1764056404000000 started n3
/// 1764056410000000 blackout         1764056413000000 light        between them no node serves
/// ```
struct Disturbances: Equatable {
    struct Disturbance: Equatable {
        let at: Int
        let kind: String
    }

    /// What clients noticed of one kind of disturbance.
    struct Effect: Encodable, Equatable {
        let kind: String
        let count: Int
        /// Requests that were under way during detection, and how many of them failed.
        let requests: Int
        let failed: Int
        let p99Milliseconds: Double
        let p999Milliseconds: Double
        let slowestMilliseconds: Double
    }

    private(set) var all: [Disturbance] = []
    /// From the moment at which nobody serves to the moment at which everybody should.
    private(set) var blackouts: [ClosedRange<Int>] = []

    init(_ text: String) throws {
        var dark: Int?
        for (index, line) in text.split(separator: "\n").enumerated() {
            let words = line.split(separator: " ")
            guard words.count >= 2, let at = Int(words[0]) else {
                throw CommandFailure("bad_faults", "line \(index + 1) of the faults does not say when and what")
            }
            self.all.append(Disturbance(at: at, kind: String(words[1])))
            if words[1] == "blackout" { dark = at }
            if words[1] == "light", let began = dark, began <= at {
                self.blackouts.append(began...at)
                dark = nil
            }
        }
    }

    /// - Parameter detection: Microseconds after a disturbance within which requests may fail.
    func isExcused(_ sample: History.Sample, detection: Int) -> Bool {
        if self.blackouts.contains(where: { $0.lowerBound <= sample.ended && sample.began <= $0.upperBound + detection }
        ) {
            return true
        }
        return self.all.contains { $0.at <= sample.ended && sample.began <= $0.at + detection }
    }

    /// By kind, in the order of their first appearance.
    func effects(on samples: [History.Sample], detection: Int) -> [Effect] {
        var kinds: [String] = []
        for disturbance in self.all where !kinds.contains(disturbance.kind) { kinds.append(disturbance.kind) }
        return kinds.map { kind in
            let own = self.all.filter { $0.kind == kind }
            var latency = LatencyHistogram()
            var failed = 0
            var requests = 0
            for sample in samples
            where own.contains(where: { $0.at <= sample.ended && sample.began <= $0.at + detection }) {
                requests += 1
                failed += sample.isFailure ? 1 : 0
                latency.record(milliseconds: Double(sample.took) / 1000)
            }
            return Effect(
                kind: kind,
                count: own.count,
                requests: requests,
                failed: failed,
                p99Milliseconds: latency.quantile(0.99),
                p999Milliseconds: latency.quantile(0.999),
                slowestMilliseconds: latency.slowestMilliseconds
            )
        }
    }
}
