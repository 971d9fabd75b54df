import Testing

@testable import quire

@Suite struct Deb822ReaderTests {
    @Test(arguments: [1, 2, 7, 1000])
    func keepsTheExactBytesOfAParagraph(pieceBytes: Int) throws {
        let first = "Package: alpha\nTag: a,\n b::c,\n .\nSize: 1\n"
        let second = "Version: 2\nPACKAGE:\tbeta  \n"
        let items = try DatasetReader.items(
            of: "\n\n" + first + "\n" + second + "\n\n \t\n",
            format: .deb822,
            pieceBytes: pieceBytes
        )
        #expect(items == [.entry("alpha", first, line: 3), .entry("beta", second, line: 9)])
    }

    @Test func takesALastParagraphWithoutNewline() throws {
        let items = try DatasetReader.items(of: "Package: a\nSize: 1", format: .deb822)
        #expect(items == [.entry("a", "Package: a\nSize: 1", line: 1)])
    }

    @Test func separatesAtLinesOfBlanksOnly() throws {
        let items = try DatasetReader.items(of: "Package: a\n \t \nPackage: b\n", format: .deb822)
        #expect(items == [.entry("a", "Package: a\n", line: 1), .entry("b", "Package: b\n", line: 3)])
    }

    @Test func keepsCarriageReturnsAndBytesThatAreNoText() throws {
        let bytes: [UInt8] = Array("Package: a\r\nX: ".utf8) + [0xFF, 0x00, 0x0A]
        var reader = DatasetReader(ByteArraySource(bytes), format: .deb822)
        #expect(try reader.next() == .entry(DatasetEntry(key: [UInt8(ascii: "a")], value: bytes, line: 1)))
        #expect(try reader.next() == nil)
    }

    @Test func keepsCommentsInTheValue() throws {
        let text = "# words\nPackage: a\n"
        #expect(try DatasetReader.items(of: text, format: .deb822) == [.entry("a", text, line: 1)])
    }

    @Test(arguments: [
        ("Version: 1\n", "the paragraph has no Package field"),
        ("Package:\n", "the key is empty"),
        ("Package: a\nnonsense\n", "line 2 is neither a field nor its continuation"),
        ("Package: a\n: x\n", "line 2 is neither a field nor its continuation"),
        (" Package: a\n", "line 1 continues a field that did not begin"),
        ("Package: a\nPackage: b\n", "line 2 is a second Package field"),
    ])
    func namesAMalformedParagraphAndGoesOn(text: String, reason: String) throws {
        let items = try DatasetReader.items(of: text + "\nPackage: next\n", format: .deb822)
        #expect(items.count == 2)
        #expect(items.first == .malformed(line: 1, reason: reason))
        guard case .entry(let entry)? = items.last else {
            Issue.record("the paragraph after the malformed one was lost")
            return
        }
        #expect(entry.key == Array("next".utf8))
    }

    @Test func refusesAKeyOfMoreThan1024Bytes() throws {
        let longest = String(repeating: "k", count: 1024)
        let items = try DatasetReader.items(of: "Package: \(longest)\n\nPackage: \(longest)k\n", format: .deb822)
        #expect(items.first == .entry(longest, "Package: \(longest)\n", line: 1))
        #expect(items.last == .malformed(line: 3, reason: "a key of 1025 bytes: keys have 1 to 1024 bytes"))
    }
}
