import NIOCore
import QuireCore
import Testing

@testable import QuireWire

@Suite struct PeerCodecTests {
    private func encoded(_ envelope: PeerEnvelope) -> ByteBuffer {
        var buffer = ByteBuffer()
        PeerCodec.encode(envelope, into: &buffer)
        return buffer
    }

    private func envelope(_ message: PeerMessage, _ random: inout SeededGenerator) -> PeerEnvelope {
        PeerEnvelope(
            correlation: random.next(),
            isReply: random.bool(),
            version: LayoutVersion(random.number(0...1 << 40)),
            message: message
        )
    }

    @Test func readsBackEveryMessage() throws {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<60 {
            for message in SampleMessages.all(&random) {
                let envelope = self.envelope(message, &random)
                var buffer = self.encoded(envelope)
                var parser = PeerMessageParser()
                #expect(try parser.next(&buffer) == envelope)
                #expect(buffer.readableBytes == 0)
            }
        }
    }

    @Test func samplesCoverEveryType() throws {
        var random = SeededGenerator(seed: 7)
        var types: Set<String> = []
        for message in SampleMessages.all(&random) {
            var buffer = self.encoded(self.envelope(message, &random))
            var parser = RESPValueParser()
            guard case .array(let elements) = try parser.next(&buffer), case .bulk(let name) = elements[0] else {
                continue
            }
            types.insert(String(decoding: name, as: UTF8.self))
        }
        #expect(types == Set(PeerMessageType.allCases.map(\.rawValue)))
    }

    @Test func waitsAtEveryTruncation() throws {
        var random = SeededGenerator(seed: 8)
        for message in SampleMessages.all(&random) {
            let whole = self.encoded(self.envelope(message, &random))
            for length in stride(from: 0, to: whole.readableBytes, by: max(1, whole.readableBytes / 97)) {
                var part = try #require(whole.getSlice(at: 0, length: length))
                var parser = PeerMessageParser()
                #expect(try parser.next(&part) == nil)
            }
        }
    }

    @Test func survivesEveryMutation() {
        var random = SeededGenerator(seed: 9)
        var outcomes = (messages: 0, errors: 0)
        for _ in 0..<60 {
            for message in SampleMessages.all(&random) {
                var bytes = self.encoded(self.envelope(message, &random))
                for _ in 0..<random.number(1...3) {
                    bytes.setInteger(UInt8(random.number(0...255)), at: random.number(0...(bytes.readableBytes - 1)))
                }
                var parser = PeerMessageParser()
                do {
                    if try parser.next(&bytes) != nil { outcomes.messages += 1 }
                } catch {
                    outcomes.errors += 1
                }
            }
        }
        #expect(outcomes.messages > 0 && outcomes.errors > 100)
    }

    @Test func refusesFieldsThatAreMissingOrLeftOver() throws {
        var random = SeededGenerator(seed: 10)
        for message in SampleMessages.all(&random) {
            var buffer = self.encoded(self.envelope(message, &random))
            var parser = RESPValueParser()
            guard case .array(let elements) = try parser.next(&buffer) else { continue }
            #expect(throws: PeerCodecError.self) { try PeerCodec.envelope(from: .array(elements + [.null])) }
            #expect(throws: PeerCodecError.self) { try PeerCodec.envelope(from: .array(Array(elements.dropLast()))) }
        }
    }

    @Test(arguments: [
        ([RESPValue.bulk("shutdown"), .integer(1), .integer(0), .integer(1)], PeerCodecError.unknownType("shutdown")),
        ([.bulk("get"), .integer(1), .integer(2), .integer(1)], .malformed("field 2: needed an integer in 0...1")),
        (
            [.bulk("readLeaves"), .integer(1), .integer(0), .integer(1), .integer(0), .integer(0), .integer(4096)],
            .malformed("field 6: needed an integer in 0...4095")
        ),
        (
            [.bulk("get"), .integer(1), .integer(0), .integer(1), .integer(0), .integer(0), .integer(1), .bulk("")],
            .malformed("field 7: needed a key of 1 to 1024 bytes")
        ),
        (
            [
                .bulk("record"), .integer(1), .integer(1), .integer(1), .integer(0), .integer(0),
                .bulk([9, 0, 0, 0, 0]),
            ],
            .malformedRecord(.unknownFormat(9))
        ),
    ])
    func refusesWhatIsOutOfRange(_ elements: [RESPValue], _ error: PeerCodecError) {
        #expect(throws: error) { try PeerCodec.envelope(from: .array(elements)) }
    }

    @Test func carriesALargeBatch() throws {
        var record = Record()
        let dot = Dot(actor: ActorID(rawValue: 1), counter: 1)
        let value = [UInt8](repeating: 7, count: 1 << 20)
        let version = Version(dot: dot, timestamp: .zero, request: RequestID(high: 0, low: 0), value: value)
        record.mint(version, superseding: .older)
        let entries = (0..<50).map { KeyedRecord(key: Key("k\($0)")!, record: record) }
        var buffer = self.encoded(
            PeerEnvelope(
                correlation: 1,
                isReply: false,
                version: .none,
                message: .putBatch(PartitionID(3), entries)
            )
        )
        var parser = PeerMessageParser()
        let found = try parser.next(&buffer)
        #expect(found?.message == .putBatch(PartitionID(3), entries))
    }

    @Test func refusesBatchesOfTombstonesBeyondTheirBound() throws {
        let pair = "$1\r\nk\r\n$16\r\n0123456789abcdef\r\n"
        for count in [TombstoneBatch.countMax, TombstoneBatch.countMax + 1] {
            var buffer = ByteBuffer(
                string: "*11\r\n$16\r\nattestTombstones\r\n:1\r\n:0\r\n:1\r\n:1\r\n:0\r\n:3\r\n:1\r\n:5\r\n:5\r\n"
                    + "*\(2 * count)\r\n" + String(repeating: pair, count: count)
            )
            var parser = PeerMessageParser()
            if count > TombstoneBatch.countMax {
                #expect(throws: PeerCodecError.self) { try parser.next(&buffer) }
            } else {
                #expect(try parser.next(&buffer) != nil)
            }
        }
    }
}
