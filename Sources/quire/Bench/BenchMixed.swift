import ArgumentParser
import Foundation

/// `quire bench mixed`: many clients, all verbs, every operation journaled with what it had read.
struct BenchMixed: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "mixed",
        abstract: "Put a mixed load on a cluster and journal every operation, for `quire bench judge`.",
        discussion: """
            Plain SET, DEL and GET on keys of one client each; puts and deletions with contexts, sets of unique \
            elements and counters by read-modify-write on keys that all clients share. Each client has one \
            connection and goes to the next node when it breaks or stays silent. A request is sent once.

            Ends after --seconds, or on SIGTERM or Ctrl-C, with a summary. Exit code 0 whatever failed: the judge \
            decides what may.
            """
    )

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Directory of the histories; created when missing, must hold none.")
    var journal: String

    @Option(name: .long, help: "Stop after so many seconds (default: on a signal only).")
    var seconds: Int?

    @Option(name: .long, help: "Clients; each waits for an answer before its next request.")
    var clients = 8

    @Option(name: .long, help: "Keys of each kind: shared ones, and plain ones of each client.")
    var keys = 50

    @Option(name: .long, help: "Operations per second at most, over all clients; 0 for as many as it takes.")
    var rate = 400

    @Option(name: .long, help: "Bytes of a value, at least; sets and counters grow beyond.")
    var valueBytes = 128

    @Option(name: .long, help: "What the clients draw their choices from (default: drawn).")
    var seed: UInt64?

    @Option(
        name: .long,
        help: "What the keys begin with, letters, digits, hyphens (default: drawn, so that runs do not mix)."
    )
    var prefix: String?

    var format: OutputFormat { self.output.output == .text ? .json : self.output.output }

    func validate() throws {
        guard (1...256).contains(self.clients), (1...100_000).contains(self.keys), self.rate >= 0 else {
            throw ValidationError("--clients must be in 1...256, --keys in 1...100000, --rate not negative.")
        }
        guard (0...1 << 20).contains(self.valueBytes) else {
            throw ValidationError("--value-bytes must be in 0...\(1 << 20).")
        }
        guard self.prefix.map({ !$0.isEmpty && $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" } }) ?? true
        else {
            throw ValidationError("--prefix must consist of letters, digits and hyphens.")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        await stop.listen()
        do {
            try FileManager.default.createDirectory(atPath: self.journal, withIntermediateDirectories: true)
        } catch {
            throw CommandFailure("unwritable", "cannot create \(self.journal): \(FailureReason.words(error))")
        }
        let started = ContinuousClock.now
        let load = MixedLoad(
            settings: MixedLoad.Settings(
                run: self.prefix ?? "mixed-" + String(UInt32.random(in: 0...UInt32.max), radix: 16),
                seed: self.seed ?? UInt64.random(in: 0...UInt64.max),
                clients: self.clients,
                keys: self.keys,
                valueBytes: self.valueBytes,
                pause: self.rate == 0 ? nil : .seconds(1) * self.clients / self.rate,
                deadline: self.seconds.map { started + .seconds($0) }
            ),
            directory: self.journal,
            addresses: try self.proxy.addresses,
            stop: stop
        )
        let tally = try await load.run()
        let summary = MixedSummary(tally, seconds: (ContinuousClock.now - started).seconds)
        try Report.result(summary, as: self.format) { "" }
    }
}

/// What a mixed load says at its end.
struct MixedSummary: Encodable {
    let acknowledged: Int
    let unknown: Int
    let failed: Int
    let reads: Int
    let failedReads: Int
    let seconds: Double
    let operationsPerSecond: Double
    let medianMilliseconds: Double
    let p99Milliseconds: Double
    let p999Milliseconds: Double
    let slowestMilliseconds: Double
    /// How often each kind of failure was met.
    let failures: [String: Int]

    init(_ tally: MixedLoad.Tally, seconds: Double) {
        let done = tally.acknowledged + tally.reads
        self.acknowledged = tally.acknowledged
        self.unknown = tally.unknown
        self.failed = tally.failed
        self.reads = tally.reads
        self.failedReads = tally.failedReads
        self.seconds = seconds.toHundredths
        self.operationsPerSecond = seconds > 0 ? (Double(done) / seconds).toHundredths : 0
        self.medianMilliseconds = tally.latency.quantile(0.5).toHundredths
        self.p99Milliseconds = tally.latency.quantile(0.99).toHundredths
        self.p999Milliseconds = tally.latency.quantile(0.999).toHundredths
        self.slowestMilliseconds = tally.latency.slowestMilliseconds.toHundredths
        self.failures = tally.failures
    }
}
