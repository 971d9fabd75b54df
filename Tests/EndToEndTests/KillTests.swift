import QuireClient
import Testing

extension EndToEndTests {
    /// Losing any one node at N=3 R=W=2 is an inconvenience (Dynamo §4.5, §6).
    @Suite struct KillTests {
        @Test func noAcknowledgedWriteIsLostWhenNodesAreKilledUnderLoad() async throws {
            try await ProcessCluster.run { cluster in
                let writer = JournaledWriter(cluster.nodes.map(\.endpoint))
                await writer.start()
                try await writer.waitForProgress("writes and reads before any kill")
                for round in 0..<5 {
                    let victim = cluster.nodes[round % cluster.nodes.count]
                    await victim.kill()
                    try await writer.waitForProgress("writes and reads go on without \(victim.name), kill \(round + 1)")
                    #expect(await !victim.isRunning)
                    try await victim.start()
                    try await Self.waitUntilAnswering(victim, writer)
                }
                try await writer.waitForProgress("writes and reads after the last kill")
                await writer.stop()
                try await Self.expectNothingLost(writer, in: cluster)
                #expect(await writer.staleReads == [], "a read showed less than was acknowledged before it")
            }
        }

        @Test func everythingAcknowledgedSurvivesTheKillOfAllNodes() async throws {
            try await ProcessCluster.run { cluster in
                let writer = JournaledWriter(cluster.nodes.map(\.endpoint))
                await writer.start()
                try await writer.waitForProgress("writes and reads", count: 100)
                for node in cluster.nodes { await node.kill() }
                await writer.stop()
                for node in cluster.nodes { try await node.start() }
                for node in cluster.nodes { try await Self.waitUntilAnswering(node, writer) }
                try await Self.expectNothingLost(writer, in: cluster)
            }
        }

        private static func waitUntilAnswering(_ node: ClusterNode, _ writer: JournaledWriter) async throws {
            let key = try #require(await writer.acknowledged.keys.first)
            try await eventually("\(node.name) answers again") {
                let connection = try await node.connect()
                let reply: Result<QuireReply, QuireError>
                do throws(QuireError) {
                    reply = .success(try await connection.send(["GET", key]))
                } catch {
                    reply = .failure(error)
                }
                await connection.close()
                return try reply.get() != .null
            }
        }

        private static func expectNothingLost(_ writer: JournaledWriter, in cluster: ProcessCluster) async throws {
            #expect(await writer.acknowledged.count > 50)
            for node in cluster.nodes {
                let connection = try await node.connect()
                #expect(try await writer.lost(through: connection) == [], "through \(node.name)")
                await connection.close()
            }
        }
    }
}
