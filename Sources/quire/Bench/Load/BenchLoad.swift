import ArgumentParser

/// `quire bench load`: how many operations a cluster of Quire, Redis or etcd takes, and how long they last.
struct BenchLoad: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put the same load on Quire, Redis Cluster or etcd, and measure rates and latencies.",
        discussion: """
            Closed loop without --rate: each client begins an operation when its last one was answered. With --rate, \
            operations arrive at random times that are fixed before, on average so many per second; one that finds no \
            free client waits for the first, and latency counts from the arrival (no coordinated omission).

            --fill puts every key once and ends. Gets of keys that are not there count as failures. Latencies are \
            those of operations that succeeded, and the ages of those that nobody answered.

            Exit code 0 whatever failed: the summary says it.
            """
    )

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Kind of server: quire, redis (a Redis Cluster) or etcd.")
    var target: LoadTarget

    @Option(name: .long, help: "Client ports HOST:PORT[,HOST:PORT…]; quire and redis are asked for all their nodes.")
    var address: String

    @Option(name: .long, help: "Shares of the kinds of operations.")
    var mix = LoadMix(put: 1, get: 1)

    @Option(name: .long, help: "Clients; each has one operation under way at a time.")
    var clients = 64

    @Option(name: .long, help: "Event loops of the generator, 1 or 2.")
    var threads = 1

    @Option(name: .long, help: "How long operations begin.")
    var seconds = 10.0

    @Option(name: .long, help: "Operations per second that arrive, over all clients (default: a closed loop).")
    var rate: Double?

    @Flag(name: .long, help: "Put every key once, and nothing else.")
    var fill = false

    @Option(name: .long, help: "Different keys.")
    var keys = 100_000

    @Option(name: .long, help: "Bytes of a value.")
    var valueBytes = 1024

    @Option(name: .long, help: "Which keys are preferred: uniform, or zipf:EXPONENT.")
    var distribution = KeyDistribution.uniform

    @Option(name: .long, help: "What choices and arrivals are drawn from.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "redis: replicas that WAIT must report before a put has succeeded; 0: no WAIT.")
    var wait = 0

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard (1...4096).contains(self.clients), (1...2).contains(self.threads), self.threads <= self.clients else {
            throw ValidationError("--clients must be in 1...4096, --threads 1 or 2 and not more than clients.")
        }
        guard (1...100_000_000).contains(self.keys), (1...1 << 20).contains(self.valueBytes) else {
            throw ValidationError("--keys must be in 1...100000000, --value-bytes in 1...\(1 << 20).")
        }
        guard self.seconds > 0, self.seconds <= 86_400, self.rate.map({ $0 > 0 && $0 <= 1e6 }) ?? true else {
            throw ValidationError("--seconds must be in 0...86400, --rate in 0...1000000, neither of them 0.")
        }
        guard (0...5).contains(self.wait), self.wait == 0 || self.target == .redis else {
            throw ValidationError("--wait must be in 0...5, and is for --target redis only.")
        }
        guard !self.fill || self.rate == nil else { throw ValidationError("--fill is a closed loop: no --rate.") }
    }

    func run() async throws {
        let settings = LoadRun.Settings(
            target: self.target,
            addresses: try ProxyAddress.list(self.address),
            clients: self.clients,
            threads: self.threads,
            keys: self.keys,
            valueBytes: self.valueBytes,
            mix: self.mix,
            distribution: self.distribution,
            seed: self.seed,
            rate: self.rate,
            duration: self.fill ? nil : .seconds(self.seconds),
            wait: self.wait
        )
        let before = ProcessorTime.seconds
        let tally = try await LoadRun(settings: settings).run()
        let summary = LoadSummary(tally, settings: settings, processorSeconds: ProcessorTime.seconds - before)
        try Report.result(summary, as: self.format) { summary.text }
    }
}
