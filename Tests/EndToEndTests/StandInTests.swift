import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// A put is refused only when no healthy node can store it; what stand-ins took comes home (Dynamo §4.6).
    @Suite struct StandInTests {
        /// A put to a silent replica waits for this long until a stand-in takes over; far below any deadline.
        private static let putPatience = Duration.seconds(2)

        @Test func withTwoOfThreeOwnersDeadPutsSucceedAndTheOwnersGetTheDataBack() async throws {
            try await ProcessCluster.run(.init(nodes: 5)) { cluster in
                // One partition, whatever the number behind the tag.
                let keys = (0..<60).map { "{stand-in}/\($0)" }
                let owners = try await Self.owners(of: keys[0], in: cluster)
                let dead = Array(owners.prefix(2))
                let alive = cluster.nodes.filter { node in !dead.contains { $0.name == node.name } }
                for node in dead { await node.kill() }
                for (index, key) in keys.enumerated() {
                    try await Self.put(key, through: alive[index % alive.count], writeQuorum: 2)
                }
                for node in dead { try await node.start() }
                for node in dead { try await node.waitUntilReady() }
                try await Self.waitUntilConverged(cluster)
                // The proof: with nobody else left, the two that were dead have everything.
                for node in alive { await node.kill() }
                for node in dead { try await Self.expect(keys, through: node) }
            }
        }

        @Test func withAllNodesButOneDeadPutsWithWOneSucceed() async throws {
            try await ProcessCluster.run(.init(nodes: 5, minWriteQuorum: 1)) { cluster in
                let last = cluster.nodes[3]
                for node in cluster.nodes where node.name != last.name { await node.kill() }
                let keys = (0..<100).map { "alone/\($0)" }
                for key in keys { try await Self.put(key, through: last, writeQuorum: 1) }
                for node in cluster.nodes where node.name != last.name { try await node.start() }
                for node in cluster.nodes { try await node.waitUntilReady() }
                try await Self.waitUntilConverged(cluster)
                for node in cluster.nodes { try await Self.expect(keys, through: node) }
            }
        }

        /// Of the key's partition, token holder first.
        private static func owners(of key: String, in cluster: ProcessCluster) async throws -> [ClusterNode] {
            let location: ClusterAPI.Location = try await cluster.answer(["cluster", "locate", key])
            try #require(location.replicas.count == 3)
            return location.replicas.compactMap { name in cluster.nodes.first { $0.name == name } }
        }

        private static func put(_ key: String, through node: ClusterNode, writeQuorum: Int) async throws {
            let client = QuireClient(endpoints: [node.endpoint])
            let began = ContinuousClock.now
            _ = try await client.put(
                Array(key.utf8),
                value: Array("value of \(key)".utf8),
                context: .none,
                writeQuorum: writeQuorum
            )
            let took = ContinuousClock.now - began
            #expect(took < Self.putPatience, "\(key) through \(node.name) took \(took)")
            await client.close()
        }

        private static func expect(_ keys: [String], through node: ClusterNode) async throws {
            let connection = try await node.connect()
            for key in keys {
                try await eventually("\(key) is read through \(node.name)") {
                    try await connection.send(["GET", key]) == .bytes(Array("value of \(key)".utf8))
                }
            }
            await connection.close()
        }

        /// By hints and repair alone: nobody asks for anything.
        private static func waitUntilConverged(_ cluster: ProcessCluster) async throws {
            let outcome = try await cluster.quire(["cluster", "roots", "--within", "60"], within: .seconds(90))
            try #require(outcome.status == 0, "\(outcome.testDescription)")
            #expect(outcome.out.contains("\(cluster.shape.partitions) of \(cluster.shape.partitions) partitions"))
            #expect(outcome.out.contains("0 hints are held"))
        }
    }
}
