import QuireClient
import Testing

extension EndToEndTests {
    /// The causal verbs across nodes: siblings are kept, reconciled and never forged (Dynamo §4.4).
    @Suite struct CausalityTests {
        @Test func concurrentPutsBecomeSiblingsAndAPutWithTheirContextReconcilesThem() async throws {
            try await ProcessCluster.run { cluster in
                let clients = cluster.nodes.map { QuireClient(endpoints: [$0.endpoint]) }
                let key = Array("basket".utf8)
                let begun = try await clients[0].put(key, value: Array("milk".utf8), context: .none)
                #expect(begun.siblingCount == 1)

                let left = try await clients[1].put(key, value: Array("milk, bread".utf8), context: begun.context)
                let right = try await clients[2].put(key, value: Array("milk, eggs".utf8), context: begun.context)
                #expect([left.siblingCount, right.siblingCount].max() == 2)
                for client in clients {
                    let read = try await client.get(key)
                    #expect(Set(read.values.map(Self.text)) == ["milk, bread", "milk, eggs"])
                }

                let read = try await clients[0].get(key)
                let merged = try await clients[1].put(key, value: Array("all three".utf8), context: read.context)
                #expect(merged.siblingCount == 1)
                for client in clients {
                    #expect(try await client.get(key).values.map(Self.text) == ["all three"])
                    #expect(try await client.plainGet(key).map(Self.text) == "all three")
                }
                for client in clients { await client.close() }
            }
        }

        @Test func deletionsCoverWhatTheirContextHasSeenOnly() async throws {
            try await ProcessCluster.run { cluster in
                let clients = cluster.nodes.map { QuireClient(endpoints: [$0.endpoint]) }
                let key = Array("seen".utf8)
                let first = try await clients[0].put(key, value: Array("one".utf8), context: .none)
                _ = try await clients[1].put(key, value: Array("two".utf8), context: .none)
                _ = try await clients[2].delete(key, context: first.context)
                #expect(try await clients[0].get(key).values.map(Self.text) == ["two"])
                // A plain read shows the sibling with the greatest timestamp, and that is the deletion.
                #expect(try await clients[1].plainGet(key) == nil)

                let rest = try await clients[1].get(key)
                _ = try await clients[0].delete(key, context: rest.context)
                for client in clients {
                    #expect(try await client.plainGet(key) == nil)
                    #expect(try await client.get(key).values.isEmpty)
                }
                for client in clients { await client.close() }
            }
        }

        @Test func contextsThatAreForgedOrForeignAreRefusedAndNothingIsStored() async throws {
            try await ProcessCluster.run { cluster in
                let client = QuireClient(endpoints: [cluster.first.endpoint])
                let (mine, other) = (Array("mine".utf8), Array("other".utf8))
                let outcome = try await client.put(mine, value: Array("kept".utf8), context: .none)
                var forged = outcome.context.text
                forged[forged.count / 2] =
                    forged[forged.count / 2] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")

                let attempts: [(key: [UInt8], context: [UInt8])] = [
                    (mine, forged), (mine, Array(outcome.context.text.dropLast(4))), (mine, Array("no context".utf8)),
                    (other, outcome.context.text),
                ]
                for (key, context) in attempts {
                    await Self.expectRefusal {
                        _ = try await client.put(key, value: Array("bad".utf8), context: QuireContext(text: context))
                    }
                    await Self.expectRefusal {
                        _ = try await client.delete(key, context: QuireContext(text: context))
                    }
                }
                #expect(try await client.get(mine).values.map(Self.text) == ["kept"])
                #expect(try await client.get(other) == .unknown)
                await client.close()
            }
        }

        @Test func aContextOfAnotherClusterIsRefused() async throws {
            try await ProcessCluster.run(.single) { foreign in
                let stranger = QuireClient(endpoints: [foreign.first.endpoint])
                let key = Array("same key".utf8)
                let context = try await stranger.put(key, value: Array("there".utf8), context: .none).context
                await stranger.close()
                try await ProcessCluster.run(.single) { cluster in
                    let client = QuireClient(endpoints: [cluster.first.endpoint])
                    await Self.expectRefusal {
                        _ = try await client.put(key, value: Array("here".utf8), context: context)
                    }
                    let left = try await client.get(key)
                    #expect(left == .unknown)
                    await client.close()
                }
            }
        }

        private static func expectRefusal(
            sourceLocation: SourceLocation = #_sourceLocation,
            _ body: () async throws -> Void
        ) async {
            do {
                try await body()
                Issue.record("the context was accepted", sourceLocation: sourceLocation)
            } catch QuireError.refused(code: "BADCONTEXT", let message) {
                #expect(message.contains("QUIRE.GET"), sourceLocation: sourceLocation)
            } catch {
                Issue.record(error, sourceLocation: sourceLocation)
            }
        }

        private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    }
}
