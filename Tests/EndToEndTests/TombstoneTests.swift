import Foundation
import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// Deleted keys are forgotten once nothing can bring them back, and not before (SAFETY rule 9).
    @Suite struct TombstoneTests {
        /// Rounds that are some seconds apart instead of some twenty.
        private static func shape(_ more: [String] = []) -> ProcessCluster.Shape {
            var shape = ProcessCluster.Shape()
            shape.options += ["--message-lifetime", "1", "--tombstone-age", "1", "--tombstone-interval", "1"] + more
            return shape
        }

        private static let keys = (0..<40).map { "key\($0)" }

        @Test func deletedKeysAreForgottenByAllReplicasAndMayBeWrittenAgain() async throws {
            try await ProcessCluster.run(Self.shape()) { cluster in
                let connection = try await cluster.first.connect()
                for key in Self.keys { _ = try await connection.send(["SET", key, "old"]) }
                for key in Self.keys.dropFirst(10) { _ = try await connection.send(["DEL", key]) }
                try await Self.waitUntilForgotten(in: cluster, liveKeys: 10)
                let status = try await cluster.status()
                #expect(status.members.compactMap(\.tombstonesDropped).reduce(0, +) >= 30)
                let text = try await cluster.quire(["cluster", "status"])
                #expect(text.out.contains("keys forgotten since the nodes started"), "\(text.testDescription)")

                for key in Self.keys.dropFirst(10) {
                    #expect(try await connection.send(["GET", key]) == .null)
                    _ = try await connection.send(["SET", key, "new"])
                }
                await connection.close()
                for node in cluster.nodes { try await Self.expect("new", Self.keys.dropFirst(10), at: node) }
                for node in cluster.nodes { try await Self.expect("old", Self.keys.prefix(10), at: node) }
            }
        }

        @Test func nothingIsForgottenWhileAMemberIsDownAndNothingComesBackWithIt() async throws {
            try await ProcessCluster.run(Self.shape()) { cluster in
                let connection = try await cluster.first.connect()
                for key in Self.keys { _ = try await connection.send(["SET", key, "old"]) }
                let absent = cluster.nodes[2]
                // What it brings back is on its disk, all of it.
                try await eventually("n3 has every key") {
                    try await cluster.status().members.first { $0.name == "n3" }?.records == Self.keys.count
                }
                try await absent.stop()
                for key in Self.keys { _ = try await connection.send(["DEL", key]) }
                try await eventually("the living say for whose sake they keep tombstones") {
                    let kept = try await cluster.status().members.compactMap(\.tombstonesKept).flatMap { $0 }
                    return kept.contains { $0.node == "n3" && $0.reason == "cannot be reached" && $0.count > 0 }
                }
                let status = try await cluster.status()
                #expect(status.members.compactMap(\.tombstonesDropped).allSatisfy { $0 == 0 })
                try await eventually("the living count every tombstone") {
                    let living = try await cluster.status().members.filter { $0.name != "n3" }
                    return living.allSatisfy { $0.tombstones == Self.keys.count && $0.tombstonesDropped == 0 }
                }

                try await absent.start()
                try await absent.waitUntilReady()
                try await Self.waitUntilForgotten(in: cluster, liveKeys: 0)
                for node in cluster.nodes { try await Self.expect(nil, Self.keys[...], at: node) }
                await connection.close()
            }
        }

        /// Retired files keep tombstones, until their time is over.
        @Test func filesOfMovedPartitionsGoAfterTheirGraceAndTombstonesAfterThem() async throws {
            try await ProcessCluster.run(Self.shape(["--retired-grace", "0"])) { cluster in
                let connection = try await cluster.first.connect()
                for key in Self.keys { _ = try await connection.send(["SET", key, "old"]) }
                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.join(newcomer, to: cluster)
                for key in Self.keys { _ = try await connection.send(["DEL", key]) }
                await connection.close()
                try await Self.waitUntilForgotten(in: cluster, liveKeys: 0)
                for node in cluster.nodes {
                    try await eventually("\(node.name) has deleted what it retired") {
                        try FileManager.default.contentsOfDirectory(atPath: node.data + "/retired").isEmpty
                    }
                }
            }
        }

        /// The time in which a change can be taken back is over; the file that moved away is kept all the same.
        @Test func anOperatorSeesThatARetiredCopyKeepsTombstones() async throws {
            try await ProcessCluster.run(Self.shape(["--undo-window", "0"])) { cluster in
                let connection = try await cluster.first.connect()
                for key in Self.keys { _ = try await connection.send(["SET", key, "old"]) }
                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.join(newcomer, to: cluster)
                for key in Self.keys { _ = try await connection.send(["DEL", key]) }
                await connection.close()
                try await eventually("the reason is shown") {
                    try await cluster.quire(["cluster", "status"]).out.contains("has a retired copy")
                }
            }
        }

        private static func join(_ newcomer: ClusterNode, to cluster: ProcessCluster) async throws {
            let staged = try await cluster.quire(["cluster", "join", newcomer.peer])
            try #require(staged.status == 0, "\(staged.testDescription)")
            let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
            let committed = try await cluster.quire(["cluster", "commit", "--plan", plan.plan])
            try #require(committed.status == 0, "\(committed.testDescription)")
            try await eventually("the change is finished") {
                try await cluster.status().change?.isFinished == true
            }
        }

        private static func waitUntilForgotten(in cluster: ProcessCluster, liveKeys: Int) async throws {
            try await eventually("no replica remembers a deleted key", within: .seconds(90), every: .milliseconds(300))
            {
                let members = try await cluster.status().members
                let records = members.compactMap(\.records).reduce(0, +)
                return members.allSatisfy { $0.tombstones == 0 } && records == 3 * liveKeys
            }
        }

        private static func expect(
            _ value: String?,
            _ keys: ArraySlice<String>,
            at node: ClusterNode,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let connection = try await node.connect()
            for key in keys {
                let reply = try await connection.send(["GET", key])
                let expected = value.map { QuireReply.bytes(Array($0.utf8)) } ?? .null
                #expect(reply == expected, "\(key) at \(node.name)", sourceLocation: sourceLocation)
            }
            await connection.close()
        }
    }
}
