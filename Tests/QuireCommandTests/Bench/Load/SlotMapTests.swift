import QuireCore
import QuireWire
import Testing

@testable import quire

@Suite struct SlotMapTests {
    private static let asked = Endpoint(host: "asked", port: 1)

    private static func node(_ host: RESPValue, _ port: Int64) -> RESPValue {
        .array([host, .integer(port), .bulk("id"), .array([])])
    }

    private static func range(_ first: Int64, _ last: Int64, _ nodes: RESPValue...) -> RESPValue {
        .array([.integer(first), .integer(last)] + nodes)
    }

    private static let reply = RESPValue.array([
        Self.range(0, 99, Self.node(.bulk("a"), 10), Self.node(.bulk("c"), 30)),
        Self.range(200, 16_383, Self.node(.bulk("b"), 20)),
        Self.range(100, 199, Self.node(.bulk("a"), 10)),
    ])

    @Test func sendsEachSlotToItsMaster() throws {
        let map = try SlotMap(clusterSlots: Self.reply, asked: Self.asked)
        #expect(map.nodes == [Endpoint(host: "a", port: 10), Endpoint(host: "b", port: 20)])
        #expect([0, 99, 100, 199, 200, 16_383].map { map.node(of: $0) } == [0, 0, 0, 0, 1, 1])
    }

    @Test(arguments: [RESPValue.null, .bulk(""), .bulk("?")])
    func takesTheAskedNodeForAnUnknownHost(_ host: RESPValue) throws {
        let map = try SlotMap(clusterSlots: .array([Self.range(0, 16_383, Self.node(host, 7))]), asked: Self.asked)
        #expect(map.nodes == [Endpoint(host: "asked", port: 7)])
    }

    @Test(arguments: [
        (RESPValue.ok, SlotMap.Malformation.shape),
        (.array([.ok]), .shape),
        (.array([]), .uncovered(slot: 0)),
        (.array([Self.range(0, 16_382, Self.node(.bulk("a"), 1))]), .uncovered(slot: 16_383)),
        (.array([Self.range(0, 16_384, Self.node(.bulk("a"), 1))]), .impossible(16_384)),
        (.array([Self.range(-1, 5, Self.node(.bulk("a"), 1))]), .impossible(-1)),
        (.array([Self.range(5, 4, Self.node(.bulk("a"), 1))]), .impossible(5)),
        (.array([Self.range(0, 16_383, Self.node(.bulk("a"), 0))]), .impossible(0)),
        (.array([Self.range(0, 16_383, Self.node(.integer(1), 1))]), .shape),
        (.array([.array([.integer(0), .integer(1)])]), .shape),
    ])
    func refusesWhatIsNoSlotMap(_ reply: RESPValue, _ error: SlotMap.Malformation) {
        #expect(throws: error) { try SlotMap(clusterSlots: reply, asked: Self.asked) }
    }

    @Test func followsARedirection() throws {
        var map = try SlotMap(clusterSlots: Self.reply, asked: Self.asked)
        map.moved(try #require(SlotMap.Redirection(error: "MOVED 100 b:20")), asked: Self.asked)
        #expect([99, 100, 101].map { map.node(of: $0) } == [0, 1, 0])
        map.moved(try #require(SlotMap.Redirection(error: "MOVED 5 ::1:30")), asked: Self.asked)
        #expect(map.nodes[map.node(of: 5)] == Endpoint(host: "::1", port: 30))
        map.moved(try #require(SlotMap.Redirection(error: "MOVED 6 :40")), asked: Self.asked)
        #expect(map.nodes[map.node(of: 6)] == Endpoint(host: "asked", port: 40))
    }

    @Test(arguments: [
        "MOVED", "MOVED 1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a", "MOVED 1 a:0", "ERR no", "ASK 1 a:1",
        "MOVED 1 a:1 b",
    ])
    func noOtherErrorIsARedirection(_ text: String) {
        #expect(SlotMap.Redirection(error: text) == nil)
    }

    @Test func aNewerMapKeepsThePlacesOfKnownNodes() throws {
        var map = try SlotMap(clusterSlots: Self.reply, asked: Self.asked)
        let newer = RESPValue.array([
            Self.range(0, 99, Self.node(.bulk("b"), 20)), Self.range(100, 16_383, Self.node(.bulk("c"), 30)),
        ])
        map.refresh(from: try SlotMap(clusterSlots: newer, asked: Self.asked))
        #expect(map.nodes.map(\.host) == ["a", "b", "c"])
        #expect([0, 100].map { map.node(of: $0) } == [1, 2])
    }

    @Test func sendsEachPartitionOfALayoutToItsTokenHolder() throws {
        let members = ["a", "b"].enumerated().map { index, name in
            RESPValue.array([
                .bulk("000000000000000\(index + 1)"), .bulk(name), .bulk("zone"), .bulk(name), .integer(7379),
            ])
        }
        let table = try RoutingTable(
            reply: .array([
                .bulk("cluster"), .bulk(String(repeating: "0", count: 32)), .bulk("version"), .integer(1),
                .bulk("partitions"), .integer(8), .bulk("replicas"), .integer(2), .bulk("read-quorum"), .integer(1),
                .bulk("write-quorum"), .integer(1), .bulk("members"), .array(members), .bulk("rows"),
                .bulk("0,1 1,0 0,1 1,0 0,1 1,0 0,1 1,0"),
            ])
        )
        let map = SlotMap(table)
        #expect(map.nodes.map(\.host) == ["a", "b"])
        #expect([0, 2047, 2048, 4095, 4096, 16_383].map { map.node(of: $0) } == [0, 0, 1, 1, 0, 1])
    }
}
