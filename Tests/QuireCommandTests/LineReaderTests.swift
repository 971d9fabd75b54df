import Testing

@testable import quire

@Suite struct LineReaderTests {
    private static let text = "one\n\ntwo\r\n\nlast"

    private func lines(of text: String, pieceBytes: Int, lineBytesMax: Int = 100) throws -> [LineReader.Line] {
        var reader = LineReader(ByteArraySource(text, pieceBytes: pieceBytes), lineBytesMax: lineBytesMax)
        var lines: [LineReader.Line] = []
        while let line = try reader.next() { lines.append(line) }
        #expect(reader.consumedBytes == text.utf8.count)
        return lines
    }

    @Test(arguments: [1, 2, 3, 5, 1000])
    func cutsAtNewlinesWhateverThePieces(pieceBytes: Int) throws {
        let lines = try self.lines(of: Self.text, pieceBytes: pieceBytes)
        #expect(lines.map { String(decoding: $0.bytes, as: UTF8.self) } == ["one\n", "\n", "two\r\n", "\n", "last"])
        #expect(lines.map(\.number) == [1, 2, 3, 4, 5])
        #expect(lines.map(\.isBlank) == [false, true, false, true, false])
    }

    @Test func givesNothingForAnEmptyInput() throws {
        #expect(try self.lines(of: "", pieceBytes: 10).isEmpty)
    }

    @Test(arguments: [1, 4, 1000])
    func marksALineThatIsTooLongAndGoesOn(pieceBytes: Int) throws {
        let lines = try self.lines(of: "short\n0123456789abcdef\nafter\n", pieceBytes: pieceBytes, lineBytesMax: 8)
        #expect(lines.map(\.isTooLong) == [false, true, false])
        #expect(lines[1].bytes.count <= 8)
        #expect(lines[2].bytes == Array("after\n".utf8))
    }
}
