import ArgumentParser

/// The input file and the connections of `kv load` and `kv verify`.
struct DatasetOptions: ParsableArguments {
    @Argument(help: "The input file; `-` reads standard input.")
    var file: String

    @Option(name: .customLong("format"), help: "ndjson or deb822.")
    var inputFormat: DatasetFormat

    @Option(name: .long, help: "Connections, spread over the proxy ports.")
    var connections = 4

    @Option(name: .long, help: "Seconds to go on trying while no node answers or all are busy.")
    var patience = 60

    func validate() throws {
        guard (1...256).contains(self.connections) else {
            throw ValidationError("--connections must be in 1...256, not \(self.connections).")
        }
        guard self.patience >= 0 else { throw ValidationError("--patience must not be negative.") }
    }

    func pass(label: String, addresses: [ProxyAddress], output: OutputOptions) throws -> DatasetPass {
        let bytes = try FileByteSource(path: self.file)
        let sizeBytes = bytes.sizeBytes
        return DatasetPass(
            source: DatasetSource(DatasetReader(bytes, format: self.inputFormat)),
            totalBytes: sizeBytes,
            addresses: addresses,
            connectionCount: self.connections,
            progress: ProgressReporter(label: label, output: output)
        )
    }
}

/// `quire kv load FILE`.
struct KVLoad: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Store every entry of a file.",
        discussion: """
            ndjson: one object per line, {"key": "…", "value": "…"} or "value_base64" for bytes that are no text.

            deb822: paragraphs separated by blank lines (`apt-cache dumpavail`, /var/lib/dpkg/status). The key is \
            the Package field, the value the paragraph's exact bytes, the newline that ends its last line \
            included. When a file names a key twice, the later entry stays.

            Entries that cannot be used are counted and named by line; the others are stored, and the exit code \
            is 3. A broken connection is taken up again with the same data.
            """
    )

    @OptionGroup var dataset: DatasetOptions
    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let pass = try self.dataset.pass(label: "load", addresses: self.proxy.addresses, output: self.output)
        let patience = Duration.seconds(self.dataset.patience)
        let tally = try await pass.run { batch, session in
            try await Self.store(batch, session, source: pass.source, patience: patience)
        }
        await RefusalReport.show(pass.source)
        try Report.result(tally, as: self.format) {
            "loaded \(Quantity.count(tally.keys)) keys, \(Quantity.bytes(tally.bytes)) in "
                + "\(Quantity.duration(seconds: tally.seconds)): "
                + "\(Quantity.rate(bytes: tally.bytes, seconds: tally.seconds)), "
                + "\(Quantity.rate(count: tally.keys, seconds: tally.seconds)); "
                + "\(tally.retries) retries, \(tally.refused) refused"
        }
        if tally.refused > 0 { throw QuietExit(status: .partial) }
    }

    /// Stores a batch; entries that a node was too busy for are sent again, those that it refuses are noted.
    private static func store(
        _ batch: DatasetSource.Batch,
        _ session: ProxySession,
        source: DatasetSource,
        patience: Duration
    ) async throws -> DatasetTally {
        var tally = DatasetTally()
        var entries = batch.entries
        let deadline = ContinuousClock.now + patience
        while !entries.isEmpty {
            let commands = entries.map { [Array("SET".utf8), $0.key, $0.value] }
            let replies = try await session.send(commands, patience: patience)
            var again: [DatasetEntry] = []
            for (entry, reply) in zip(entries, replies) {
                if reply.isRetriable, ContinuousClock.now < deadline {
                    again.append(entry)
                } else if case .error(let text) = reply {
                    await source.refuse(line: entry.line, reason: text)
                } else {
                    tally.keys += 1
                    tally.bytes += entry.key.count + entry.value.count
                }
            }
            tally.retries += again.count
            entries = again
            if !again.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
        }
        return tally
    }
}

/// Names the entries that were not stored or compared, the first of them at least.
enum RefusalReport {
    static func show(_ source: DatasetSource, limit: Int = 20) async {
        let refusals = await source.refusals
        let count = await source.refusalCount
        for refusal in refusals.prefix(limit) { Console.err("line \(refusal.line): \(refusal.reason)") }
        if count > limit { Console.err("… and \(count - limit) more") }
    }
}
