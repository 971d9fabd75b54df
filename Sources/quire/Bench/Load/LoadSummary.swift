/// What a load says at its end.
struct LoadSummary: Encodable {
    /// Latencies of the operations of one kind, in milliseconds.
    struct Latency: Encodable {
        let operations: Int
        let operationsPerSecond: Double
        let p50Milliseconds: Double
        let p90Milliseconds: Double
        let p99Milliseconds: Double
        let p999Milliseconds: Double
        let maxMilliseconds: Double

        init(_ part: LoadTally.Part, seconds: Double) {
            self.operations = part.succeeded
            self.operationsPerSecond = (Double(part.succeeded) / seconds).toHundredths
            self.p50Milliseconds = part.latency.quantile(0.5).toThousandths
            self.p90Milliseconds = part.latency.quantile(0.9).toThousandths
            self.p99Milliseconds = part.latency.quantile(0.99).toThousandths
            self.p999Milliseconds = part.latency.quantile(0.999).toThousandths
            self.maxMilliseconds = part.latency.slowestMilliseconds.toThousandths
        }
    }

    let target: String
    let clients: Int
    let seconds: Double
    /// `nil` for a closed loop.
    let offeredPerSecond: Double?
    /// That succeeded.
    let operations: Int
    let operationsPerSecond: Double
    /// How often each kind of failure was met.
    let failures: [String: Int]
    let put: Latency?
    let get: Latency?
    /// What the generator itself has used of the machine that it may share with the servers.
    let generatorProcessorSeconds: Double

    init(_ tally: LoadTally, settings: LoadRun.Settings, processorSeconds: Double) {
        let seconds = max(Double(tally.nanoseconds) / 1e9, 1e-9)
        self.target = settings.target.rawValue
        self.clients = settings.clients
        self.seconds = seconds.toThousandths
        self.offeredPerSecond = settings.rate
        self.operations = tally.puts.succeeded + tally.gets.succeeded
        self.operationsPerSecond = (Double(self.operations) / seconds).toHundredths
        self.failures = tally.failures
        self.put = tally.puts.latency.isEmpty ? nil : Latency(tally.puts, seconds: seconds)
        self.get = tally.gets.latency.isEmpty ? nil : Latency(tally.gets, seconds: seconds)
        self.generatorProcessorSeconds = processorSeconds.toThousandths
    }

    var text: String {
        var table = TextTable([
            ("", .left), ("operations", .right), ("per s", .right), ("p50 ms", .right), ("p90 ms", .right),
            ("p99 ms", .right), ("p99.9 ms", .right), ("max ms", .right),
        ])
        for (name, latency) in [("put", self.put), ("get", self.get)] {
            guard let latency else { continue }
            let times = [
                latency.p50Milliseconds, latency.p90Milliseconds, latency.p99Milliseconds, latency.p999Milliseconds,
                latency.maxMilliseconds,
            ]
            table.append(
                [name, "\(latency.operations)", "\(Int(latency.operationsPerSecond))"] + times.map { "\($0)" }
            )
        }
        let failed = self.failures.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }
        return [
            table.rendered(),
            "failed: " + (failed.isEmpty ? "none" : failed.joined(separator: ", ")),
            "generator: \(self.generatorProcessorSeconds) s of processor time in \(self.seconds) s",
        ].joined(separator: "\n")
    }
}
