import ArgumentParser
import Foundation

/// `quire bench judge`: whether what a quiet cluster holds can be the outcome of a mixed load.
struct BenchJudge: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "judge",
        abstract: "Re-read every key of a mixed load and judge it: nothing acknowledged lost, nothing deleted back.",
        discussion: """
            To be run when the load has ended and no fault is left. Exit code 1 on any violation. With --faults the \
            requests that failed are set against the moments of the faults; failures outside of the detection time \
            are counted, and are a violation only with --strict.
            """
    )

    private static let batchKeys = 100

    @OptionGroup var proxy: ProxyOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "The directory of `quire bench mixed`.")
    var journal: String

    @Option(name: .long, help: "A file that says when which fault began and ended: MICROSECONDS KIND NAMES.")
    var faults: String?

    @Option(name: .long, help: "Milliseconds after a fault or its end within which requests may fail.")
    var detection = 1000

    @Flag(name: .long, help: "A request that failed outside of every detection time is a violation.")
    var strict = false

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard (0...60_000).contains(self.detection) else {
            throw ValidationError("--detection must be in 0...60000 milliseconds.")
        }
    }

    func run() async throws {
        let started = ContinuousClock.now
        let history = try HistoryFiles.read(self.journal)
        var verdict = Verdict(history)
        try self.addDisturbances(of: history, to: &verdict)
        let session = ProxySession(try self.proxy.addresses)
        let keys = history.keys.keys.sorted()
        for start in stride(from: 0, to: keys.count, by: Self.batchKeys) {
            let batch = Array(keys[start..<min(start + Self.batchKeys, keys.count)])
            let found = try await FinalReader.siblings(of: batch, session)
            for (key, siblings) in zip(batch, found) {
                guard let own = history.keys[key] else { continue }
                verdict.siblingsMax = max(verdict.siblingsMax, siblings.count)
                verdict.add(HistoryJudge(key: key, history: own).findings(siblings))
            }
        }
        await session.close()
        verdict.seconds = (ContinuousClock.now - started).seconds
        let result = verdict
        try Report.result(result, as: self.format) { result.rendered() }
        guard result.acknowledged > 0 else {
            throw CommandFailure("empty_journal", "the histories hold no acknowledged write: nothing was proved")
        }
        if result.violationCount > 0 || (self.strict && result.failedOutside > 0) { throw QuietExit(status: .failed) }
    }

    private func addDisturbances(of history: History, to verdict: inout Verdict) throws {
        guard let path = self.faults else { return }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("unreadable", "cannot read \(path)")
        }
        let disturbances = try Disturbances(String(decoding: bytes, as: UTF8.self))
        let detection = self.detection * 1000
        verdict.effects = disturbances.effects(on: history.samples, detection: detection)
        verdict.failedOutside =
            history.samples.count { $0.isFailure && !disturbances.isExcused($0, detection: detection) }
    }
}

/// Reads what is left in the end: all siblings of a causal key, what a plain read shows of a plain one.
enum FinalReader {
    private static let patience = Duration.seconds(30)

    static func siblings(of keys: [String], _ session: ProxySession) async throws -> [[[UInt8]]] {
        var found: [[[UInt8]]?] = keys.map { _ in nil }
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let missing = keys.indices.filter { found[$0] == nil }
            if missing.isEmpty { return found.compactMap { $0 } }
            let commands = missing.map { index in
                let isPlain = LoadFamily(key: keys[index]) == .plain
                return [Array((isPlain ? "GET" : "QUIRE.GET").utf8), Array(keys[index].utf8)]
            }
            let replies = try await session.send(commands, patience: Self.patience)
            var refusal = ""
            for (index, reply) in zip(missing, replies) {
                switch reply {
                case .null: found[index] = []
                case .bytes(let bytes): found[index] = [bytes]
                case .error(let text): refusal = text
                case .array: found[index] = CausalReading(reply, key: keys[index])?.siblings
                case .integer: break
                }
            }
            guard ContinuousClock.now < deadline || !found.contains(where: { $0 == nil }) else {
                throw CommandFailure("unreadable", "some keys cannot be read: \(refusal)")
            }
            if found.contains(where: { $0 == nil }) { try await Task.sleep(for: .milliseconds(100)) }
        }
    }
}
