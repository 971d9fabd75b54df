import NIOCore
import QuireWire
import Testing

@Suite struct RESPEncoderTests {
    private func text(_ value: RESPValue, _ version: RESPVersion) -> String {
        var buffer = ByteBuffer()
        RESPEncoder(version: version).encode(value, into: &buffer)
        return String(buffer: buffer)
    }

    @Test(arguments: [
        (RESPValue.null, "$-1\r\n", "_\r\n"),
        (.map([.init(.bulk("a"), .integer(1))]), "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"),
        (.set([.integer(-10)]), "*1\r\n:-10\r\n", "~1\r\n:-10\r\n"),
        (.boolean(true), ":1\r\n", "#t\r\n"),
        (.double(0.5), "$3\r\n0.5\r\n", ",0.5\r\n"),
        (.double(.infinity), "$3\r\ninf\r\n", ",inf\r\n"),
        (.verbatim(format: "txt", text: Array("hi".utf8)), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"),
        (.push([.ok]), "*1\r\n+OK\r\n", ">1\r\n+OK\r\n"),
        (.bulk([]), "$0\r\n\r\n", "$0\r\n\r\n"),
    ])
    func writesWhatEachVersionUnderstands(_ value: RESPValue, _ two: String, _ three: String) {
        #expect(self.text(value, .two) == two)
        #expect(self.text(value, .three) == three)
    }

    @Test func keepsALineBreakFromEndingAnError() {
        #expect(self.text(.error("ERR a\r\n+OK"), .two) == "-ERR a  +OK\r\n")
    }
}
