import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireWire
import Testing

@testable import quire

@Suite struct RESPLoadClientTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let keys = LoadKeys(count: 10, valueBytes: 4, seed: 1)
    private static let put = LoadOperation(kind: .put, key: 3)
    private static let get = LoadOperation(kind: .get, key: 3)

    @Test func aGetSucceedsWhenTheValueHasItsSize() async throws {
        let server = try await ScriptedServer { $0 == ["GET", "load:00000000003"] ? "$4\r\nabcd\r\n" : "-ERR no\r\n" }
        #expect(try await self.outcomes([Self.get, Self.get], port: server.port) == [.succeeded, .succeeded])
        try await server.stop()
    }

    @Test(arguments: [
        ("$-1\r\n", "missing"), ("$3\r\nabc\r\n", "wrong size"), ("-LOADING the data\r\n", "LOADING"),
        (":1\r\n", "unexpected reply"), ("+OK\r\n", "unexpected reply"), ("*0\r\n", "bad reply"),
    ])
    func aGetFailsByItsReply(_ reply: String, _ words: String) async throws {
        let server = try await ScriptedServer { _ in reply }
        #expect(try await self.outcomes([Self.get], port: server.port) == [.failed(words)])
        try await server.stop()
    }

    @Test(arguments: [
        ("+OK\r\n", ":1\r\n", LoadOutcome.succeeded),
        ("+OK\r\n", ":2\r\n", .succeeded),
        ("+OK\r\n", ":0\r\n", .failed("too few replicas")),
        ("-ERR no\r\n", ":1\r\n", .failed("ERR")),
        ("+OK\r\n", "-UNBLOCKED force\r\n", .failed("UNBLOCKED")),
        (":1\r\n", ":1\r\n", .failed("unexpected reply")),
    ])
    func aPutNeedsItsSetAndItsWait(_ set: String, _ wait: String, _ outcome: LoadOutcome) async throws {
        let server = try await ScriptedServer { $0.first == "SET" ? set : wait }
        #expect(try await self.outcomes([Self.put, Self.put], port: server.port, wait: 1) == [outcome, outcome])
        try await server.stop()
    }

    @Test func aPutWithoutAWaitHasOneReply() async throws {
        let server = try await ScriptedServer { $0.first == "SET" ? "+OK\r\n" : "-ERR no\r\n" }
        #expect(
            try await self.outcomes([Self.put, Self.get, Self.put], port: server.port).map { $0 == .succeeded } == [
                true, false, true,
            ]
        )
        try await server.stop()
    }

    @Test func aRedirectionIsFollowedToANodeThatWasNotKnown() async throws {
        let target = try await ScriptedServer { $0.first == "SET" ? "+OK\r\n" : ":1\r\n" }
        let slot = self.keys.slot(of: 3)
        let port = target.port
        let source = try await ScriptedServer { words in
            words.first == "SET" ? "-MOVED \(slot) 127.0.0.1:\(port)\r\n" : "-ERR WAIT on a replica\r\n"
        }
        #expect(try await self.outcomes([Self.put, Self.put], port: source.port, wait: 1) == [.succeeded, .succeeded])
        try await source.stop()
        try await target.stop()
    }

    @Test func redirectionsInACircleEnd() async throws {
        let slot = self.keys.slot(of: 3)
        // An empty host stands for the node that was asked; it is the one that sends back to itself.
        let ports = NIOLockedValueBox(0)
        let server = try await ScriptedServer { _ in "-MOVED \(slot) :\(ports.withLockedValue { $0 })\r\n" }
        ports.withLockedValue { $0 = server.port }
        #expect(try await self.outcomes([Self.get], port: server.port) == [.failed("MOVED")])
        try await server.stop()
    }

    @Test func aConnectionThatEndsFailsItsOperationAndTheNextHasANewOne() async throws {
        let requests = NIOLockedValueBox(0)
        let server = try await ScriptedServer { _ in
            requests.withLockedValue {
                $0 += 1
                return $0 == 2 ? nil : "$4\r\nabcd\r\n"
            }
        }
        let outcomes = try await self.outcomes([Self.get, Self.get, Self.get], port: server.port)
        #expect(outcomes.map { $0 == .succeeded } == [true, false, true])
        try await server.stop()
    }

    @Test func anOperationFailsWhereNobodyListens() async throws {
        let deaf = try DeafPort()
        #expect(try await self.outcomes([Self.get], port: deaf.number) == [.failed("connection refused")])
    }

    /// One client's operations, one after the other, with all slots at the port and no connection made before.
    private func outcomes(
        _ operations: [LoadOperation],
        port: Int,
        wait: Int = 0
    ) async throws -> [LoadOutcome] {
        let loop = self.loop
        let keys = self.keys
        let range = RESPValue.array([
            .integer(0), .integer(16_383), .array([.bulk("127.0.0.1"), .integer(Int64(port))]),
        ])
        let map = try SlotMap(clusterSlots: .array([range]), asked: Endpoint(host: "127.0.0.1", port: port))
        let client = try await loop.submit {
            // Without an answer to a refresh, only redirections count.
            let router = SlotRouter(map, loop: loop) { throw CommandFailure("unreachable", "nobody is asked") }
            return NIOLoopBound<any MeasuredClient>(
                RESPLoadClient(keys, wait: wait, router: router, loop: loop, turn: 0),
                eventLoop: loop
            )
        }.get()
        return try await client.outcomes(operations, on: loop)
    }
}

extension NIOLoopBound<any MeasuredClient> {
    /// How each of the operations ends, begun one after the other.
    func outcomes(_ operations: [LoadOperation], on loop: any EventLoop) async throws -> [LoadOutcome] {
        var outcomes: [LoadOutcome] = []
        for operation in operations {
            outcomes.append(
                try await loop.flatSubmit {
                    let promise = loop.makePromise(of: LoadOutcome.self)
                    self.value.finished = { promise.succeed($0) }
                    self.value.begin(operation)
                    return promise.futureResult
                }.get()
            )
        }
        try await loop.submit { self.value.close() }.get()
        return outcomes
    }
}
