import QuireCore
import QuireWire
import Testing

@testable import QuireClient

/// What a client does when a node does not answer, or says no.
@Suite(.timeLimit(.minutes(2))) struct ClientRetryTests {
    private let key = Array("cart".utf8)

    private func withCluster(_ body: (LoopbackCluster) async throws -> Void) async throws {
        let cluster = try await LoopbackCluster.start()
        try await body(cluster)
        try await cluster.stop()
    }

    private func puts(in cluster: LoopbackCluster) -> Int {
        cluster.servers.flatMap(\.operations).count { if case .put = $0 { true } else { false } }
    }

    @Test func neverExecutesACausalWriteTwice() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            cluster.servers.forEach { $0.set(.losingAnswers) }
            let error = await #expect(throws: QuireError.connectionClosed) {
                try await client.put(self.key, value: [1], context: .none)
            }
            #expect(error?.mayHaveBeenStored == true)
            #expect(self.puts(in: cluster) == 1)
            #expect(await cluster.store.record(of: Key(self.key)!).siblings.count == 1)
            await client.close()
        }
    }

    @Test func repeatsAPlainWriteOfUnknownFateOnlyIfItIsAllowedTo() async throws {
        try await self.withCluster { cluster in
            let careful = await cluster.client()
            let lost = cluster.replicas(of: self.key)
            lost.forEach { cluster.servers[$0].set(.losingAnswers) }
            await #expect(throws: QuireError.connectionClosed) { try await careful.plainSet(self.key, value: [1]) }
            #expect(self.puts(in: cluster) == 1)
            await careful.close()

            var configuration = LoopbackCluster.patient
            configuration.repeatsPlainWritesOfUnknownFate = true
            let bold = await cluster.client(configuration: configuration)
            try await bold.plainSet(self.key, value: [2])
            #expect(self.puts(in: cluster) > 2)
            #expect(try await bold.plainGet(self.key) == [2])
            // A causal write is not, whatever the configuration.
            let before = self.puts(in: cluster)
            cluster.servers.forEach { $0.set(.losingAnswers) }
            await #expect(throws: QuireError.self) { try await bold.put(self.key, value: [3], context: .none) }
            #expect(self.puts(in: cluster) == before + 1)
            await bold.close()
        }
    }

    @Test func repeatsAReadElsewhere() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            try await client.plainSet(self.key, value: [1])
            for index in cluster.replicas(of: self.key) { cluster.servers[index].set(.losingAnswers) }
            #expect(try await client.plainGet(self.key) == [1])
            #expect(try await client.get(self.key).values == [[1]])
            await client.close()
        }
    }

    @Test func pausesWhenTheClusterIsBusyAndWritesOnceItIsNot() async throws {
        try await self.withCluster { cluster in
            let clock = ManualClock()
            let client = await cluster.client(clock: clock)
            cluster.servers.forEach { $0.set(.refusing(.overloaded)) }
            let key = self.key
            let write = Task { try await client.plainSet(key, value: [1]) }
            // The poller sleeps, too.
            await clock.waitForSleepers(2)
            #expect(self.puts(in: cluster) == 1)
            cluster.servers.forEach { $0.set(.serving) }
            clock.advance(by: .milliseconds(10))
            try await write.value
            #expect(self.puts(in: cluster) == 2)
            await client.close()
        }
    }

    @Test func givesUpAtTheDeadlineAndSaysThatNothingWasStored() async throws {
        try await self.withCluster { cluster in
            let clock = ManualClock()
            let client = await cluster.client(clock: clock)
            cluster.servers.forEach { $0.set(.refusing(.overloaded)) }
            let key = self.key
            let write = Task { () async -> QuireError? in
                do throws(QuireError) {
                    try await client.plainSet(key, value: [1])
                    return nil
                } catch {
                    return error
                }
            }
            await clock.waitForSleepers(2)
            clock.advance(by: .milliseconds(10))
            await clock.waitForSleepers(2)
            clock.advance(by: .seconds(5))
            guard case .gaveUp(let attempts, mayHaveBeenStored: false)? = await write.value else {
                Issue.record("\(String(describing: await write.value))")
                return
            }
            #expect(attempts.count == 2)
            #expect(attempts.allSatisfy { $0.contains("OVERLOADED") })
            await client.close()
        }
    }

    @Test func takesANodeThatStaysSilentForDeadAndReadsElsewhere() async throws {
        try await self.withCluster { cluster in
            var configuration = QuireConfiguration()
            configuration.operationTimeout = .seconds(60)
            let client = QuireClient(seeds: [cluster.endpoint(0)], configuration: configuration)
            await client.refreshLayout()
            try await client.plainSet(self.key, value: [1])
            // Whatever replica it begins with: the read is answered by the one that is left.
            for index in cluster.replicas(of: self.key).dropFirst() { cluster.servers[index].set(.silent) }
            for _ in 0..<5 { #expect(try await client.plainGet(self.key) == [1]) }
            await client.close()
        }
    }

    @Test func doesNotWaitForAWriteLongerThanItMay() async throws {
        let cluster = try await LoopbackCluster.start(1)
        var configuration = LoopbackCluster.patient
        configuration.operationTimeout = .milliseconds(50)
        configuration.connectionsPerNode = 1
        let client = await cluster.client(configuration: configuration)
        cluster.servers[0].set(.silent)
        let error = await #expect(throws: QuireError.timedOut) {
            try await client.put(self.key, value: [2], context: .none)
        }
        #expect(error?.mayHaveBeenStored == true)
        await client.close()
        try await cluster.stop()
    }

    @Test func passesDefiniteRefusalsOnWithoutAnotherAttempt() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            await #expect(throws: QuireError.refused(code: "ERR", message: "R of 9 is more than N")) {
                try await client.get(self.key, readQuorum: 9)
            }
            #expect(cluster.loads.reduce(0, +) == 1)
            let foreign = QuireContext(text: Array("no context".utf8))
            let error = await #expect(throws: QuireError.self) {
                try await client.put(self.key, value: [1], context: foreign)
            }
            guard case .refused("BADCONTEXT", _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.mayHaveBeenStored == false)
            await client.close()
        }
    }

    @Test func refusesMoreOperationsThanItMayHaveUnderWay() async throws {
        try await self.withCluster { cluster in
            var configuration = LoopbackCluster.patient
            configuration.operationsMax = 0
            let client = await cluster.client(configuration: configuration)
            let error = await #expect(throws: QuireError.self) { try await client.plainGet(self.key) }
            guard case .refused("OVERLOADED", _)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(cluster.loads.reduce(0, +) == 0)
            await client.close()
        }
    }

    @Test func servesManyTasksAtOnce() async throws {
        try await self.withCluster { cluster in
            let client = await cluster.client()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<50 {
                    group.addTask {
                        for step in 0..<20 {
                            let key = Array("\(lane)/\(step)".utf8)
                            try await client.plainSet(key, value: key)
                            #expect(try await client.plainGet(key) == key)
                        }
                    }
                }
                try await group.waitForAll()
            }
            await client.close()
        }
    }
}
