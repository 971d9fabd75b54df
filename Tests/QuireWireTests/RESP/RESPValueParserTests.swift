import NIOCore
import QuireWire
import Testing

@Suite struct RESPValueParserTests {
    private func parse(_ text: String, limits: RESPLimits = RESPLimits()) throws(RESPError) -> RESPValue? {
        var parser = RESPValueParser(limits: limits)
        var buffer = ByteBuffer(string: text)
        return try parser.next(&buffer)
    }

    private func randomValue(_ random: inout SeededGenerator, depth: Int) -> RESPValue {
        switch random.number(0...(depth > 0 ? 12 : 8)) {
        case 0: .simple(random.text())
        case 1: .error("ERR " + random.text())
        case 2: .integer(Int64(bitPattern: random.next()))
        case 3, 4: .bulk(random.bytes(0...60))
        case 5: .null
        case 6: .double(Double(Int64(bitPattern: random.next())) / 1024)
        case 7: .boolean(random.bool())
        case 8: .verbatim(format: "txt", text: random.bytes(0...20))
        case 9: .array(self.randomValues(&random, depth: depth))
        case 10: .set(self.randomValues(&random, depth: depth))
        case 11: .push(self.randomValues(&random, depth: depth))
        default:
            .map(
                self.randomValues(&random, depth: depth).map {
                    RESPValue.Entry($0, .bigNumber("-123456789012345678901"))
                }
            )
        }
    }

    private func randomValues(_ random: inout SeededGenerator, depth: Int) -> [RESPValue] {
        (0..<random.number(0...4)).map { _ in self.randomValue(&random, depth: depth - 1) }
    }

    @Test func readsBackWhatTheEncoderWrote() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let value = self.randomValue(&random, depth: 4)
            var buffer = ByteBuffer()
            RESPEncoder(version: .three).encode(value, into: &buffer)
            var parser = RESPValueParser()
            #expect(try parser.next(&buffer) == value)
            #expect(buffer.readableBytes == 0)
        }
    }

    @Test func waitsAtEveryTruncationAndGoesOnByteByByte() throws {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<200 {
            let value = self.randomValue(&random, depth: 3)
            var whole = ByteBuffer()
            RESPEncoder(version: .three).encode(value, into: &whole)
            var parser = RESPValueParser()
            var buffer = ByteBuffer()
            while let byte = whole.readInteger(as: UInt8.self) {
                buffer.writeInteger(byte)
                let found = try parser.next(&buffer)
                #expect(found == (whole.readableBytes == 0 ? value : nil))
            }
        }
    }

    @Test func survivesEveryMutation() {
        var random = SeededGenerator(seed: 3)
        var outcomes = (values: 0, errors: 0, waits: 0)
        for _ in 0..<10_000 {
            var bytes = ByteBuffer()
            RESPEncoder(version: .three).encode(self.randomValue(&random, depth: 3), into: &bytes)
            for _ in 0..<random.number(1...3) {
                let index = random.number(0...(bytes.readableBytes - 1))
                bytes.setInteger(UInt8(random.number(0...255)), at: index)
            }
            var parser = RESPValueParser()
            do {
                let found = try parser.next(&bytes)
                if found == nil { outcomes.waits += 1 } else { outcomes.values += 1 }
            } catch {
                outcomes.errors += 1
            }
        }
        #expect(outcomes.values > 0 && outcomes.errors > 0 && outcomes.waits > 0)
    }

    @Test func takesBothNullsOfVersionTwo() throws {
        #expect(try self.parse("$-1\r\n") == .null)
        #expect(try self.parse("*-1\r\n") == .null)
    }

    @Test func refusesTenThousandNestedArrays() {
        #expect(throws: RESPError.nestedTooDeeply(max: 32)) {
            try self.parse(String(repeating: "*1\r\n", count: 10_000))
        }
    }

    @Test(arguments: [
        ("$9999999999\r\n", RESPError.bulkTooLong(foundBytes: 9_999_999_999, maxBytes: 1 << 20)),
        ("*70000\r\n", .tooManyElements(found: 70_000, max: 1 << 16)),
        ("$99999999999999999999\r\n", .invalidNumber("bulk length")),
        ("$-2\r\n", .invalidNumber("bulk length")),
        (":12a\r\n", .invalidNumber("integer")),
        ("!oops\r\n", .unexpectedByte(found: UInt8(ascii: "!"), needed: "a type of RESP")),
        ("#x\r\n", .malformed("a boolean that is neither t nor f")),
        ("$3\r\nabcde", .malformed("a bulk string does not end where its length says")),
        ("+a\nb\r\n", .malformed("a line feed without a carriage return")),
    ])
    func refusesAtOnce(_ text: String, _ error: RESPError) {
        #expect(throws: error) { try self.parse(text) }
    }

    @Test func countsNestedElementsAgainstOneLimit() {
        let limits = RESPLimits(elementsMax: 10)
        #expect(throws: RESPError.tooManyElements(found: 11, max: 10)) {
            try self.parse("*2\r\n*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*3\r\n:1\r\n:1\r\n:1\r\n", limits: limits)
        }
    }

    @Test func refusesALineOrAMessageThatIsTooLong() {
        let limits = RESPLimits(lineBytesMax: 20, messageBytesMax: 30)
        #expect(throws: RESPError.lineTooLong(maxBytes: 20)) {
            try self.parse("+" + String(repeating: "a", count: 30), limits: limits)
        }
        #expect(throws: RESPError.messageTooLong(maxBytes: 30)) {
            try self.parse("*2\r\n$20\r\n" + String(repeating: "a", count: 20) + "\r\n$20\r\n", limits: limits)
        }
    }
}
