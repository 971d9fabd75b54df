import NIOCore
import Testing

@testable import QuireWire

@Suite struct RESPRequestParserTests {
    private func requests(_ text: String, _ parser: RESPRequestParser = RESPRequestParser()) throws -> [[String]] {
        var parser = parser
        var buffer = ByteBuffer(string: text)
        var found: [[String]] = []
        while let request = try parser.next(&buffer) {
            guard case .command(let arguments) = request else { continue }
            found.append(arguments.map { String(decoding: $0, as: UTF8.self) })
        }
        return found
    }

    private func error(_ text: String, _ limits: RESPLimits = RESPLimits()) -> RESPError? {
        var parser = RESPRequestParser(limits: limits)
        var buffer = ByteBuffer(string: text)
        do {
            while try parser.next(&buffer) != nil {}
            return nil
        } catch {
            return error
        }
    }

    @Test func takesAPipelineOfArraysAndInlineCommands() throws {
        let text = "*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n\r\n*0\r\n*-1\r\nset k \"a b\"\n*1\r\n$4\r\nQUIT\r\n"
        #expect(try self.requests(text) == [["GET", "a"], ["PING"], ["set", "k", "a b"], ["QUIT"]])
    }

    @Test func waitsAtEveryTruncation() throws {
        let text = Array("*3\r\n$3\r\nSET\r\n$2\r\nkk\r\n$5\r\nva\r\nl\r\nGET 'a b'\r\n".utf8)
        var parser = RESPRequestParser()
        var buffer = ByteBuffer()
        var ends: [Int] = []
        for (index, byte) in text.enumerated() {
            buffer.writeInteger(byte)
            if try parser.next(&buffer) != nil { ends.append(index) }
        }
        #expect(ends == [text.count - 12, text.count - 1])
    }

    @Test func skipsAValueThatIsSomewhatTooLong() throws {
        var parser = RESPRequestParser(limits: RESPLimits(bulkBytesMax: 10), skippedBytesMax: 100)
        var buffer = ByteBuffer(string: "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$50\r\n")
        #expect(try parser.next(&buffer) == nil)
        for _ in 0..<50 {
            buffer.writeString("x")
            #expect(try parser.next(&buffer) == nil)
            #expect(buffer.readableBytes == 0)
        }
        buffer.writeString("\r\nPING\r\n")
        #expect(try parser.next(&buffer) == .oversized(command: Array("SET".utf8), argumentBytes: 50))
        #expect(try parser.next(&buffer) == .command([Array("PING".utf8)]))
    }

    @Test(arguments: [
        ("*1\r\n$20000000\r\n", RESPError.bulkTooLong(foundBytes: 20_000_000, maxBytes: 1 << 20)),
        ("*1000000000\r\n", .tooManyElements(found: 1_000_000_000, max: 1 << 16)),
        ("*1\r\n:1\r\n", .unexpectedByte(found: UInt8(ascii: ":"), needed: "'$'")),
        ("*x\r\n", .invalidNumber("multibulk length")),
        ("*1\r\n$-1\r\n", .invalidNumber("bulk length")),
        ("*1\r\n$1\r\nabc\r\n", .malformed("a bulk string does not end where its length says")),
        ("*11111111111111111111111111111111111111", .invalidNumber("multibulk length")),
        ("get \"a\r\n", .malformed("unbalanced quotes in request")),
        ("get \"a\"b\r\n", .malformed("unbalanced quotes in request")),
    ])
    func refusesAtOnce(_ text: String, _ error: RESPError) {
        #expect(self.error(text) == error)
    }

    @Test func refusesALongInlineCommandAndALongRequest() {
        let limits = RESPLimits(lineBytesMax: 100, messageBytesMax: 60)
        #expect(self.error(String(repeating: "a", count: 200), limits) == .malformed("too big inline request"))
        let long = "*2\r\n$40\r\n" + String(repeating: "a", count: 40) + "\r\n$40\r\n"
        #expect(self.error(long, limits) == .messageTooLong(maxBytes: 60))
    }

    @Test func survivesEveryMutation() {
        var random = SeededGenerator(seed: 4)
        var errors = 0
        for _ in 0..<10_000 {
            var bytes = Array("*3\r\n$3\r\nSET\r\n$2\r\nkk\r\n$5\r\nvalue\r\nGET 'a' \"\\x41\"\r\n".utf8)
            for _ in 0..<random.number(1...4) {
                bytes[random.number(0...bytes.count - 1)] = UInt8(random.number(0...255))
            }
            if self.error(String(decoding: bytes, as: UTF8.self)) != nil { errors += 1 }
        }
        #expect(errors > 1000)
    }

    @Test(arguments: [
        (#"a  b"#, ["a", "b"]), (#""\x41\n" '\''"#, ["A\n", "'"]), (#""" x"#, ["", "x"]), (#"a\nb"#, [#"a\nb"#]),
        (#""\"q\\""#, [#""q\"#]), (#"'a\nb'"#, [#"a\nb"#]),
    ])
    func splitsInlineWordsAsRedisCliDoes(_ line: String, _ words: [String]) {
        let found = InlineCommand.words(in: line.utf8)?.map { String(decoding: $0, as: UTF8.self) }
        #expect(found == words)
    }
}
