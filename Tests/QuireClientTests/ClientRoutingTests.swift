import QuireCore
import QuireWire
import Testing

@testable import QuireClient

/// The client against several nodes of one process, over real sockets.
@Suite(.timeLimit(.minutes(2))) struct ClientRoutingTests {
    private let keys = (0..<40).map { Array("key \($0)".utf8) }

    private func withCluster(_ body: (LoopbackCluster) async throws -> Void) async throws {
        let cluster = try await LoopbackCluster.start()
        try await body(cluster)
        try await cluster.stop()
    }

    @Test func goesStraightToAReplica() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            for key in self.keys {
                cluster.servers.forEach { $0.forgetOperations() }
                try await client.plainSet(key, value: [1])
                _ = try await client.get(key)
                _ = try await client.put(key, value: [2], context: .none)
                _ = try await client.plainGet(key)
                _ = try await client.plainDelete(key)
                let replicas = Set(cluster.replicas(of: key))
                for (index, load) in cluster.loads.enumerated() where load > 0 {
                    #expect(replicas.contains(index), "\(index) is no replica, and was sent \(load) requests")
                }
                #expect(cluster.loads.reduce(0, +) == 5)
            }
            await client.close()
        }
    }

    @Test func writesToTheReplicaThatAnsweredTheReadFirst() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            let codec = ContextCodec(secret: [1, 2, 3])
            for key in self.keys {
                for replica in cluster.replicas(of: key) {
                    cluster.servers.forEach { $0.forgetOperations() }
                    let node = NodeID(rawValue: UInt64(replica))
                    let token = ContextToken(vector: VersionVector(), preferredNode: node)
                    let context = QuireContext(text: codec.seal(token, for: Key(key)!))
                    let outcome = try await client.put(key, value: [1], context: context)
                    guard case .put(let put)? = cluster.servers[replica].operations.first else {
                        Issue.record("the write went elsewhere: \(cluster.loads)")
                        return
                    }
                    #expect(put.preferredReplica == node)
                    #expect(outcome.context.preferredReplica == node)
                }
            }
            await client.close()
        }
    }

    @Test func passesQuorumsAndDurabilityOn() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            let key = self.keys[0]
            _ = try await client.get(key, readQuorum: 1)
            _ = try await client.plainGet(key, readQuorum: 3)
            _ = try await client.put(key, value: [1], context: .none, writeQuorum: 3, durability: .one)
            try await client.plainSet(key, value: [2], writeQuorum: 2, durability: .buffered)
            _ = try await client.delete(key, context: .none, writeQuorum: 1, durability: .all)
            let operations = cluster.servers.flatMap(\.operations)
            let none = Record.Supersession.context(VersionVector())
            let expected: [ClientOperation] = [
                .get(Key(key)!, readQuorum: 1), .get(Key(key)!, readQuorum: 3),
                .put(.init(key: Key(key)!, value: [1], supersession: none, writeQuorum: 3, durability: .one)),
                .put(.init(key: Key(key)!, value: [2], supersession: .older, writeQuorum: 2, durability: .buffered)),
                .put(.init(key: Key(key)!, value: nil, supersession: none, writeQuorum: 1, durability: .all)),
            ]
            #expect(Set(operations) == Set(expected))
            #expect(operations.count == expected.count)
            await client.close()
        }
    }

    @Test func fetchesTheLayoutAtOnceWhenToldThatItIsStale() async throws {
        try await self.withCluster { cluster in
            cluster.publish(version: 1, members: [0, 1, 2])
            let client = await cluster.client()
            #expect(await client.layoutVersion == 1)
            // One node knows more; whoever meets it is served, and learns it.
            cluster.publish(version: 2, members: [3, 4], to: [1])
            let key = try #require(self.keys.first)
            while await client.layoutVersion == 1 {
                _ = try await client.get(key)
                await client.finishBackgroundWork()
            }
            #expect(await client.layoutVersion == 2)
            cluster.servers.forEach { $0.forgetOperations() }
            for key in self.keys { try await client.plainSet(key, value: [1]) }
            #expect(cluster.loads[0...2] == [0, 0, 0])
            #expect(cluster.loads[3] + cluster.loads[4] == self.keys.count)
            await client.close()
        }
    }

    @Test func asksForANewerLayoutEveryTenSeconds() async throws {
        try await self.withCluster { cluster in
            let clock = ManualClock()
            let client = await cluster.client(clock: clock)
            #expect(cluster.servers.map(\.layoutRequests).reduce(0, +) == 1)
            _ = try await client.plainGet(self.keys[0])
            // Nobody tells: the nodes that learn of it are not those that are asked for the key.
            var version = 1
            for _ in 0..<5 {
                version += 1
                cluster.publish(version: version)
                await clock.waitForSleepers(1)
                let before = cluster.servers.map(\.layoutRequests).reduce(0, +)
                clock.advance(by: .seconds(10))
                await clock.waitForSleepers(1)
                await client.finishBackgroundWork()
                #expect(await client.layoutVersion == version)
                #expect(cluster.servers.map(\.layoutRequests).reduce(0, +) == before + 1)
            }
            await client.close()
        }
    }

    @Test func doesNotAskBeforeItIsTime() async throws {
        try await self.withCluster { cluster in
            let clock = ManualClock()
            let client = await cluster.client(clock: clock)
            _ = try await client.plainGet(self.keys[0])
            await clock.waitForSleepers(1)
            clock.advance(by: .milliseconds(4900))
            for key in self.keys { _ = try await client.plainGet(key) }
            await client.finishBackgroundWork()
            #expect(cluster.servers.map(\.layoutRequests).reduce(0, +) == 1)
            await client.close()
        }
    }

    @Test func goesOnWithoutANodeThatIsGoneAndNeverFailsARead() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            for key in self.keys { _ = try await client.get(key) }
            try await cluster.servers[2].stop()
            for _ in 0..<3 {
                for key in self.keys { _ = try await client.get(key) }
            }
            cluster.servers.forEach { $0.forgetOperations() }
            for key in self.keys { try await client.plainSet(key, value: [7]) }
            #expect(cluster.loads[2] == 0, "a suspect is asked only when nobody else is left")
            await client.close()
        }
    }

    @Test func takesAnotherNodeWhenEveryReplicaIsGone() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client(seeds: [0])
            // No connection to a replica is open: a write on one that has just ended would be of unknown fate.
            let key = try #require(self.keys.first { !cluster.replicas(of: $0).contains(0) })
            let replicas = cluster.replicas(of: key)
            for index in replicas { try await cluster.servers[index].stop() }
            try await client.plainSet(key, value: [7])
            #expect(try await client.plainGet(key) == [7])
            for index in replicas { #expect(cluster.servers[index].operations.isEmpty) }
            await client.close()
        }
    }

    @Test func findsItsWayFromOneSeedEvenIfThatIsGoneLater() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client(seeds: [4])
            try await cluster.servers[4].stop()
            for key in self.keys { _ = try await client.get(key) }
            for key in self.keys { try await client.plainSet(key, value: key) }
            for key in self.keys { #expect(try await client.plainGet(key) == key) }
            await client.close()
        }
    }

    @Test func servesThroughItsSeedsWhileNoLayoutIsKnown() async throws {
        let server = try await LoopbackServer.start()
        let client = QuireClient(seeds: [QuireEndpoint(host: "127.0.0.1", port: server.port)])
        // A node that belongs to no cluster yet gives no layout.
        #expect(await client.refreshLayout() == false)
        try await client.plainSet([1], value: [2])
        #expect(try await client.plainGet([1]) == [2])
        await client.close()
        try await server.stop()
    }

    @Test func keepsAwayFromANodeOfAnotherCluster() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            let foreign = cluster.table(version: 99, members: [0], cluster: "f")
            for server in cluster.servers { server.publish(foreign) }
            await client.refreshLayout()
            #expect(await client.layoutVersion == 1)
            await client.close()
        }
    }
}
