import Foundation
import QuireClient
import Testing

extension EndToEndTests {
    /// Failures of real processes under a mixed load, and a judge that re-reads everything afterwards.
    @Suite struct ChaosTests {
        /// What `quire bench judge` prints, as far as these tests look.
        private struct Verdict: Decodable {
            struct Effect: Decodable {
                var kind: String
                var count: Int
                var requests: Int
                var failed: Int
                var p999Milliseconds: Double
            }

            var acknowledged: Int
            var requests: Int
            var failedOutside: Int
            var findings: [String]
            var effects: [Effect]
        }

        private struct Summary: Decodable {
            var holds: Bool
            var verdict: Verdict
            var partitions: Int
            var equalPartitions: Int
            var hints: Int
        }

        /// After this a dead peer is replaced at once: patience with a silent one, and some for a loaded machine.
        private static let detectionMilliseconds = 1000
        /// A request is answered by then, whatever happens.
        private static let deadlineMilliseconds = 2000.0

        @Test func killingANodeCostsNoRequestAfterTheDetectionTime() async throws {
            try await ProcessCluster.run(.init(nodes: 5)) { cluster in
                let faults = cluster.folder("faults")
                let histories = cluster.folder("histories")
                let load = try Self.startLoad(on: cluster, histories)
                try await Self.waitForRequests(200, in: histories)
                for victim in cluster.nodes.prefix(3) {
                    try Self.note("kill \(victim.name)", in: faults)
                    await victim.kill()
                    try await Task.sleep(for: .milliseconds(2 * Self.detectionMilliseconds))
                    try Self.note("starting \(victim.name)", in: faults)
                    try await victim.start()
                    try await victim.waitUntilReady()
                    try Self.note("started \(victim.name)", in: faults)
                    try await Task.sleep(for: .milliseconds(2 * Self.detectionMilliseconds))
                }
                await load.send(SIGTERM)
                try #require(await load.waitForEnd() == .exited(0))
                try await Self.judge(cluster, histories, faults)
            }
        }

        private static func judge(_ cluster: ProcessCluster, _ histories: String, _ faults: String) async throws {
            let converged = try await cluster.quire(["cluster", "roots", "--within", "60"], within: .seconds(90))
            #expect(converged.status == 0, "\(converged.testDescription)")
            let outcome = try await Program.quire(
                "bench",
                "judge",
                "--journal",
                histories,
                "--faults",
                faults,
                "--detection",
                "\(Self.detectionMilliseconds)",
                "--strict",
                "--proxy",
                cluster.nodes.map(\.proxy).joined(separator: ","),
                "--output",
                "json"
            )
            #expect(outcome.status == 0, "\(outcome.testDescription)")
            let verdict: Verdict = try outcome.json()
            #expect(verdict.findings == [])
            #expect(verdict.acknowledged > 500)
            #expect(verdict.failedOutside == 0)
            let kills = try #require(verdict.effects.first { $0.kind == "kill" })
            #expect(kills.count == 3)
            #expect(kills.requests > 100)
            #expect(kills.p999Milliseconds < Self.deadlineMilliseconds)
        }

        private static func startLoad(on cluster: ProcessCluster, _ histories: String) throws -> ChildProcess {
            try ChildProcess(
                Program.quire,
                [
                    "bench", "mixed", "--journal", histories, "--rate", "200", "--seed", "1", "--proxy",
                    cluster.nodes.map(\.proxy).joined(separator: ","),
                ],
                output: cluster.folder("load.json"),
                errors: cluster.folder("load.err")
            )
        }

        private static func waitForRequests(_ count: Int, in histories: String) async throws {
            try await eventually("\(count) requests are journaled") {
                let files = try FileManager.default.contentsOfDirectory(atPath: histories)
                let lines = files.map { Program.text("\(histories)/\($0)").split(separator: "\n").count }
                return lines.reduce(0, +) > count
            }
        }

        private static func note(_ words: String, in path: String) throws {
            let line = "\(Int(Date.now.timeIntervalSince1970 * 1_000_000)) \(words)\n"
            try (Program.text(path) + line).write(toFile: path, atomically: true, encoding: .utf8)
        }

        /// The command that runs for ten minutes before a release, for half a minute.
        @Test func nothingIsLostThroughHalfAMinuteOfChaos() async throws {
            setenv("QUIRE", Program.quire, 1)
            let outcome = try await Program.run(
                "\(Program.repository)/Ops/chaos",
                ["--minutes", "0.5", "--seed", "20", "--rate", "150", "--output", "json"],
                within: .seconds(280)
            )
            #expect(outcome.status == 0, "\(outcome.testDescription)")
            let summary: Summary = try outcome.json()
            #expect(summary.holds)
            #expect(summary.verdict.findings == [])
            #expect(summary.verdict.acknowledged > 500)
            #expect(summary.verdict.effects.map(\.kind).contains("blackout"))
            #expect(summary.equalPartitions == summary.partitions)
            #expect(summary.hints == 0)
        }
    }
}
