import NIOCore
import QuireCore
import Testing

@testable import QuireWire

/// The bounds of gossip on the wire; its round trips, truncations and mutations are with all other messages.
@Suite struct GossipCodecTests {
    private static func entry(_ node: UInt64, name: String = "n", figures: [RESPValue] = []) -> RESPValue {
        let endpoint: [RESPValue] = [.bulk("h"), .integer(7)]
        let rest: [RESPValue] = [.integer(1), .integer(2), .integer(3)]
        return .array([.unsigned(node), .bulk(name), .bulk("z")] + endpoint + endpoint + endpoint + rest + figures)
    }

    private static func decode(_ type: String, _ fields: [RESPValue]) throws -> PeerMessage {
        try PeerCodec.envelope(from: .array(Self.head(type) + fields)).message
    }

    /// What a whole message of this kind begins with, whatever its envelope carries.
    private static func head(_ type: String) -> [RESPValue] {
        var buffer = ByteBuffer()
        let message = PeerMessage.control(.identify)
        PeerCodec.encode(PeerEnvelope(correlation: 1, isReply: false, version: .none, message: message), into: &buffer)
        var parser = RESPValueParser(limits: PeerCodec.limits)
        guard case .array(let elements)? = try? parser.next(&buffer) else { return [] }
        return [.bulk(type)] + elements.dropFirst()
    }

    @Test func readsAnEntryOfItsOwnMaking() throws {
        let figures: [RESPValue] = [.bulk("hints"), .integer(4), .bulk("unknown-yet"), .integer(5)]
        let message = try Self.decode("gossipEntries", [.array([Self.entry(9, figures: figures)])])
        guard case .control(.gossipEntries(let entries)) = message else {
            Issue.record("\(message)")
            return
        }
        let entry = try #require(entries.first)
        #expect(entry.node == NodeID(rawValue: 9))
        #expect(entry.stamp == .init(incarnation: 1, version: 2))
        #expect(entry.layoutVersion == LayoutVersion(3))
        #expect(entry.figures[.hintCount] == 4)
        #expect(entry.figures.values["unknown-yet"] == 5, "what is not known is passed on")
    }

    @Test(arguments: [
        // A name too long, a figure without a number, figures out of order and twice, a name too long and none.
        [GossipCodecTests.entry(1, name: String(repeating: "x", count: 256))],
        [GossipCodecTests.entry(1, figures: [.bulk("a")])],
        [GossipCodecTests.entry(1, figures: [.bulk("b"), .integer(1), .bulk("a"), .integer(1)])],
        [GossipCodecTests.entry(1, figures: [.bulk("a"), .integer(1), .bulk("a"), .integer(1)])],
        [GossipCodecTests.entry(1, figures: [.bulk(String(repeating: "x", count: 33)), .integer(1)])],
        [GossipCodecTests.entry(1, figures: [.bulk(""), .integer(1)])],
        // Numbers out of range; too many figures; too many entries; no entry at all.
        [GossipCodecTests.entry(1, figures: [.bulk("a"), .integer(1 << 53)])],
        [GossipCodecTests.entry(1, figures: [.bulk("a"), .integer(-1)])],
        [GossipCodecTests.entry(1, figures: (10..<43).flatMap { [RESPValue.bulk("f\($0)"), .integer(1)] })],
        (0...256).map { GossipCodecTests.entry($0) },
        [.integer(1)], [.array([])],
    ])
    func refusesEntriesThatNobodyWrites(_ entries: [RESPValue]) {
        #expect(throws: PeerCodecError.self) { try Self.decode("gossipEntries", [.array(entries)]) }
    }

    @Test func refusesMoreThanAMessageMayHold() throws {
        let digest: [RESPValue] = [.integer(1), .integer(1), .integer(1)]
        let most = Array(repeatElement(digest, count: GossipState.entriesMax + 1).joined())
        #expect(throws: Never.self) { try Self.decode("gossipDigests", [.integer(1), .array(most)]) }
        #expect(throws: PeerCodecError.self) { try Self.decode("gossipDigests", [.integer(1), .array(most + digest)]) }
        let nodes = [RESPValue](repeating: .integer(1), count: 257)
        #expect(throws: PeerCodecError.self) {
            try Self.decode("gossipDifference", [.integer(1), .array([]), .array(nodes)])
        }
        #expect(throws: PeerCodecError.self) { try Self.decode("gossipDigests", [.integer(1), .array([.integer(1)])]) }
    }

    /// The largest that a node sends is taken, and is small beside what a link carries.
    @Test func theLargestMessageFits() throws {
        var member = Member(
            id: NodeID(rawValue: .max),
            name: String(repeating: "n", count: 255),
            zone: String(repeating: "z", count: 255),
            peer: Endpoint(host: String(repeating: "h", count: 255), port: 65535),
            proxy: Endpoint(host: "h", port: 1),
            http: Endpoint(host: "h", port: 1)
        )
        member.proxy = member.peer
        member.http = member.peer
        let figures = Dictionary(
            uniqueKeysWithValues: (10..<42).map { ("\($0)" + String(repeating: "f", count: 30), 1) }
        )
        let entry = GossipEntry(
            member: member,
            stamp: .init(incarnation: GossipEntry.numberMax, version: GossipEntry.numberMax),
            figures: try #require(GossipFigures(figures))
        )
        let entries = [GossipEntry](repeating: entry, count: GossipState.entriesPerMessageMax)
        let message = PeerMessage.control(.gossipEntries(entries))
        var buffer = ByteBuffer()
        PeerCodec.encode(PeerEnvelope(correlation: 1, isReply: false, version: .none, message: message), into: &buffer)
        #expect(buffer.readableBytes < 1 << 20)
        var parser = PeerMessageParser()
        #expect(try parser.next(&buffer)?.message == message)
    }
}
