import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import quire

@Suite struct EtcdLoadClientTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private static let put = LoadOperation(kind: .put, key: 3)
    private static let get = LoadOperation(kind: .get, key: 3)

    @Test func callsGoOverOneConnectionOneAfterTheOther() async throws {
        let server = try await ScriptedEtcd { path in
            path == EtcdMessages.putPath ? .message([], status: "0") : .message([32, 1], status: "0")
        }
        let operations = (0..<50).map { $0.isMultiple(of: 2) ? Self.put : Self.get }
        #expect(try await self.outcomes(operations, port: server.port).allSatisfy { $0 == .succeeded })
        try await server.stop()
    }

    @Test(arguments: [
        (ScriptedEtcd.Answer.message([], status: "0"), "missing"),
        (.message([10, 9], status: "0"), "bad reply"),
        (.message([32, 1], status: "14"), "grpc-status 14"),
        (.status("8"), "grpc-status 8"),
        (.status("0"), "bad reply"),
        (.reset, "stream reset"),
    ])
    func aGetFailsByItsAnswer(_ answer: ScriptedEtcd.Answer, _ words: String) async throws {
        let server = try await ScriptedEtcd { _ in answer }
        #expect(try await self.outcomes([Self.get, Self.get], port: server.port) == [.failed(words), .failed(words)])
        try await server.stop()
    }

    @Test func aConnectionThatEndsFailsItsCallAndTheNextHasANewOne() async throws {
        let calls = NIOLockedValueBox(0)
        let server = try await ScriptedEtcd { _ in
            calls.withLockedValue {
                $0 += 1
                return $0 == 2 ? .hangUp : .message([], status: "0")
            }
        }
        let outcomes = try await self.outcomes([Self.put, Self.put, Self.put], port: server.port)
        #expect(outcomes.map { $0 == .succeeded } == [true, false, true])
        try await server.stop()
    }

    @Test func aCallFailsWhereNobodyListens() async throws {
        let deaf = try DeafPort()
        #expect(try await self.outcomes([Self.put], port: deaf.number) == [.failed("connection refused")])
    }

    private func outcomes(_ operations: [LoadOperation], port: Int) async throws -> [LoadOutcome] {
        let loop = self.loop
        let keys = LoadKeys(count: 10, valueBytes: 1024, seed: 1)
        let endpoint = try #require(ProxyAddress("127.0.0.1:\(port)"))
        let client = try await loop.submit {
            NIOLoopBound<any MeasuredClient>(
                EtcdLoadClient(keys, endpoint: endpoint, loop: loop, turn: 0),
                eventLoop: loop
            )
        }.get()
        return try await client.outcomes(operations, on: loop)
    }
}
