import QuireClient
import Testing

@Suite(.timeLimit(.minutes(2))) struct QuireClientTests {
    private func bytes(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }

    private func withServer(_ body: (LoopbackServer, QuireClient) async throws -> Void) async throws {
        let server = try await LoopbackServer.start()
        let client = QuireClient(endpoints: [QuireEndpoint(host: "127.0.0.1", port: server.port)])
        try await body(server, client)
        await client.close()
        try await server.stop()
    }

    @Test func readsItsPlainWrites() async throws {
        try await self.withServer { (_: LoopbackServer, client: QuireClient) async throws in
            #expect(try await client.plainGet(self.bytes("k")) == nil)
            try await client.plainSet(self.bytes("k"), value: [0, 13, 10, 255])
            #expect(try await client.plainGet(self.bytes("k")) == [0, 13, 10, 255])
            #expect(try await client.plainDelete(self.bytes("k")))
            #expect(try await client.plainDelete(self.bytes("k")) == false)
        }
    }

    @Test func reconcilesSiblingsWithTheirContext() async throws {
        try await self.withServer { (_: LoopbackServer, client: QuireClient) async throws in
            let key = self.bytes("cart")
            #expect(try await client.get(key) == QuireSiblings.unknown)
            _ = try await client.put(key, value: self.bytes("a"), context: .none)
            let second = try await client.put(key, value: self.bytes("b"), context: .none)
            #expect(second.siblingCount == 2)
            let read = try await client.get(key, readQuorum: 2)
            #expect(read.values == [self.bytes("a"), self.bytes("b")])
            let merged = try await client.put(key, value: self.bytes("ab"), context: read.context)
            #expect(merged.siblingCount == 1)
            _ = try await client.delete(key, context: merged.context, writeQuorum: 1)
            #expect(try await client.get(key).values == [])
        }
    }

    @Test func throwsRefusalsAndGoesOn() async throws {
        try await self.withServer { (_: LoopbackServer, client: QuireClient) async throws in
            let error = await #expect(throws: QuireError.self) {
                try await client.plainSet(self.bytes("lost"), value: [1])
            }
            guard case .refused("QUORUM", let message)? = error else {
                Issue.record("the refusal was \(String(describing: error))")
                return
            }
            #expect(message.contains("read before you retry"))
            await #expect(throws: QuireError.refused(code: "ERR", message: "R of 9 is more than N")) {
                try await client.get(self.bytes("k"), readQuorum: 9)
            }
            #expect(try await client.plainGet(self.bytes("k")) == nil)
        }
    }

    @Test func answersAPipelineInOrder() async throws {
        let server = try await LoopbackServer.start()
        let connection = try await QuireConnection.connect(host: "127.0.0.1", port: server.port)
        let commands = (0..<500).flatMap { index in
            [["SET", "k\(index)", "v\(index)"], ["GET", "k\(index)"], ["NONSENSE"]].map { $0.map(self.bytes) }
        }
        let replies = try await connection.sendAll(commands)
        #expect(replies.count == 1500)
        for index in 0..<500 {
            #expect(replies[3 * index] == .status("OK"))
            #expect(replies[3 * index + 1] == .bytes(self.bytes("v\(index)")))
            guard case .error("ERR", _) = replies[3 * index + 2] else {
                Issue.record("reply \(3 * index + 2) is \(replies[3 * index + 2])")
                return
            }
        }
        await connection.close()
        #expect(!connection.isOpen)
        await #expect(throws: QuireError.unreachable(["the connection had ended"])) {
            try await connection.send(["PING"])
        }
        try await server.stop()
    }

    @Test func failsTheCommandUnderWayWhenTheConnectionEndsThenReconnects() async throws {
        try await self.withServer { (_: LoopbackServer, client: QuireClient) async throws in
            await #expect(throws: QuireError.connectionClosed) {
                try await client.plainSet(self.bytes("k"), value: self.bytes("HANGUP"))
            }
            #expect(try await client.plainGet(self.bytes("k")) == nil)
        }
    }

    @Test func takesTheFirstEndpointThatAnswers() async throws {
        let gone = try await LoopbackServer.start()
        try await gone.stop()
        let server = try await LoopbackServer.start()
        let client = QuireClient(
            endpoints: [gone, server].map { QuireEndpoint(host: "127.0.0.1", port: $0.port) }
        )
        try await client.plainSet(self.bytes("k"), value: [1])
        #expect(try await client.plainGet(self.bytes("k")) == [1])
        await client.close()
        try await server.stop()
    }

    @Test func namesEveryEndpointThatItCouldNotReach() async throws {
        let gone = try await LoopbackServer.start()
        try await gone.stop()
        let endpoints = ["127.0.0.1", "localhost"].map { QuireEndpoint(host: $0, port: gone.port) }
        let clock = ManualClock()
        let client = QuireClient(
            seeds: endpoints,
            configuration: QuireConfiguration(),
            isPartitionAware: false,
            clock: clock
        )
        let read = Task { () async -> QuireError? in
            do throws(QuireError) {
                _ = try await client.plainGet([1])
                return nil
            } catch {
                return error
            }
        }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(5))
        let error = await read.value
        guard case .unreachable(let reasons)? = error else {
            Issue.record("the error was \(String(describing: error))")
            return
        }
        for endpoint in endpoints { #expect(reasons.contains { $0.contains("\(endpoint)") }) }
        #expect(error?.mayHaveBeenStored == false)
    }
}
