import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// A full disk refuses writes and nothing else, and needs no restart when there is space again.
    @Suite(.enabled(if: SmallDisk.isPossible, "only root can mount a small disk"))
    struct DiskFullTests {
        @Test func aLoneNodeRefusesWritesReadsOnAndRecovers() async throws {
            try await SmallDisk.run(megabytes: 64) { (disk) async throws -> Void in
                try await ProcessCluster.run(.single, firstOn: disk.path) { (cluster) async throws -> Void in
                    let data = Dataset(count: 100)
                    try await data.store(through: cluster.first)
                    let connection = try await cluster.first.connect()
                    try disk.fill()
                    let refused = try await Self.writeUntilNotDurable(connection)
                    #expect(refused.message.lowercased().contains("space"), "\(refused.message)")

                    #expect(try await data.differences(through: cluster.first) == [])
                    #expect(await cluster.first.isRunning)
                    #expect(try HTTPProbe.status(of: "/livez", port: cluster.first.ports.http) == 200)

                    try disk.clear()
                    try await eventually("writes are taken again") {
                        let reply = try await connection.send(["SET", "after", "well again"])
                        return reply == .status("OK")
                    }
                    #expect(try await connection.send([Array("GET".utf8), refused.key]) == .null)
                    try await data.store(through: cluster.first)
                    await connection.close()
                    try await cluster.first.stop()
                    try await cluster.first.start()
                    try await cluster.first.waitUntilReady()
                    #expect(try await data.differences(through: cluster.first) == [])
                    let again = try await cluster.first.connect()
                    #expect(try await again.send(["GET", "after"]) == .bytes(Array("well again".utf8)))
                    await again.close()
                }
            }
        }

        @Test func theOtherNodesServeWhileOneHasNoSpace() async throws {
            try await SmallDisk.run(megabytes: 64) { (disk) async throws -> Void in
                try await ProcessCluster.run(.init(), firstOn: disk.path) { (cluster) async throws -> Void in
                    let data = Dataset(count: 100)
                    try await data.store(through: cluster.first)
                    try disk.fill()
                    // Large values, so that what the full disk has left in half-used pages is gone at once.
                    let writer = JournaledWriter(cluster.nodes.dropFirst().map(\.endpoint))
                    let more = Dataset(count: 40, prefix: "more")
                    for node in cluster.nodes.dropFirst() { try await more.store(through: node) }
                    await writer.start()
                    try await writer.waitForProgress("writes and reads while one disk is full", count: 100)
                    // All three are asked here, and one of them cannot.
                    let client = QuireClient(endpoints: [cluster.nodes[1].endpoint])
                    let demanding = Array("demanding".utf8)
                    await #expect(throws: QuireError.self) {
                        _ = try await client.put(demanding, value: [1], context: .none, writeQuorum: 3)
                    }
                    try disk.clear()
                    try await eventually("all three take writes again") {
                        _ = try await client.put(demanding, value: [2], context: .none, writeQuorum: 3)
                        return true
                    }
                    await client.close()
                    try await writer.waitForProgress("writes and reads with space again", count: 100)
                    await writer.stop()
                    #expect(await writer.failures == [])
                    #expect(await writer.staleReads == [])
                    for node in cluster.nodes {
                        #expect(await node.isRunning)
                        #expect(try await data.differences(through: node) == [], "through \(node.name)")
                        #expect(try await more.differences(through: node) == [], "through \(node.name)")
                    }
                }
            }
        }

        /// Writes until a write is refused because it cannot be stored.
        ///
        /// A write that was under way when the space ended says that it may survive; every later one is refused
        /// before anything of it is stored.
        private static func writeUntilNotDurable(
            _ connection: QuireConnection
        ) async throws -> (key: [UInt8], message: String) {
            let value = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
            for index in 0..<1000 {
                let key = Array("big/\(index)".utf8)
                let reply = try await connection.sendAll([[Array("SET".utf8), key, value]])[0]
                switch reply {
                case .error(code: "NOTDURABLE", let message) where message.contains("may survive"):
                    guard message.lowercased().contains("space") else {
                        throw ConditionMissed(what: "the reason of a refusal", patience: .zero, lastError: message)
                    }
                case .error(code: "NOTDURABLE", let message): return (key, message)
                case .status("OK"): continue
                default: throw ConditionMissed(what: "an answer to SET", patience: .zero, lastError: "\(reply)")
                }
            }
            throw ConditionMissed(what: "a full disk refuses writes", patience: .zero, lastError: nil)
        }
    }
}
