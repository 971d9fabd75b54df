import NIOCore
import QuireCore
import QuireWire
import Testing

/// What a client needs that goes to the replicas itself: the layout, and to be told of a newer one (Dynamo §6.4).
@Suite struct LayoutCommandTests {
    private let key = Key("k")!

    private static func facts(version: Int) -> NodeFacts {
        var layout = RoutingTableTests.layout
        layout.version = LayoutVersion(version)
        let counts = RoutingCounts(atReplica: 11, elsewhere: 12, putsForwarded: 13, putsTakenOver: 14)
        return NodeFacts(layout: PublishedLayout(RoutingTable(layout) { $0.proxy }), routing: counts)
    }

    private func dialogue(version: Int = 7) -> SessionDialogue {
        var dialogue = SessionDialogue()
        dialogue.session.facts = Self.facts(version: version)
        return dialogue
    }

    private func parsed(_ text: String) throws -> RESPValue {
        var buffer = ByteBuffer(string: text)
        var parser = RESPValueParser()
        return try #require(try parser.next(&buffer))
    }

    @Test(arguments: ["", "HELLO 3\r\n"])
    func answersTheLayout(_ greeting: String) throws {
        var dialogue = self.dialogue()
        if !greeting.isEmpty { _ = dialogue.send(greeting) }
        let table = try RoutingTable(reply: try self.parsed(dialogue.send("QUIRE.LAYOUT\r\n")))
        #expect(table == RoutingTable(RoutingTableTests.layout) { $0.proxy })
        #expect(try RoutingTable(reply: try self.parsed(dialogue.send("quire.layout 6\r\n"))) == table)
    }

    @Test func answersNothingWhenNothingIsNewer() {
        var dialogue = self.dialogue()
        #expect(dialogue.send("QUIRE.LAYOUT 7\r\n") == "$-1\r\n")
        #expect(dialogue.send("QUIRE.LAYOUT 8\r\n") == "$-1\r\n")
        _ = dialogue.send("HELLO 3\r\n")
        #expect(dialogue.send("QUIRE.LAYOUT 7\r\n") == "_\r\n")
    }

    @Test func refusesWhatIsNoVersionAndSaysWhenThereIsNoClusterYet() {
        var dialogue = self.dialogue()
        #expect(dialogue.send("QUIRE.LAYOUT x\r\n").hasPrefix("-ERR the version of a layout is a number"))
        #expect(dialogue.send("QUIRE.LAYOUT -1\r\n").hasPrefix("-ERR"))
        #expect(dialogue.send("QUIRE.LAYOUT 1 2\r\n").hasPrefix("-ERR wrong number of arguments"))
        var young = SessionDialogue()
        #expect(young.send("QUIRE.LAYOUT\r\n").hasPrefix("-NOTREADY"))
    }

    @Test func aLayoutOfTheLargestClusterStaysSmall() {
        let members = (1...64).map { number in
            let endpoint = Endpoint(host: "node-\(number).example.net", port: 7379)
            return Member(
                id: NodeID(rawValue: UInt64(number)),
                name: "n\(number)",
                zone: "z",
                peer: endpoint,
                proxy: endpoint,
                http: endpoint
            )
        }
        var layout = RoutingTableTests.layout
        layout.partitionCount = PartitionCount(4096)!
        layout.members = members
        layout.rows = (0..<4096).map { partition in (0..<7).map { members[(partition + 9 * $0) % 64].id } }
        var dialogue = SessionDialogue()
        dialogue.session.facts = NodeFacts(layout: PublishedLayout(RoutingTable(layout) { $0.proxy }))
        #expect(dialogue.send("QUIRE.LAYOUT\r\n").utf8.count < 100_000)
    }

    @Test func tellsAClientThatNamesAnOlderLayoutAndServesItAllTheSame() throws {
        var dialogue = self.dialogue(version: 9)
        let read = try self.parsed(dialogue.reply(to: "QUIRE.GET k LAYOUT 8 R 1", .record(.of(["v"]))))
        #expect(self.entry("layout", of: read) == .integer(9))
        #expect(self.entry("siblings", of: read) == .array([.bulk("v")]))
        let written = try self.parsed(
            dialogue.reply(to: "QUIRE.PUT k - v LAYOUT 1", .stored(.of(["v"]), wasLive: false))
        )
        #expect(self.entry("layout", of: written) == .integer(9))
        let deleted = try self.parsed(
            dialogue.reply(to: "QUIRE.DEL k - LAYOUT 1", .stored(.of([nil]), wasLive: false))
        )
        #expect(self.entry("layout", of: deleted) == .integer(9))
        #expect(dialogue.operations.count == 3)
    }

    @Test(arguments: ["", " LAYOUT 9", " LAYOUT 10"])
    func saysNothingToOthers(_ option: String) throws {
        var dialogue = self.dialogue(version: 9)
        let read = try self.parsed(dialogue.reply(to: "QUIRE.GET k\(option)", .record(.of(["v"]))))
        #expect(self.entry("layout", of: read) == nil)
        #expect(dialogue.reply(to: "QUIRE.GET k\(option)", .record(Record())) == "$-1\r\n")
    }

