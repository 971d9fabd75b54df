import Foundation
import QuireClient
import QuireCore
import Testing

/// The examples of the article, as they stand there, against a cluster (Dynamo §6).
@Suite(.timeLimit(.minutes(2))) struct UsagePatternTests {
    private func withCluster(_ body: (LoopbackCluster) async throws -> Void) async throws {
        let cluster = try await LoopbackCluster.start()
        try await body(cluster)
        try await cluster.stop()
    }

    @Test func cartsAreReconciledByBusinessLogic() async throws {
        try await self.withCluster { cluster in
            let client = QuireClient(seeds: [cluster.endpoint(0)])
            let key = Array("cart/17".utf8)
            // Two devices that know nothing of each other.
            _ = try await client.put(key, value: Array("book".utf8), context: .none)
            _ = try await client.put(key, value: Array("pen".utf8), context: .none)
            try await add("ink", toCart: key, client)
            #expect(try await client.get(key).values == [Array("book\nink\npen".utf8)])

            _ = try await client.put(key, value: Array("paper".utf8), context: .none)
            try await merge(key, client)
            #expect(try await client.get(key).values.count == 1)
            await client.close()
        }
    }

    @Test func sessionsKeepTheLastWrite() async throws {
        try await self.withCluster { cluster in
            let client = sessionClient(seeds: [cluster.endpoint(0)])
            try await remember([1], of: "ada", client)
            try await remember(briefly: [2], of: "ada", client)
            #expect(try await session(of: "ada", client) == [2])
            #expect(try await session(of: "bob", client) == nil)
            let puts = cluster.servers.flatMap(\.operations).compactMap { operation -> PutRequest? in
                if case .put(let put) = operation { put } else { nil }
            }
            #expect(Set(puts.map(\.durability)) == [nil, .buffered])
            await client.close()
        }
    }

    @Test func aCatalogueIsReadFromOneReplica() async throws {
        try await self.withCluster { cluster in
            let client = QuireClient(seeds: [cluster.endpoint(0)])
            try await publish([7], as: "lamp", replicas: 3, client)
            #expect(try await page(of: "lamp", client) == [7])
            let operations = cluster.servers.flatMap(\.operations)
            #expect(operations.contains(.get(Key("product/lamp")!, readQuorum: 1)))
            #expect(operations.contains { if case .put(let put) = $0 { put.writeQuorum == 3 } else { false } })
            await client.close()
        }
    }

    @Test func everyExampleOfTheArticleIsCompiledHere() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let article = try String(
            contentsOf: root.appending(path: "Sources/QuireClient/QuireClient.docc/ThreeWaysToUseQuire.md"),
            encoding: .utf8
        )
        let examples = article.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(examples.count == 5)
        let source = Self.squeezed(try String(contentsOf: URL(filePath: #filePath), encoding: .utf8))
        for example in examples {
            #expect(source.contains(Self.squeezed(example)), "not compiled: \(example)")
        }
    }

    /// The words alone: how lines are broken does not matter.
    private static func squeezed(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ").replacing("private func", with: "func")
    }
}

// MARK: Business logic

private func add(_ item: String, toCart key: [UInt8], _ client: QuireClient) async throws {
    try await client.update(key) { siblings in
        let carts = siblings.map { Set(String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init)) }
        let items = carts.reduce(into: Set([item])) { $0.formUnion($1) }
        return Array(items.sorted().joined(separator: "\n").utf8)
    }
}

private func merge(_ key: [UInt8], _ client: QuireClient) async throws {
    let cart = try await client.get(key)
    guard cart.values.count > 1 else { return }
    let merged = cart.values.joined(separator: Array("\n".utf8))
    do {
        let outcome = try await client.put(key, value: Array(merged), context: cart.context)
        print(outcome.siblingCount == 1 ? "one cart" : "somebody wrote at the same time")
    } catch let error where error.mayHaveBeenStored {
        print("read the cart again before anything else")
    }
}

// MARK: The last write wins

private func remember(_ session: [UInt8], of user: String, _ client: QuireClient) async throws {
    try await client.plainSet(Array("session/\(user)".utf8), value: session)
}

private func session(of user: String, _ client: QuireClient) async throws -> [UInt8]? {
    try await client.plainGet(Array("session/\(user)".utf8))
}

private func sessionClient(seeds: [QuireEndpoint]) -> QuireClient {
    var configuration = QuireConfiguration()
    configuration.repeatsPlainWritesOfUnknownFate = true
    return QuireClient(seeds: seeds, configuration: configuration)
}

private func remember(briefly session: [UInt8], of user: String, _ client: QuireClient) async throws {
    try await client.plainSet(Array("session/\(user)".utf8), value: session, durability: .buffered)
}

// MARK: A read engine

private func publish(_ page: [UInt8], as product: String, replicas: Int, _ client: QuireClient) async throws {
    try await client.plainSet(Array("product/\(product)".utf8), value: page, writeQuorum: replicas)
}

private func page(of product: String, _ client: QuireClient) async throws -> [UInt8]? {
    try await client.plainGet(Array("product/\(product)".utf8), readQuorum: 1)
}
