import ArgumentParser

/// What the check of a journal found.
struct CheckSummary: Encodable, Equatable {
    var writes = 0
    var keys = 0
    /// Keys with nothing, or with the bytes of no write.
    var lost = 0
    /// Keys with a write older than the newest acknowledged one.
    var older = 0
    /// Keys with a write that was not acknowledged and survived: allowed.
    var newer = 0
    var seconds = 0.0
}

/// `quire bench check`: re-reads every acknowledged write.
struct BenchCheck: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Re-read every write that a journal calls acknowledged.",
        discussion: "Exit code 1 when one is lost, or only an older write of its key is left."
    )

    private static let batchKeys = 200

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "The journal of `quire bench writer`.")
    var journal: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let started = ContinuousClock.now
        let journal = try WriteJournal.read(try FileByteSource(path: self.journal))
        let session = ProxySession(try self.proxy.addresses)
        var summary = CheckSummary(writes: journal.writeCount, keys: journal.newest.count)
        let keys = journal.newest.keys.sorted()
        for start in stride(from: 0, to: keys.count, by: Self.batchKeys) {
            let batch = Array(keys[start..<min(start + Self.batchKeys, keys.count)])
            let values = try await KeyReader.values(
                of: batch.map { Array($0.utf8) },
                session,
                patience: .seconds(30)
            )
            for (key, value) in zip(batch, values) {
                summary.checked(key, value, newest: journal.newest[key] ?? 0)
            }
        }
        await session.close()
        summary.seconds = (ContinuousClock.now - started).seconds
        let result = summary
        try Report.result(result, as: self.format) {
            "\(Quantity.count(result.writes)) acknowledged writes to \(Quantity.count(result.keys)) keys: "
                + "\(result.lost) lost, \(result.older) older than acknowledged, \(result.newer) newer"
        }
        guard !keys.isEmpty else {
            throw CommandFailure("empty_journal", "the journal holds no acknowledged write: nothing was proved")
        }
        if result.lost + result.older > 0 { throw QuietExit(status: .failed) }
    }
}

extension CheckSummary {
    /// Judges what was read under a key.
    mutating func checked(_ key: String, _ value: [UInt8]?, newest: Int) {
        guard let value, let found = WriterValue.sequence(of: value, key: key) else {
            self.lost += 1
            return Console.err("lost: \(key), write \(newest) was acknowledged")
        }
        if found < newest {
            self.older += 1
            Console.err("older: \(key) has write \(found), write \(newest) was acknowledged")
        } else if found > newest {
            self.newer += 1
        }
    }
}
