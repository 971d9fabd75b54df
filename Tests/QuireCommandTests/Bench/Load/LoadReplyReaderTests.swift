import NIOCore
import QuireWire
import Testing

@testable import quire

@Suite struct LoadReplyReaderTests {
    private static let stream = "+OK\r\n:2\r\n$5\r\na\r\nbc\r\n$-1\r\n-MOVED 7 h:1\r\n$0\r\n\r\n"
    private static let replies: [LoadReply] = [
        .ok, .integer(2), .bulk(bytes: 5), .null, .error("MOVED 7 h:1"), .bulk(bytes: 0),
    ]

    @Test func readsRepliesOneAfterTheOther() throws {
        var buffer = ByteBuffer(string: Self.stream)
        var found: [LoadReply] = []
        while let reply = try LoadReplyReader().next(&buffer) { found.append(reply) }
        #expect(found == Self.replies)
        #expect(buffer.readableBytes == 0)
    }

    @Test func readsTheSameByteByByte() throws {
        var buffer = ByteBuffer()
        var found: [LoadReply] = []
        for byte in Self.stream.utf8 {
            buffer.writeInteger(byte)
            while let reply = try LoadReplyReader().next(&buffer) { found.append(reply) }
        }
        #expect(found == Self.replies)
    }

    @Test(arguments: [
        ("$11\r\n", RESPError.bulkTooLong(foundBytes: 11, maxBytes: 10)),
        ("$-2\r\n", .invalidNumber("bulk length")),
        ("$\r\n", .invalidNumber("bulk length")),
        ("$99999999999999999999\r\n", .invalidNumber("bulk length")),
        (":x\r\n", .invalidNumber("integer")),
        ("$1\r\nabc", .malformed("a bulk string does not end where its length says")),
        ("+OK\n", .malformed("a line feed without a carriage return")),
        ("\r\n", .malformed("a line feed without a carriage return")),
        ("*1\r\n", .unexpectedByte(found: UInt8(ascii: "*"), needed: "a reply to GET, SET or WAIT")),
        ("+" + String(repeating: "x", count: 31), .lineTooLong(maxBytes: 32)),
    ])
    func refusesWhatNoServerMaySend(_ text: String, _ error: RESPError) {
        var buffer = ByteBuffer(string: text)
        #expect(throws: error) { try LoadReplyReader(bulkBytesMax: 10, lineBytesMax: 32).next(&buffer) }
    }
}
