import ArgumentParser

/// What the comparison of two clusters found.
struct ComparisonTally: Encodable, Sendable, Equatable {
    var sourceKeys = 0
    var targetKeys = 0
    var equal = 0
    /// Bytes of equal keys and values.
    var bytes = 0
    var differing = 0
    var missingInTarget = 0
    var extraInTarget = 0
    var seconds = 0.0

    var differences: Int { self.differing + self.missingInTarget + self.extraInTarget }
}

/// `quire kv compare`.
struct KVCompare: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compare every key of two clusters byte for byte, both ways.",
        discussion: "Exit code 1 on any difference. Meant for clusters that nobody writes to meanwhile."
    )

    @Option(name: .long, help: "Proxy ports of the source, HOST:PORT[,HOST:PORT…].")
    var source: String

    @Option(name: .long, help: "Proxy ports of the target.")
    var target: String

    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let source = ProxySession(try ProxyAddress.list(self.source))
        let target = ProxySession(try ProxyAddress.list(self.target))
        let started = ContinuousClock.now
        var comparison = Comparison(
            sourceValues: ProxySession(try ProxyAddress.list(self.source), offset: 1),
            targetValues: ProxySession(try ProxyAddress.list(self.target), offset: 1),
            progress: ProgressReporter(label: "compare", output: self.output)
        )
        try await comparison.compareSource(KeyScan(source))
        try await comparison.findExtras(KeyScan(target))
        comparison.tally.seconds = (ContinuousClock.now - started).seconds
        try await self.conclude(comparison)
    }

    private func conclude(_ comparison: Comparison) async throws {
        let tally = comparison.tally
        for line in comparison.examples { Console.err(line) }
        try Report.result(tally, as: self.format) {
            "compared \(Quantity.count(tally.sourceKeys)) keys of the source with \(Quantity.count(tally.targetKeys)) "
                + "of the target in \(Quantity.duration(seconds: tally.seconds)): "
                + "\(Quantity.count(tally.equal)) equal (\(Quantity.bytes(tally.bytes))), "
                + "\(tally.differing) differing, \(tally.missingInTarget) missing, \(tally.extraInTarget) extra"
        }
        if tally.differences > 0 { throw QuietExit(status: .failed) }
    }
}

/// The two passes of a comparison.
struct Comparison {
    private static let examplesMax = 20
    private static let patience = Duration.seconds(30)

    let sourceValues: ProxySession
    let targetValues: ProxySession
    let progress: ProgressReporter
    var tally = ComparisonTally()
    private(set) var examples: [String] = []
    /// Hashes of the keys that the scan of the source has shown, because a scan may show a key twice.
    private var sourceSeen: Set<[UInt8]> = []

    init(sourceValues: ProxySession, targetValues: ProxySession, progress: ProgressReporter) {
        self.sourceValues = sourceValues
        self.targetValues = targetValues
        self.progress = progress
    }

    /// Every key of the source is in the target with the same bytes.
    mutating func compareSource(_ scan: KeyScan) async throws {
        var scan = scan
        while let page = try await scan.nextPage() {
            let keys = page.filter { self.sourceSeen.insert($0).inserted }
            async let expected = KeyReader.values(of: keys, self.sourceValues, patience: Self.patience)
            async let found = KeyReader.values(of: keys, self.targetValues, patience: Self.patience)
            let (left, right) = (try await expected, try await found)
            for index in keys.indices { self.compared(keys[index], left[index], right[index]) }
            await self.progress.update(
                ProgressLine(done: self.tally.sourceKeys, total: nil, unit: .items("keys compared"))
            )
        }
        await self.progress.finish(
            ProgressLine(done: self.tally.sourceKeys, total: nil, unit: .items("keys compared"))
        )
    }

    /// Every key of the target was in the source.
    mutating func findExtras(_ scan: KeyScan) async throws {
        var scan = scan
        var seen: Set<[UInt8]> = []
        while let page = try await scan.nextPage() {
            for key in page where seen.insert(key).inserted {
                self.tally.targetKeys += 1
                guard !self.sourceSeen.contains(key) else { continue }
                self.tally.extraInTarget += 1
                self.note("extra in the target", key)
            }
        }
    }

    private mutating func compared(_ key: [UInt8], _ expected: [UInt8]?, _ found: [UInt8]?) {
        self.tally.sourceKeys += 1
        if expected == found {
            self.tally.equal += 1
            self.tally.bytes += key.count + (expected?.count ?? 0)
        } else if found == nil {
            self.tally.missingInTarget += 1
            self.note("missing in the target", key)
        } else {
            self.tally.differing += 1
            self.note("differs", key)
        }
    }

    private mutating func note(_ what: String, _ key: [UInt8]) {
        guard self.examples.count < Self.examplesMax else { return }
        self.examples.append("\(what): \(String(decoding: key, as: UTF8.self))")
    }
}
