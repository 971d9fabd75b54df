import ArgumentParser

/// `quire kv verify FILE`.
struct KVVerify: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read every key of a file back and compare the bytes.",
        discussion: """
            Exit code 1 on any difference, 3 when parts of the file cannot be used. When the file names a key \
            twice, the last entry counts.
            """
    )

    @OptionGroup var dataset: DatasetOptions
    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let pass = try self.dataset.pass(label: "verify", addresses: self.proxy.addresses, output: self.output)
        let patience = Duration.seconds(self.dataset.patience)
        let findings = VerifyFindings()
        var tally = try await pass.run { batch, session in
            let values = try await KeyReader.values(of: batch.entries.map(\.key), session, patience: patience)
            var tally = DatasetTally()
            for (entry, value) in zip(batch.entries, values) {
                tally.keys += 1
                tally.bytes += entry.key.count + (value?.count ?? 0)
                await findings.compared(entry, with: value)
            }
            return tally
        }
        tally.missing = await findings.missing.count
        tally.differing = await findings.differing.count
        await RefusalReport.show(pass.source)
        try await self.conclude(tally, findings)
    }

    private func conclude(_ tally: DatasetTally, _ findings: VerifyFindings) async throws {
        for key in await findings.missing.sorted().prefix(10) { Console.err("missing: \(key)") }
        for key in await findings.differing.sorted().prefix(10) { Console.err("differs: \(key)") }
        try Report.result(tally, as: self.format) {
            "compared \(Quantity.count(tally.keys)) keys, \(Quantity.bytes(tally.bytes)) in "
                + "\(Quantity.duration(seconds: tally.seconds)): \(tally.missing) missing, "
                + "\(tally.differing) differing, \(tally.refused) unusable entries"
        }
        if tally.missing + tally.differing > 0 { throw QuietExit(status: .failed) }
        if tally.refused > 0 { throw QuietExit(status: .partial) }
    }
}

/// Keys that did not read back as the file has them. A later entry of the same key overrules an earlier one.
actor VerifyFindings {
    private(set) var missing: Set<String> = []
    private(set) var differing: Set<String> = []

    func compared(_ entry: DatasetEntry, with value: [UInt8]?) {
        let key = String(decoding: entry.key, as: UTF8.self)
        self.missing.remove(key)
        self.differing.remove(key)
        if value == nil {
            self.missing.insert(key)
        } else if value != entry.value {
            self.differing.insert(key)
        }
    }
}

/// Reads many keys with plain GETs, patiently.
enum KeyReader {
    /// - Returns: One per key, `nil` where there is no value.
    static func values(
        of keys: [[UInt8]],
        _ session: ProxySession,
        patience: Duration
    ) async throws -> [[UInt8]?] {
        var values = [[UInt8]?](repeating: nil, count: keys.count)
        var open = Array(keys.indices)
        let deadline = ContinuousClock.now + patience
        while !open.isEmpty {
            let replies = try await session.send(open.map { [Array("GET".utf8), keys[$0]] }, patience: patience)
            var again: [Int] = []
            for (index, reply) in zip(open, replies) {
                switch reply {
                case .bytes(let value): values[index] = value
                case .null: values[index] = nil
                case .error(let text):
                    guard reply.isRetriable, ContinuousClock.now < deadline else {
                        throw CommandFailure(text.prefix { $0 != " " }.lowercased(), text)
                    }
                    again.append(index)
                case .integer, .array: throw CommandFailure("bad_answer", "not a GET reply: \(reply.words)")
                }
            }
            open = again
            if !again.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
        }
        return values
    }
}
