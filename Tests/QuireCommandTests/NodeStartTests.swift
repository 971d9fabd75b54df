import ArgumentParser
import Testing

@testable import quire

@Suite struct NodeStartTests {
    private static let needed = ["--data", "d", "--cluster-key-file", "k"]

    @Test(arguments: ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
    func listensOnLoopbackWithoutBeingAskedTwice(_ host: String) throws {
        #expect(try NodeStart.parse(Self.needed + ["--host", host]).host == host)
    }

    @Test func listensBeyondLoopbackOnlyWhenTheNetworkIsTrusted() throws {
        let beyond = Self.needed + ["--host", "192.0.2.7"]
        let error = #expect(throws: (any Error).self) { try NodeStart.parse(beyond) }
        #expect(NodeStart.message(for: try #require(error)).contains("--trust-network"))
        #expect(try NodeStart.parse(beyond + ["--trust-network"]).host == "192.0.2.7")
    }

    @Test(arguments: ["0.0.0.0", "::", ""])
    func refusesAnAddressThatNobodyCanReach(_ host: String) throws {
        #expect(throws: (any Error).self) { try NodeStart.parse(Self.needed + ["--host", host, "--trust-network"]) }
    }

    @Test func refusesTwoListenersOnOnePort() throws {
        let ports = ["--proxy-port", "7000", "--peer-port", "7000"]
        #expect(throws: (any Error).self) { try NodeStart.parse(Self.needed + ports) }
    }

    @Test func takesSeveralSeeds() throws {
        let seeds = ["--seed", "127.0.0.1:7381", "--seed", "[::1]:7381"]
        #expect(try NodeStart.parse(Self.needed + seeds).seeds == ["127.0.0.1:7381", "[::1]:7381"])
    }

    @Test(arguments: ["here", "here:0", ":7381", "::1:7381", "here:70000"])
    func refusesASeedThatIsNoAddress(_ seed: String) throws {
        let error = #expect(throws: (any Error).self) { try NodeStart.parse(Self.needed + ["--seed", seed]) }
        #expect(NodeStart.message(for: try #require(error)).contains("HOST:PORT"))
    }

    @Test func refusesNamesThatGossipWouldCut() throws {
        let name = String(repeating: "n", count: 256)
        #expect(throws: (any Error).self) { try NodeStart.parse(Self.needed + ["--name", name]) }
    }
}
