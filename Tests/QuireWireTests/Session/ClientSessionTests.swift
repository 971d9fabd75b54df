import NIOCore
import QuireCore
import QuireWire
import Testing

@Suite struct ClientSessionTests {
    private let key = Key("k")!

    @Test func answersInTheOrderOfTheCommands() {
        var dialogue = SessionDialogue()
        #expect(dialogue.send("GET a\r\nPING\r\nGET b\r\nGET c\r\n") == "")
        #expect(dialogue.complete(2, .record(.of(["C"]))) == "")
        #expect(dialogue.complete(0, .record(.of(["A"]))) == "$1\r\nA\r\n+PONG\r\n")
        #expect(dialogue.complete(1, .record(Record())) == "$-1\r\n$1\r\nC\r\n")
    }

    @Test func keepsAnyPipelineInOrderWhateverCompletesFirst() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<50 {
            var dialogue = SessionDialogue()
            var expected = ""
            var answered = ""
            for index in 0..<60 {
                let word = random.bool() ? "k\(index)" : "e\(index)"
                answered += dialogue.send(word.hasPrefix("k") ? "GET \(word)\r\n" : "ECHO \(word)\r\n")
                expected += "$\(word.utf8.count)\r\n\(word)\r\n"
            }
            for index in dialogue.operations.indices.shuffled(using: &random) {
                guard case .get(let key, _) = dialogue.operations[index].operation else { continue }
                answered += dialogue.complete(index, .record(.of([String(decoding: key.bytes, as: UTF8.self)])))
            }
            #expect(answered == expected)
        }
    }

    @Test func setsAndDeletesAsTheNewestWrite() {
        var dialogue = SessionDialogue()
        #expect(dialogue.reply(to: "SET k v", .stored(.of(["v"]), wasLive: false)) == "+OK\r\n")
        #expect(dialogue.reply(to: "del k", .stored(.of([nil]), wasLive: true)) == ":1\r\n")
        #expect(dialogue.reply(to: "UNLINK k", .stored(.of([nil]), wasLive: false)) == ":0\r\n")
        #expect(
            dialogue.operations.map(\.operation) == [
                .put(PutRequest(key: self.key, value: Array("v".utf8), supersession: .older)),
                .put(PutRequest(key: self.key, value: nil, supersession: .older)),
                .put(PutRequest(key: self.key, value: nil, supersession: .older)),
            ]
        )
    }

    @Test func showsTheNewestSiblingAndHidesTombstonesAndTheExpired() {
        var dialogue = SessionDialogue()
        #expect(dialogue.reply(to: "GET k", .record(.of(["old", "new"]))) == "$3\r\nnew\r\n")
        #expect(dialogue.reply(to: "GET k", .record(.of(["old", nil]))) == "$-1\r\n")
        let expired = Record.of(["v"], expiry: SessionDialogue.now)
        #expect(dialogue.reply(to: "GET k", .record(expired)) == "$-1\r\n")
        #expect(dialogue.reply(to: "EXISTS k", .record(expired)) == ":0\r\n")
        let living = Record.of(["v"], expiry: SessionDialogue.now + 1)
        #expect(dialogue.reply(to: "EXISTS k", .record(living)) == ":1\r\n")
        #expect(dialogue.reply(to: "STRLEN k", .record(.of(["four"]))) == ":4\r\n")
        #expect(dialogue.reply(to: "TYPE k", .record(.of(["x"]))) == "+string\r\n")
        #expect(dialogue.reply(to: "TYPE k", .record(Record())) == "+none\r\n")
    }

    @Test func scattersAndGathersManyKeys() {
        var dialogue = SessionDialogue()
        #expect(dialogue.send("MGET a b c\r\n") == "")
        #expect(dialogue.complete(2, .record(.of(["C"]))) == "")
        #expect(dialogue.complete(1, .record(Record())) == "")
        #expect(dialogue.complete(0, .record(.of(["A"]))) == "*3\r\n$1\r\nA\r\n$-1\r\n$1\r\nC\r\n")
        #expect(dialogue.send("DEL x y x\r\n") == "")
        #expect(dialogue.operations.count == 5)
        #expect(dialogue.complete(3, .stored(.of([nil]), wasLive: true)) == "")
        #expect(dialogue.complete(4, .stored(.of([nil]), wasLive: true)) == ":2\r\n")
        #expect(dialogue.send("MSET a 1 b 2 a 3\r\n") == "")
        let puts = dialogue.operations.dropFirst(5).map(\.operation)
        #expect(
            puts == [
                .put(PutRequest(key: Key("a")!, value: Array("3".utf8), supersession: .older)),
                .put(PutRequest(key: Key("b")!, value: Array("2".utf8), supersession: .older)),
            ]
        )
        #expect(dialogue.complete(5, .stored(.of(["3"]), wasLive: false)) == "")
        #expect(dialogue.complete(6, .stored(.of(["2"]), wasLive: false)) == "+OK\r\n")
    }

    @Test func aReadWaitsForTheWritesBeforeIt() {
        var dialogue = SessionDialogue()
        #expect(dialogue.send("SET k 1\r\nSET k 2\r\nSET other 3\r\nGET k\r\nPING\r\n") == "")
        #expect(dialogue.operations.count == 3)
        #expect(!dialogue.session.wantsMoreInput)
        #expect(dialogue.complete(0, .stored(.of(["1"]), wasLive: false)) == "+OK\r\n")
        #expect(dialogue.operations.count == 3)
        #expect(dialogue.complete(1, .stored(.of(["2"]), wasLive: true)) == "+OK\r\n")
        #expect(dialogue.operations.count == 4)
        #expect(dialogue.complete(2, .stored(.of(["3"]), wasLive: false)) == "+OK\r\n")
        #expect(dialogue.complete(3, .record(.of(["2"]))) == "$1\r\n2\r\n+PONG\r\n")
    }

    @Test func takesUpNoMoreThanItsBounds() {
        var dialogue = SessionDialogue(settings: ClientSession.Settings(outstandingOperationsMax: 2))
        _ = dialogue.send("GET a\r\nGET b\r\nGET c\r\nGET d\r\n")
        #expect(dialogue.operations.count == 2)
        #expect(!dialogue.session.wantsMoreInput)
        #expect(dialogue.complete(1, .record(Record())) == "")
        #expect(dialogue.operations.count == 3)
        #expect(dialogue.complete(0, .record(Record())) == "$-1\r\n$-1\r\n")
        #expect(dialogue.operations.count == 4)
        _ = dialogue.complete(2, .record(Record()))
        #expect(dialogue.session.wantsMoreInput)
    }

    @Test func takesCommandsCutAnywhere() {
        var dialogue = SessionDialogue()
        var replies = ""
        for byte in Array(String(repeating: "*2\r\n$4\r\nECHO\r\n$2\r\nab\r\nPING\r\n", count: 20).utf8) {
            replies += dialogue.send(bytes: [byte])
        }
        #expect(replies == String(repeating: "$2\r\nab\r\n+PONG\r\n", count: 20))
    }

    @Test func stopsWhileTheClientDoesNotReadItsReplies() {
        var dialogue = SessionDialogue(settings: ClientSession.Settings(heldBytesMax: 1000))
        let echo = "ECHO \(String(repeating: "x", count: 600))\r\n"
        let input = ByteBuffer(string: echo + echo + echo)
        #expect(dialogue.session.receive(input, nowMilliseconds: 0) == [])
        #expect(!dialogue.session.wantsMoreInput)
        let first = dialogue.session.takeOutput()?.readableBytes
        #expect(dialogue.session.outputTaken(nowMilliseconds: 0) == [])
        let second = dialogue.session.takeOutput()?.readableBytes
        #expect(first == 2 * 608 && second == 608)
    }

    @Test func limitsWhatOneReplyMayHold() {
        var dialogue = SessionDialogue(settings: ClientSession.Settings(replyBytesMax: 5))
        _ = dialogue.send("MGET a b\r\n")
        _ = dialogue.complete(0, .record(.of(["four"])))
        let reply = dialogue.complete(1, .record(.of(["four"])))
        #expect(reply == "-ERR a reply of more than 5 bytes: ask for fewer keys\r\n")
    }

    @Test(arguments: [
        (
            ClientFailure.quorumLost(acknowledged: 1, required: 2, operation: .write),
            "-QUORUM 1 of 2 replicas acknowledged the write in time; the write may survive on some replicas; "
                + "read before you retry\r\n"
        ),
        (
            .quorumLost(acknowledged: 0, required: 2, operation: .read),
            "-QUORUM 0 of 2 replicas answered the read in time; retry\r\n"
        ),
        (.overloaded, "-OVERLOADED too much work is waiting; retry in a moment\r\n"),
        (.notDurable("disk full"), "-NOTDURABLE no replica could store the write durably: disk full\r\n"),
        (.invalid("W of 9 is more than N"), "-ERR W of 9 is more than N\r\n"),
    ])
    func tellsWhatFailedAndWhatToDo(_ failure: ClientFailure, _ reply: String) {
        var dialogue = SessionDialogue()
        #expect(dialogue.reply(to: "SET k v", .failed(failure)) == reply)
        #expect(!dialogue.hasClosed)
    }

    @Test func aFailureOfOnePartIsTheReplyOfAll() {
        var dialogue = SessionDialogue()
        _ = dialogue.send("MGET a b\r\n")
        #expect(dialogue.complete(1, .failed(.overloaded)) == "")
        #expect(dialogue.complete(0, .record(.of(["A"]))).hasPrefix("-OVERLOADED"))
    }

    @Test func refusesKeysAndValuesThatAreTooLong() {
        var dialogue = SessionDialogue(settings: ClientSession.Settings(valueBytesMax: 2000))
        let key = [UInt8](repeating: 1, count: 1025)
        let text = "-ERR key of 1025 bytes: keys have 1 to 1024 bytes; nothing was stored\r\n"
        #expect(dialogue.send([Array("SET".utf8), key, [1]]) == text)
        let value = [UInt8](repeating: 1, count: 2001)
        let tooLong = "-ERR argument of 2001 bytes: values have at most 2000 bytes; nothing was stored\r\n"
        #expect(dialogue.send([Array("SET".utf8), [1], value]) == tooLong)
        #expect(dialogue.send("PING\r\n") == "+PONG\r\n")
        #expect(dialogue.operations.isEmpty)
    }

    @Test func refusesOptionsOfSetThatItDoesNotKnowYet() {
        var dialogue = SessionDialogue()
        let reply = dialogue.send("SET k v ex 10\r\n")
        #expect(reply == "-ERR SET option 'EX' is not supported yet: only SET key value is; nothing was stored\r\n")
        #expect(dialogue.send("SET k v nonsense\r\n") == "-ERR syntax error\r\n")
        #expect(dialogue.operations.isEmpty)
    }

    @Test func closesAfterAProtocolErrorAndAfterQuit() {
        var broken = SessionDialogue()
        #expect(broken.send("GET a\r\n*1\r\n:1\r\nPING\r\n") == "")
        #expect(!broken.hasClosed)
        let reply = broken.complete(0, .record(.of(["A"])))
        #expect(reply == "$1\r\nA\r\n-ERR Protocol error: expected '$', got ':'\r\n")
        #expect(broken.hasClosed && !broken.session.wantsMoreInput)
        #expect(broken.send("PING\r\n") == "")
        var quitting = SessionDialogue()
        #expect(quitting.send("QUIT\r\nPING\r\n") == "+OK\r\n")
        #expect(quitting.hasClosed)
        var browser = SessionDialogue()
        #expect(browser.send("POST / HTTP/1.1\r\nSET k v\r\n").hasPrefix("-ERR Protocol error"))
        #expect(browser.hasClosed && browser.operations.isEmpty)
    }

    @Test func survivesRandomBytesAndKeepsItsPromises() {
        var random = SeededGenerator(seed: 12)
        let words = [
            "GET a", "SET a b", "*2\r\n$3\r\nGET\r\n$1\r\na", "MGET a b", "SCAN 0", "HELLO 3", "QUIRE.GET a", "\"", "*",
        ]
        for _ in 0..<1000 {
            var dialogue = SessionDialogue()
            for _ in 0..<random.number(1...8) {
                var bytes = Array((words.randomElement(using: &random) ?? "").utf8) + [13, 10]
                if random.number(0...4) == 0 {
                    bytes[random.number(0...bytes.count - 1)] = UInt8(random.number(0...255))
                }
                _ = dialogue.send(bytes: bytes)
            }
            var index = 0
            while index < dialogue.operations.count {
                _ = dialogue.complete(index, .failed(.overloaded))
                index += 1
            }
            #expect(dialogue.hasClosed != dialogue.session.wantsMoreInput)
        }
    }
}
