import ArgumentParser
import Foundation

/// `quire bench writer`: writes steadily and keeps a journal of what was acknowledged.
struct BenchWriter: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "writer",
        abstract: "Write steadily, new keys and overwrites, and keep a journal of every acknowledged write.",
        discussion: """
            Ends after --seconds, or on SIGTERM or Ctrl-C, with a summary. A failed write is one that was not \
            acknowledged: it may survive or not. `quire bench check --journal FILE` proves that no acknowledged \
            one was lost. Exit code 0 whatever failed: the summary and the check say it.
            """
    )

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Different keys; each is written again and again.")
    var keys = 2000

    @Option(name: .long, help: "Stop after so many seconds (default: on a signal only).")
    var seconds: Int?

    @Flag(name: .long, help: "Run until SIGTERM or Ctrl-C (the default without --seconds).")
    var untilSignal = false

    @Option(name: .long, help: "The journal, a new file.")
    var journal: String

    @Option(name: .long, help: "Connections; each waits for an acknowledgement before its next write.")
    var connections = 2

    @Option(name: .long, help: "Writes per second at most, over all connections; 0 for as many as it takes.")
    var rate = 0

    @Option(name: .long, help: "Bytes of a value.")
    var valueBytes = 256

    @Option(name: .long, help: "What the keys begin with (default: drawn, so that runs do not mix).")
    var prefix: String?

    var format: OutputFormat { self.output.output == .text ? .json : self.output.output }

    func validate() throws {
        guard (1...256).contains(self.connections), self.keys >= self.connections, self.rate >= 0 else {
            throw ValidationError("--connections must be in 1...256, --keys at least that, --rate not negative.")
        }
        guard (WriterValue.bytesMin...1 << 20).contains(self.valueBytes) else {
            throw ValidationError("--value-bytes must be in \(WriterValue.bytesMin)...\(1 << 20).")
        }
        guard self.seconds == nil || !self.untilSignal else {
            throw ValidationError("Give --seconds or --until-signal, not both.")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        await stop.listen()
        let addresses = try self.proxy.addresses
        let run = self.prefix ?? "writer/" + String(UInt32.random(in: 0...UInt32.max), radix: 16)
        let writer = SteadyWriter(
            prefix: run,
            keyCount: self.keys,
            valueBytes: self.valueBytes,
            connectionCount: self.connections,
            pause: self.rate == 0 ? nil : .seconds(1) * self.connections / self.rate,
            deadline: self.seconds.map { ContinuousClock.now + .seconds($0) },
            journal: try WriteJournal(path: self.journal),
            stop: stop
        )
        let started = ContinuousClock.now
        let tally = try await withThrowingTaskGroup(of: SteadyWriter.Tally.self) { group in
            for index in 0..<self.connections {
                group.addTask { try await writer.run(index, ProxySession(addresses, offset: index)) }
            }
            return try await group.reduce(into: SteadyWriter.Tally()) { $0.add($1) }
        }
        try await writer.journal.flush()
        let summary = WriterSummary(tally, seconds: (ContinuousClock.now - started).seconds)
        try Report.result(summary, as: self.format) { "" }
    }
}

/// What the background writer says at its end.
struct WriterSummary: Encodable {
    let acknowledged: Int
    let failed: Int
    let keys: Int
    let seconds: Double
    let writesPerSecond: Double
    let medianMilliseconds: Double
    let p99Milliseconds: Double
    let slowestMilliseconds: Double
    /// The first of the failures, as they were reported.
    let failures: [String]

    init(_ tally: SteadyWriter.Tally, seconds: Double) {
        self.acknowledged = tally.acknowledged
        self.failed = tally.failed
        self.keys = tally.keys
        self.seconds = seconds.toHundredths
        self.writesPerSecond = seconds > 0 ? (Double(tally.acknowledged) / seconds).toHundredths : 0
        self.medianMilliseconds = tally.latency.quantile(0.5).toHundredths
        self.p99Milliseconds = tally.latency.quantile(0.99).toHundredths
        self.slowestMilliseconds = tally.latency.slowestMilliseconds.toHundredths
        self.failures = tally.failures
    }
}
