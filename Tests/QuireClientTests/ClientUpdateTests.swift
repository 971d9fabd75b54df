import QuireCore
import Testing

@testable import QuireClient

/// The loop of reading, reconciling and writing (Dynamo §4.4, §6).
@Suite(.timeLimit(.minutes(2))) struct ClientUpdateTests {
    private let key = Array("cart".utf8)

    private func withClient(_ body: (LoopbackCluster, QuireClient) async throws -> Void) async throws {
        let cluster = try await LoopbackCluster.start()
        // Pauses between rounds pass by the machine's clock: they are milliseconds.
        var configuration = LoopbackCluster.patient
        configuration.operationTimeout = .seconds(60)
        let client = QuireClient(seeds: [cluster.endpoint(0)], configuration: configuration)
        await client.refreshLayout()
        try await body(cluster, client)
        await client.close()
        try await cluster.stop()
    }

    /// A cart is a set of letters; adding is idempotent.
    private func adding(_ item: String) -> ([[UInt8]]) -> [UInt8]? {
        { siblings in Array(Set(siblings.joined()).union(item.utf8)).sorted() }
    }

    @Test func createsAKeyAndChangesIt() async throws {
        try await self.withClient { (_: LoopbackCluster, client: QuireClient) async throws in
            #expect(try await client.update(self.key, reconcile: self.adding("b")).values == [Array("b".utf8)])
            #expect(try await client.update(self.key, reconcile: self.adding("a")).values == [Array("ab".utf8)])
            #expect(try await client.get(self.key).values == [Array("ab".utf8)])
        }
    }

    @Test func makesSiblingsOne() async throws {
        try await self.withClient { _, client in
            for item in ["a", "b", "c"] {
                _ = try await client.put(self.key, value: Array(item.utf8), context: .none)
            }
            #expect(try await client.get(self.key).values.count == 3)
            try await client.update(self.key, reconcile: self.adding("d"))
            #expect(try await client.get(self.key).values == [Array("abcd".utf8)])
        }
    }

    @Test func doesItAgainWhileOthersWriteAtTheSameTime() async throws {
        try await self.withClient { cluster, client in
            await cluster.store.intrude(on: Key(self.key)!, with: ["x", "y", "z"].map { Array($0.utf8) })
            var rounds = 0
            let result = try await client.update(self.key) { siblings in
                rounds += 1
                return self.adding("a")(siblings)
            }
            #expect(rounds == 4)
            #expect(result.values == [Array("axyz".utf8)])
            #expect(try await client.get(self.key).values == [Array("axyz".utf8)])
        }
    }

    @Test func losesNothingWhenManyUpdateTheSameKey() async throws {
        try await self.withClient { _, client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for letter in "abcdefgh" {
                    group.addTask { try await client.update(self.key, reconcile: self.adding(String(letter))) }
                }
                try await group.waitForAll()
            }
            // The last of them has reconciled what all the others left.
            let left = try await client.update(self.key) { Array(Set($0.joined())).sorted() }
            #expect(left.values == [Array("abcdefgh".utf8)])
        }
    }

    @Test func doesNotWriteWhatIsThereAlready() async throws {
        try await self.withClient { cluster, client in
            try await client.update(self.key, reconcile: self.adding("a"))
            cluster.servers.forEach { $0.forgetOperations() }
            try await client.update(self.key, reconcile: self.adding("a"))
            #expect(cluster.servers.flatMap(\.operations) == [.get(Key(self.key)!, readQuorum: nil)])
            cluster.servers.forEach { $0.forgetOperations() }
            _ = try await client.update(Array("nothing".utf8)) { _ in nil }
            #expect(cluster.loads.reduce(0, +) == 1)
        }
    }

    @Test func deletesWhenNothingIsLeft() async throws {
        try await self.withClient { _, client in
            try await client.update(self.key, reconcile: self.adding("a"))
            #expect(try await client.update(self.key) { _ in nil }.values == [])
            #expect(try await client.get(self.key).values == [])
            #expect(try await client.plainGet(self.key) == nil)
        }
    }

    @Test func readsAgainWhenItDoesNotKnowWhetherItHasWritten() async throws {
        try await self.withClient { cluster, client in
            let replicas = cluster.replicas(of: self.key)
            var rounds = 0
            let result = try await client.update(self.key) { siblings in
                rounds += 1
                // The first write is stored, and its answer is lost.
                let mode: LoopbackServer.Mode = rounds == 1 ? .losingAnswers : .serving
                replicas.forEach { cluster.servers[$0].set(mode) }
                return self.adding("a")(siblings)
            }
            #expect(result.values == [Array("a".utf8)])
            // The read after it is answered elsewhere, and finds the value: it is not written again.
            #expect(rounds == 2)
            #expect(await cluster.store.record(of: Key(self.key)!).siblings.count == 1)
            #expect(cluster.servers.flatMap(\.operations).count { if case .put = $0 { true } else { false } } == 1)
        }
    }

    @Test func passesOnWhatTheClosureThrowsAndWritesNothing() async throws {
        struct NotACart: Error {}
        try await self.withClient { cluster, client in
            await #expect(throws: NotACart.self) { try await client.update(self.key) { _ in throw NotACart() } }
            #expect(await cluster.store.record(of: Key(self.key)!).isEmpty)
        }
    }

    @Test func saysWhenItHasGivenUpThatSomethingMayHaveBeenStored() async throws {
        let cluster = try await LoopbackCluster.start()
        let clock = ManualClock()
        let client = await cluster.client(clock: clock)
        // Somebody else writes at the same time, and then the time is over.
        await cluster.store.intrude(on: Key(self.key)!, with: [Array("theirs".utf8)])
        let key = self.key
        let update = Task { () async -> QuireError? in
            do {
                try await client.update(key) { _ in Array("ours".utf8) }
                return nil
            } catch {
                return error as? QuireError
            }
        }
        await clock.waitForSleepers(2)
        clock.advance(by: .seconds(5))
        let error = try #require(await update.value)
        #expect(error.mayHaveBeenStored)
        #expect(try await client.get(key).values.count == 2)
        await client.close()
        try await cluster.stop()
    }
}
