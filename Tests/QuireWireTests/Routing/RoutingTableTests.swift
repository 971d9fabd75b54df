import NIOCore
import QuireCore
import QuireWire
import Testing

@Suite struct RoutingTableTests {
    /// Five members, Q=8, N=3.
    static let layout: Layout = {
        let members = (1...5).map { number in
            Member(
                id: NodeID(rawValue: UInt64(number)),
                name: "n\(number)",
                zone: "z\(number % 3)",
                peer: Endpoint(host: "10.0.0.\(number)", port: 7381),
                proxy: Endpoint(host: "10.0.0.\(number)", port: 7379),
                http: Endpoint(host: "10.0.0.\(number)", port: 7382)
            )
        }
        let rows = (0..<8).map { partition in (0..<3).map { members[(partition + $0) % 5].id } }
        return Layout(
            clusterID: String(repeating: "0a", count: 16),
            version: LayoutVersion(7),
            partitionCount: PartitionCount(8)!,
            quorums: QuorumSettings(replicaCount: 3, readQuorum: 2, writeQuorum: 2),
            members: members,
            rows: rows
        )
    }()

    private let table = RoutingTable(Self.layout) { $0.proxy }

    /// The entries of a reply, to be spoiled.
    private var entries: [RESPValue.Entry] {
        guard case .map(let entries) = self.table.reply else { return [] }
        return entries
    }

    private func replacing(_ name: String, by value: RESPValue) -> RESPValue {
        .map(self.entries.map { $0.key == .bulk(name) ? .init($0.key, value) : $0 })
    }

    @Test func readsItsOwnAnswerInBothVersionsOfTheProtocol() throws {
        for version in [RESPVersion.two, .three] {
            var bytes = ByteBuffer()
            RESPEncoder(version: version).encode(self.table.reply, into: &bytes)
            var parser = RESPValueParser()
            let reply = try #require(try parser.next(&bytes))
            #expect(try RoutingTable(reply: reply) == self.table)
        }
    }

    @Test func namesTheReplicasOfAKeyAsTheLayoutDoes() {
        for number in 0..<200 {
            let key = Key("key \(number)")!
            let row = Self.layout.readRow(of: Self.layout.partitionCount.partition(of: key))
            #expect(self.table.replicas(of: key).map(\.id) == row)
            for member in Self.layout.members {
                #expect(self.table.isReplica(member.id, of: key) == row.contains(member.id))
            }
        }
    }

    @Test func givesTheEndpointThatItIsTold() {
        let moved = RoutingTable(Self.layout) { Endpoint(host: $0.name, port: 1) }
        #expect(moved.nodes.map(\.endpoint.host) == ["n1", "n2", "n3", "n4", "n5"])
    }

    @Test func ignoresEntriesThatItDoesNotKnow() throws {
        let reply = RESPValue.map(self.entries + [.init(.bulk("colour"), .bulk("blue"))])
        #expect(try RoutingTable(reply: reply) == self.table)
    }

    @Test(arguments: ["cluster", "version", "partitions", "replicas", "read-quorum", "write-quorum", "members", "rows"])
    func needsEveryEntry(_ name: String) {
        let reply = RESPValue.map(self.entries.filter { $0.key != .bulk(name) })
        #expect(throws: RoutingTable.Malformation.missing(name)) { try RoutingTable(reply: reply) }
        #expect(throws: RoutingTable.Malformation.self) { try RoutingTable(reply: self.replacing(name, by: .null)) }
    }

    private static let impossible: [(String, RESPValue)] = [
        ("cluster", .bulk("not a cluster")), ("cluster", .bulk(String(repeating: "G", count: 32))),
        ("version", .integer(0)), ("version", .integer(-1)), ("partitions", .integer(7)), ("partitions", .integer(16)),
        ("partitions", .integer(1 << 40)), ("replicas", .integer(8)), ("replicas", .integer(0)),
        ("read-quorum", .integer(4)), ("write-quorum", .integer(0)), ("members", .array([])),
        ("members", .array([.array([.bulk("x")])])),
        ("members", .array([.array([.bulk("zz"), .bulk("n"), .bulk("z"), .bulk("h"), .integer(1)])])),
        (
            "members",
            .array([.array([.bulk("0000000000000001"), .bulk("n"), .bulk("z"), .bulk("h"), .integer(70_000)])])
        ),
        ("members", .array([.array([.bulk("0000000000000001"), .bulk("n"), .bulk("z"), .bulk(""), .integer(1)])])),
        (
            "members",
            .array(
                Array(
                    repeating: .array([
                        .bulk("0000000000000001"), .bulk("n"), .bulk("z"), .bulk("h"), .integer(1),
                    ]),
                    count: 2
                )
            )
        ),
        ("members", .array(Array(repeating: .null, count: 8193))), ("rows", .bulk("")), ("rows", .bulk("0,1,2")),
        ("rows", .bulk("0 0 0 0 0 0 0 5")), ("rows", .bulk("0 0 0 0 0 0 0 0,0")), ("rows", .bulk("0 0 0 0 0 0 0 ")),
        ("rows", .bulk("0 0 0 0 0 0 0 -1")), ("rows", .bulk("0 0 0 0 0 0 0 99999999999999999999")),
        ("rows", .bulk("0 0 0 0 0 0 0 0 0")), ("rows", .bulk([UInt8](repeating: 0x20, count: 1 << 20))),
    ]

    @Test(arguments: Self.impossible.indices)
    func refusesWhatCannotBe(_ index: Int) {
        let (name, value) = Self.impossible[index]
        #expect(throws: RoutingTable.Malformation.self) { try RoutingTable(reply: self.replacing(name, by: value)) }
    }

    @Test func refusesAnswersThatAreNoMap() {
        for reply in [
            RESPValue.null, .ok, .integer(1), .array([.bulk("cluster")]), .array([.null, .null]), .bulk("x"),
        ] {
            #expect(throws: RoutingTable.Malformation.self) { try RoutingTable(reply: reply) }
        }
    }

    /// Whatever a byte is changed to: the answer is refused, or is a table of which every key has a replica.
    @Test func survivesAnyDamage() throws {
        var original = ByteBuffer()
        RESPEncoder(version: .three).encode(self.table.reply, into: &original)
        let bytes = Array(original.readableBytesView)
        var random = SeededGenerator(seed: 41)
        var accepted = 0
        for _ in 0..<4000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<damaged.count, using: &random)
                damaged[index] = UInt8.random(in: .min ... .max, using: &random)
            }
            var buffer = ByteBuffer(bytes: damaged)
            var parser = RESPValueParser()
            // Damage to the framing is the parser's to refuse.
            guard let reply = try? parser.next(&buffer), let table = try? RoutingTable(reply: reply) else { continue }
            accepted += 1
            for number in 0..<16 {
                #expect((1...7).contains(table.replicas(of: Key("\(number)")!).count))
            }
        }
        #expect(accepted > 0)
    }
}
