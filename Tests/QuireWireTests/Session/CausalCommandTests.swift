import NIOCore
import QuireCore
import QuireWire
import Testing

@Suite struct CausalCommandTests {
    private let key = Key("k")!

    private func context(of record: Record, for key: Key) -> String {
        String(decoding: SessionDialogue.contexts.seal(ContextToken(vector: record.vector), for: key), as: UTF8.self)
    }

    @Test func returnsSiblingsWithTheirContext() {
        let record = Record.of(["one", nil, "two"])
        let context = self.context(of: record, for: self.key)
        let body =
            "$7\r\ncontext\r\n$\(context.utf8.count)\r\n\(context)\r\n$8\r\nsiblings\r\n*2\r\n$3\r\none\r\n$3\r\ntwo\r\n"
        var dialogue = SessionDialogue()
        #expect(dialogue.reply(to: "QUIRE.GET k", .record(record)) == "*4\r\n" + body)
        _ = dialogue.send("HELLO 3\r\n")
        #expect(dialogue.reply(to: "quire.get k R 3", .record(record)) == "%2\r\n" + body)
        #expect(dialogue.operations[1].operation == .get(self.key, readQuorum: 3))
    }

    @Test func keepsTheContextOfADeletedKeyAndHasNoneForAnUnknownOne() {
        var dialogue = SessionDialogue()
        #expect(dialogue.reply(to: "QUIRE.GET k", .record(.of([nil]))).hasSuffix("$8\r\nsiblings\r\n*0\r\n"))
        #expect(dialogue.reply(to: "QUIRE.GET k", .record(Record())) == "$-1\r\n")
    }

    @Test func writesWhatAContextHasSeen() {
        let read = Record.of(["one", "two"])
        let context = self.context(of: read, for: self.key)
        let stored = Record.of(["three"])
        let next = self.context(of: stored, for: self.key)
        var dialogue = SessionDialogue()
        let reply = dialogue.reply(to: "QUIRE.PUT k \(context) three W 3", .stored(stored, wasLive: true))
        #expect(reply == "*4\r\n$7\r\ncontext\r\n$\(next.utf8.count)\r\n\(next)\r\n$8\r\nsiblings\r\n:1\r\n")
        _ = dialogue.send("QUIRE.DEL k \(context)\r\n")
        #expect(
            dialogue.operations.map(\.operation) == [
                .put(
                    PutRequest(
                        key: self.key,
                        value: Array("three".utf8),
                        supersession: .context(read.vector),
                        writeQuorum: 3
                    )
                ),
                .put(PutRequest(key: self.key, value: nil, supersession: .context(read.vector))),
            ]
        )
    }

    @Test(arguments: ["-", "\"\""])
    func writesBlindlyWithoutAContext(_ none: String) {
        var dialogue = SessionDialogue()
        _ = dialogue.send("QUIRE.PUT k \(none) v\r\n")
        let put = PutRequest(key: self.key, value: Array("v".utf8), supersession: .context(VersionVector()))
        #expect(dialogue.operations.map(\.operation) == [.put(put)])
    }

    @Test func refusesContextsThatAreNotOfThisKey() {
        var dialogue = SessionDialogue()
        let other = self.context(of: .of(["x"]), for: Key("other")!)
        #expect(dialogue.send("QUIRE.PUT k \(other) v\r\n").hasPrefix("-BADCONTEXT that context is of another key"))
        #expect(dialogue.send("QUIRE.PUT k nonsense v\r\n").hasPrefix("-BADCONTEXT that is not a context"))
        let foreign = ContextCodec(secret: [1]).seal(ContextToken(vector: VersionVector()), for: self.key)
        let reply = dialogue.send("QUIRE.DEL k \(String(decoding: foreign, as: UTF8.self))\r\n")
        #expect(reply.hasPrefix("-BADCONTEXT this cluster did not issue"))
        #expect(dialogue.operations.isEmpty)
    }

    @Test func refusesQuorumsThatMakeNoSense() {
        var dialogue = SessionDialogue()
        #expect(dialogue.send("QUIRE.GET k R 0\r\n") == "-ERR R must be a positive integer\r\n")
        #expect(dialogue.send("QUIRE.GET k W 1\r\n") == "-ERR syntax error\r\n")
        #expect(dialogue.send("QUIRE.PUT k - v W\r\n") == "-ERR syntax error\r\n")
        #expect(dialogue.send("QUIRE.PUT k -\r\n") == "-ERR wrong number of arguments for 'quire.put' command\r\n")
    }
}
