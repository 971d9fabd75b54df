import QuireClient
import Testing

extension EndToEndTests {
    /// Clients that know the layout (Dynamo §6.4): no hop, no failed request while a node is gone, and a new node is used
    /// within a refresh.
    @Suite struct RoutingTests {
        private static let shape = ProcessCluster.Shape(nodes: 4, partitions: 32)

        private static let keys = (0..<200).map { Array("routed/\($0)".utf8) }

        @Test func aClientThatKnowsTheLayoutNeedsNoHop() async throws {
            try await ProcessCluster.run(Self.shape) { cluster in
                let client = QuireClient(seeds: [cluster.first.endpoint])
                #expect(await client.refreshLayout())
                try await Self.writeAndRead(client)
                try await eventually("all requests are counted") {
                    try await Self.routing(of: cluster.nodes).atReplica >= 3 * Self.keys.count
                }
                let direct = try await Self.routing(of: cluster.nodes)
                #expect(direct.elsewhere == 0)
                #expect(direct.forwarded == 0 && direct.takenOver == 0)
                // Each node coordinates its share.
                for node in cluster.nodes {
                    #expect(try await Self.routing(of: [node]).atReplica > Self.keys.count / 4, "\(node.name)")
                }
                await client.close()

                // The same through one node only: a quarter of the keys is none of its own.
                let blind = QuireClient(endpoints: [cluster.first.endpoint])
                try await Self.writeAndRead(blind)
                try await eventually("requests at a node that is no replica are counted") {
                    try await Self.routing(of: cluster.nodes).elsewhere > 0
                }
                let hops = try await Self.routing(of: cluster.nodes)
                #expect(hops.forwarded > 0)
                await blind.close()
            }
        }

        @Test func noRequestFailsWhileANodeIsKilledAndComesBack() async throws {
            try await ProcessCluster.run(Self.shape) { cluster in
                let client = QuireClient(seeds: [cluster.nodes[1].endpoint])
                #expect(await client.refreshLayout())
                try await Self.writeAndRead(client)
                let victim = cluster.nodes[2]
                await victim.kill()
                // Reads never fail, and find out who is gone. Only a write that was on its way to the victim could.
                for key in Self.keys { #expect(Set(try await client.get(key).values) == [key]) }
                try await Self.writeAndRead(client)
                try await victim.start()
                try await victim.waitUntilReady()
                try await eventually("the client uses \(victim.name) again") {
                    try await Self.writeAndRead(client)
                    return try await Self.routing(of: [victim]).atReplica > 0
                }
                for key in Self.keys { #expect(try await client.plainGet(key) == key) }
                await client.close()
            }
        }

        @Test func aNodeThatJoinsIsUsedWithinARefresh() async throws {
            try await ProcessCluster.run(Self.shape) { cluster in
                let client = QuireClient(seeds: [cluster.first.endpoint])
                #expect(await client.refreshLayout())
                try await Self.writeAndRead(client)
                let before = await client.layoutVersion

                let newcomer = try await cluster.startNewcomer("n5")
                let staged = try await cluster.quire(["cluster", "join", newcomer.peer])
                try #require(staged.status == 0, "\(staged.testDescription)")
                let plan = try await cluster.quire(["cluster", "plan", "--output", "json"])
                struct Plan: Decodable { let plan: String }
                let id = try plan.json(Plan.self).plan
                let committed = try await cluster.quire(["cluster", "commit", "--plan", id])
                try #require(committed.status == 0, "\(committed.testDescription)")
                let watched = try await cluster.quire(["cluster", "watch", "--timeout", "120"], within: .seconds(130))
                try #require(watched.status == 0, "\(watched.testDescription)")

                // Nothing but requests: the nodes tell the client that its layout is old.
                try await Self.writeAndRead(client)
                try await eventually("the client goes by the new layout", within: .seconds(15)) {
                    try await Self.writeAndRead(client)
                    let version = await client.layoutVersion ?? 0
                    let used = try await Self.routing(of: [newcomer]).atReplica
                    return version > before ?? 0 && used > 0
                }
                await client.close()
            }
        }

        /// A write that wins, a causal write and a read of every key; none of them may fail.
        private static func writeAndRead(_ client: QuireClient) async throws {
            for key in self.keys {
                try await client.plainSet(key, value: key)
                let read = try await client.get(key)
                // A replica that has just come back knows less than the others: what it mints stands beside what it has
                // missed, until the write below covers both.
                #expect(Set(read.values) == [key])
                _ = try await client.put(key, value: key, context: read.context)
            }
        }

        private struct Routing {
            var atReplica = 0
            var elsewhere = 0
            var forwarded = 0
            var takenOver = 0
        }

        /// What the nodes say of themselves in `INFO routing`, summed.
        private static func routing(of nodes: [ClusterNode]) async throws -> Routing {
            var sum = Routing()
            for node in nodes {
                let connection = try await node.connect()
                let reply = try await connection.send(["INFO", "routing"])
                await connection.close()
                guard case .bytes(let bytes) = reply else {
                    Issue.record("INFO answered \(reply)")
                    continue
                }
                let text = String(decoding: bytes, as: UTF8.self)
                let lines = text.split(whereSeparator: \.isNewline).map { $0.split(separator: ":") }
                func count(_ name: String) -> Int { lines.first { $0[0] == name }.flatMap { Int($0[1]) } ?? 0 }
                sum.atReplica += count("client_requests_at_replica")
                sum.elsewhere += count("client_requests_elsewhere")
                sum.forwarded += count("puts_forwarded")
                sum.takenOver += count("puts_taken_over")
            }
            return sum
        }
    }
}
