import Foundation
import QuireWire
import Testing

extension EndToEndTests {
    /// `quire doctor` on the directory of a real node, from a kill to a repair.
    @Suite struct DoctorTests {
        private struct Diagnosis: Decodable {
            struct Finding: Decodable {
                let severity: String
                let matter: String
                let file: String
            }
            struct Stores: Decodable {
                let files: Int
                let sound: Int
                let records: Int
            }
            let verdict: String
            let cluster: String?
            let lastStop: String
            let areLeavesCompared: Bool
            let partitions: Stores
            let logRecords: Int
            let findings: [Finding]
        }

        @Test func explainsADirectoryAfterAKillAndSetsADamagedFileAside() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let data = Dataset(count: 400)
                try await data.store(through: cluster.first)
                let node = cluster.first
                let running = try await Self.doctor(cluster)
                #expect(
                    running.status == 1 && running.err.contains("stop the node first"),
                    "\(running.testDescription)"
                )

                await node.kill()
                let killed = try await Self.doctor(cluster, ["--output", "json"])
                #expect(killed.status == 0, "\(killed.testDescription)")
                let afterKill: Diagnosis = try killed.json()
                #expect(afterKill.lastStop == "unclean" && afterKill.cluster != nil)
                #expect(afterKill.logRecords >= 400)

                try await node.start()
                try await node.waitUntilReady()
                try await node.stop()
                let stopped: Diagnosis = try await Self.doctor(cluster, ["--output", "json"]).json()
                #expect(stopped.verdict == "ok" && stopped.lastStop == "clean" && stopped.areLeavesCompared)
                #expect(stopped.partitions.records == 400 && stopped.partitions.sound == stopped.partitions.files)

                let file = URL(fileURLWithPath: node.data + "/partitions/5.db")
                try Data(contentsOf: file).dropLast(4096).write(to: file)
                let damaged = try await Self.doctor(cluster)
                #expect(damaged.status == 1 && damaged.out.contains("partitions/5.db"), "\(damaged.testDescription)")

                let repaired = try await Self.doctor(cluster, ["--repair", "--output", "json"])
                #expect(repaired.status == 4, "\(repaired.testDescription)")
                let after: Diagnosis = try repaired.json()
                #expect(after.findings.filter { $0.severity == "warning" }.map(\.file) == ["quarantine/5.reason"])
                try await node.start()
                try await node.waitUntilReady()
                #expect(try await cluster.status().members.first?.quarantinedPartitions == [5])
            }
        }

        private static func doctor(_ cluster: ProcessCluster, _ options: [String] = []) async throws -> Outcome {
            let arguments = ["doctor", "--data", cluster.first.data, "--cluster-key-file", cluster.keyFile]
            return try await Program.run(Program.quire, arguments + options)
        }
    }
}
