import NIOCore
import QuireCore
import QuireWire
import Testing

@Suite struct ConnectionCommandTests {
    private func value(_ text: String) throws -> RESPValue {
        var parser = RESPValueParser()
        var buffer = ByteBuffer(string: text)
        return try #require(try parser.next(&buffer))
    }

    @Test func greetsInBothVersions() throws {
        var dialogue = SessionDialogue()
        let flat = try self.value(dialogue.send("HELLO\r\n"))
        guard case .array(let elements) = flat else {
            Issue.record("HELLO answered \(flat)")
            return
        }
        #expect(elements.count == 14)
        #expect(elements[4...5] == [.bulk("proto"), .integer(2)])
        let entries: [RESPValue.Entry] = [
            .init(.bulk("server"), .bulk("redis")), .init(.bulk("version"), .bulk("7.4.0")),
            .init(.bulk("proto"), .integer(3)), .init(.bulk("id"), .integer(7)),
            .init(.bulk("mode"), .bulk("standalone")), .init(.bulk("role"), .bulk("master")),
            .init(.bulk("modules"), .array([])),
        ]
        #expect(try self.value(dialogue.send("hello 3 AUTH default x SETNAME me\r\n")) == .map(entries))
        #expect(dialogue.send("CLIENT GETNAME\r\n") == "$2\r\nme\r\n")
        #expect(dialogue.reply(to: "GET k", .record(Record())) == "_\r\n")
        #expect(dialogue.send("RESET\r\n") == "+RESET\r\n")
        #expect(dialogue.reply(to: "GET k", .record(Record())) == "$-1\r\n")
    }

    @Test func aReplyKeepsTheVersionOfItsCommand() {
        var dialogue = SessionDialogue()
        #expect(dialogue.send("GET k\r\nHELLO 3\r\nGET k\r\n") == "")
        #expect(dialogue.complete(0, .record(Record())).hasPrefix("$-1\r\n%7\r\n"))
        #expect(dialogue.complete(1, .record(Record())) == "_\r\n")
    }

