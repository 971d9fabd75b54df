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
}