    @Test func tellsEvenWhenTheKeyWasNeverWritten() throws {
        var dialogue = self.dialogue(version: 9)
        let read = try self.parsed(dialogue.reply(to: "QUIRE.GET k LAYOUT 8", .record(Record())))
        #expect(self.entry("context", of: read) == .bulk("-"))
        #expect(self.entry("siblings", of: read) == .array([]))
        #expect(self.entry("layout", of: read) == .integer(9))
    }

    @Test func showsTheNewestAloneWithoutAContext() throws {
        var dialogue = self.dialogue()
        #expect(
            dialogue.reply(to: "QUIRE.GET k NEWEST", .record(.of(["old", "new"])))
                == "*2\r\n$8\r\nsiblings\r\n*1\r\n$3\r\nnew\r\n"
        )
        // The newest is a deletion: a plain read shows nothing, whatever stands beside it.
        #expect(dialogue.reply(to: "QUIRE.GET k NEWEST", .record(.of(["old", nil]))) == "$-1\r\n")
        #expect(dialogue.reply(to: "QUIRE.GET k NEWEST", .record(Record())) == "$-1\r\n")
    }

    @Test func replacesEverythingOlderForAnAsterisk() {
        var dialogue = self.dialogue()
        _ = dialogue.send("QUIRE.PUT k * v W 3 DURABILITY buffered\r\n")
        let put = PutRequest(
            key: self.key,
            value: Array("v".utf8),
            supersession: .older,
            writeQuorum: 3,
            durability: .buffered
        )
        #expect(dialogue.operations.map(\.operation) == [.put(put)])
    }

    @Test(arguments: Durability.allCases)
    func handsTheDurabilityOn(_ durability: Durability) {
        var dialogue = self.dialogue()
        _ = dialogue.send("QUIRE.DEL k - DURABILITY \(durability.rawValue.uppercased())\r\n")
        guard case .put(let put)? = dialogue.operations.first?.operation else {
            Issue.record("nothing was to be executed")
            return
        }
        #expect(put.durability == durability)
    }

    @Test(arguments: [
        "QUIRE.GET k LAYOUT", "QUIRE.GET k R 1 R 1", "QUIRE.GET k NEWEST NEWEST", "QUIRE.GET k DURABILITY all",
        "QUIRE.PUT k - v NEWEST", "QUIRE.PUT k - v R 1", "QUIRE.PUT k - v W 1 LAYOUT 2 W 1", "QUIRE.DEL k - 3",
        "QUIRE.PUT k - v DURABILITY",
    ])
    func refusesOptionsThatDoNotBelong(_ command: String) {
        var dialogue = self.dialogue()
        #expect(dialogue.send(command + "\r\n").hasPrefix("-ERR"))
        #expect(dialogue.operations.isEmpty)
    }

    @Test func theContextCarriesTheFastestReplicaToTheWrite() throws {
        var dialogue = self.dialogue()
        let record = Record.of(["v"])
        let fastest = NodeID(rawValue: 4)
        let read = try self.parsed(dialogue.reply(to: "QUIRE.GET k", .record(record, ReadEvidence(fastest: fastest))))
        guard case .bulk(let context)? = self.entry("context", of: read) else {
            Issue.record("no context in \(read)")
            return
        }
        #expect(ContextToken.unverifiedPreferredNode(of: context) == fastest)
        let command = "QUIRE.PUT k \(String(decoding: context, as: UTF8.self)) w"
        let written = try self.parsed(dialogue.reply(to: command, .stored(record, wasLive: true)))
        guard case .put(let put)? = dialogue.operations.last?.operation,
            case .bulk(let next)? = self.entry("context", of: written)
        else {
            Issue.record("no put, or no context in \(written)")
            return
        }
        #expect(put.preferredReplica == fastest)
        #expect(put.supersession == .context(record.vector))
        // Whoever writes again without reading goes there, too.
        #expect(ContextToken.unverifiedPreferredNode(of: next) == fastest)
    }

    @Test func tellsOfStandInsOnlyWhenThereWereAny() throws {
        var dialogue = self.dialogue()
        let sloppy = try self.parsed(
            dialogue.reply(to: "QUIRE.GET k", .record(.of(["v"]), ReadEvidence(fastest: nil, standIns: 2)))
        )
        #expect(self.entry("stand-ins", of: sloppy) == .integer(2))
        let strict = try self.parsed(dialogue.reply(to: "QUIRE.GET k", .record(.of(["v"]))))
        #expect(self.entry("stand-ins", of: strict) == nil)
        let written = try self.parsed(
            dialogue.reply(to: "QUIRE.PUT k - v", .stored(.of(["v"]), wasLive: true, standIns: 1))
        )
        #expect(self.entry("stand-ins", of: written) == .integer(1))
    }

    @Test func infoCountsHowRequestsFoundTheirReplicas() {
        var dialogue = self.dialogue(version: 9)
        let text = dialogue.send("INFO routing\r\n")
        for line in [
            "layout_version:9", "client_requests_at_replica:11", "client_requests_elsewhere:12", "puts_forwarded:13",
            "puts_taken_over:14",
        ] {
            #expect(text.contains(line + "\r\n"))
        }
    }

    private func entry(_ name: String, of reply: RESPValue) -> RESPValue? {
        guard case .array(let elements) = reply else { return nil }
        for index in stride(from: 0, to: elements.count - 1, by: 2) where elements[index] == .bulk(name) {
            return elements[index + 1]
        }
        return nil
    }
}