    @Test(arguments: [
        ("HELLO 4", "-NOPROTO unsupported protocol version\r\n"),
        ("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"),
        ("HELLO 3 AUTH root x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
        ("HELLO 3 NONSENSE", "-ERR Syntax error in HELLO option 'nonsense'\r\n"),
        (
            "AUTH secret",
            "-ERR AUTH <password> called without any password configured for the default user. "
                + "Are you sure your configuration is correct?\r\n"
        ),
        ("AUTH default x", "+OK\r\n"),
        ("PING", "+PONG\r\n"), ("ping hi", "$2\r\nhi\r\n"),
        ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
        ("ECHO \"a\\x00b\"", "$3\r\na\0b\r\n"), ("SELECT 0", "+OK\r\n"),
        ("SELECT 1", "-ERR SELECT is not allowed in cluster mode\r\n"),
        ("CLIENT ID", ":7\r\n"), ("CLIENT GETNAME", "$-1\r\n"), ("CLIENT SETINFO LIB-NAME x", "+OK\r\n"),
        ("CLIENT SETNAME \"a b\"", "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"),
        ("CLIENT NO-EVICT on", "+OK\r\n"),
        ("CLIENT MAINT_NOTIFICATIONS ON", "-ERR CLIENT MAINT_NOTIFICATIONS needs RESP3: send HELLO 3 first\r\n"),
        ("CLIENT nonsense", "-ERR unknown subcommand 'nonsense'. Try CLIENT HELP.\r\n"),
        ("CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"), ("CONFIG GET nonsense", "*0\r\n"),
        ("CONFIG GET appendonly s*ve", "*4\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$4\r\nsave\r\n$0\r\n\r\n"),
        ("TIME", "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n"), ("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("MSET a b c", "-ERR wrong number of arguments for 'mset' command\r\n"),
        ("KEYS *", "-ERR KEYS is not supported: use SCAN, which returns keys page by page\r\n"),
        ("FOO a b", "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n"),
        ("CLUSTER SLOTS", "-ERR This instance has cluster support disabled\r\n"),
    ])
    func answersAsRedisDoes(_ command: String, _ reply: String) {
        var dialogue = SessionDialogue()
        #expect(dialogue.send(command + "\r\n") == reply)
        #expect(dialogue.operations.isEmpty)
    }

    @Test func echoesOnlyTheBeginningOfAnUnknownCommand() {
        var dialogue = SessionDialogue()
        let reply = dialogue.send([Array("FOO\r\n+OK".utf8), [UInt8](repeating: 0x61, count: 5000)])
        #expect(reply.hasPrefix("-ERR unknown command 'FOO  +OK', with args") && reply.utf8.count < 300)
    }

    @Test func describesItsCommands() throws {
        var dialogue = SessionDialogue()
        _ = dialogue.send("HELLO 3\r\n")
        guard case .array(let table) = try self.value(dialogue.send("COMMAND\r\n")) else {
            Issue.record("COMMAND is no array")
            return
        }
        for case .array(let entry) in table {
            #expect(entry.count == 10)
        }
        #expect(dialogue.send("COMMAND COUNT\r\n") == ":\(table.count)\r\n")
        let get = RESPValue.array([
            .bulk("get"), .integer(2), .set([.simple("readonly"), .simple("fast")]), .integer(1), .integer(1),
            .integer(1), .set([]), .array([]), .array([]), .array([]),
        ])
        #expect(try self.value(dialogue.send("COMMAND INFO GET nonsense\r\n")) == .array([get, .null]))
        #expect(table.contains(get))
        guard case .array(let names) = try self.value(dialogue.send("COMMAND LIST\r\n")),
            case .map(let docs) = try self.value(dialogue.send("COMMAND DOCS\r\n"))
        else {
            Issue.record("COMMAND LIST or DOCS has another shape")
            return
        }
        #expect(names == docs.map(\.key) && names.contains(.bulk("quire.put")))
        #expect(dialogue.send("COMMAND GETKEYS MSET a 1 b 2\r\n") == "*2\r\n$1\r\na\r\n$1\r\nb\r\n")
        #expect(dialogue.send("COMMAND GETKEYS PING\r\n") == "-ERR The command has no key arguments\r\n")
    }

    @Test func describesTheServer() throws {
        var dialogue = SessionDialogue()
        let all = dialogue.send("INFO\r\n")
        for line in [
            "redis_version:7.4.0", "role:master", "loading:0", "tcp_port:7379", "db0:keys=3", "quire_version:0.1.0",
        ] {
            #expect(all.contains(line))
        }
        let replication = dialogue.send("INFO REPLICATION\r\n")
        #expect(replication.contains("role:master") && !replication.contains("tcp_port"))
        _ = dialogue.send("HELLO 3\r\n")
        #expect(dialogue.send("INFO server\r\n").contains("\r\ntxt:# Server\r\n"))
    }

    @Test func scansPageByPage() {
        var dialogue = SessionDialogue()
        let next = ScanCursor(partition: PartitionID(3), hashPrefix: 9)
        let page = ClientResult.keys([Key("user:1")!, Key("other")!], next: next)
        let reply = dialogue.reply(to: "SCAN 0 MATCH user:* COUNT 50", page)
        #expect(reply == "*2\r\n$17\r\n13510798882111497\r\n*1\r\n$6\r\nuser:1\r\n")
        _ = dialogue.reply(to: "SCAN 13510798882111497", .keys([], next: .end))
        #expect(
            dialogue.operations.map(\.operation) == [.scan(.start, limit: 50), .scan(next, limit: 10)]
        )
        let hashes = dialogue.reply(to: "SCAN 0 TYPE hash", page)
        #expect(hashes == "*2\r\n$17\r\n13510798882111497\r\n*0\r\n")
        #expect(dialogue.send("SCAN x\r\n") == "-ERR invalid cursor\r\n")
        #expect(dialogue.send("SCAN 0 COUNT 0\r\n") == "-ERR syntax error\r\n")
        #expect(dialogue.send("SCAN 0 MATCH\r\n") == "-ERR syntax error\r\n")
    }

    @Test func countsTheKeys() {
        var dialogue = SessionDialogue()
        #expect(dialogue.reply(to: "DBSIZE", .count(42)) == ":42\r\n")
        #expect(dialogue.operations.map(\.operation) == [.countKeys])
    }
}
