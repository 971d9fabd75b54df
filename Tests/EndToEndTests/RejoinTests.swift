import Foundation
import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// A node that leaves and joins again, with the data directory that it had.
    @Suite struct RejoinTests {
        private static let keys = (0..<60).map { "key\($0)" }

        /// As a crash before the last rename would leave it: replicas that should have been retired are still there. The
        /// cluster has forgotten meanwhile that their keys were deleted (SAFETY rule 9).
        @Test func whatANodeKeptFromAnEarlierMembershipBringsNothingBack() async throws {
            var shape = ProcessCluster.Shape()
            shape.partitions = 8
            shape.options += ["--message-lifetime", "1", "--tombstone-age", "1", "--tombstone-interval", "1"]
            shape.options += ["--undo-window", "0", "--retired-grace", "0"]
            try await ProcessCluster.run(shape) { cluster in
                let connection = try await cluster.first.connect()
                for key in Self.keys { _ = try await connection.send(["SET", key, "old"]) }
                let node = try await cluster.startNewcomer("n4")
                try await Self.change(["join", node.peer], in: cluster)
                let files = try await Self.copyPartitions(of: node)
                #expect(!files.isEmpty)
                try await eventually("n1 sees that n4 is back") {
                    try await cluster.status().members.allSatisfy(\.isUp)
                }
                try await Self.change(["leave", "n4"], in: cluster)
                try await node.stop()

                for key in Self.keys { _ = try await connection.send(["DEL", key]) }
                try await eventually("the deleted keys are forgotten", within: .seconds(90)) {
                    let members = try await cluster.status().members
                    return members.count == 3 && members.allSatisfy { $0.records == 0 && $0.tombstones == 0 }
                }
                for file in files {
                    try FileManager.default.copyItem(
                        atPath: "\(node.data)/saved/\(file)",
                        toPath: "\(node.data)/partitions/\(file)"
                    )
                }
                try await node.start()
                try await Self.change(["join", node.peer], in: cluster)
                try await Self.expectNothing(in: cluster, connection)
                let log = Program.text(node.log)
                #expect(log.contains("of an earlier membership count for nothing"))
                await connection.close()
            }
        }

        /// - Returns: the names of the files, which are in `saved` now, complete.
        private static func copyPartitions(of node: ClusterNode) async throws -> [String] {
            try await node.stop()
            try FileManager.default.copyItem(atPath: "\(node.data)/partitions", toPath: "\(node.data)/saved")
            try await node.start()
            try await node.waitUntilReady()
            return try FileManager.default.contentsOfDirectory(atPath: "\(node.data)/saved")
        }

        private static func change(_ staged: [String], in cluster: ProcessCluster) async throws {
            let outcome = try await cluster.quire(["cluster"] + staged)
            try #require(outcome.status == 0, "\(outcome.testDescription)")
            let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
            let committed = try await cluster.quire(["cluster", "commit", "--plan", plan.plan])
            try #require(committed.status == 0, "\(committed.testDescription)")
            let watched = try await cluster.quire(["cluster", "watch", "--timeout", "60"], within: .seconds(70))
            try #require(watched.status == 0, "\(watched.testDescription)")
        }

        /// Neither now nor after the replicas have been compared.
        private static func expectNothing(in cluster: ProcessCluster, _ connection: QuireConnection) async throws {
            for key in Self.keys { #expect(try await connection.send(["GET", key]) == .null, "\(key)") }
            let repaired = try await cluster.quire(["cluster", "repair"])
            try #require(repaired.status == 0, "\(repaired.testDescription)")
            let members = try await cluster.status().members
            #expect(members.count == 4)
            #expect(members.compactMap(\.records) == [0, 0, 0, 0])
        }
    }
}
