import NIOCore
import Testing

@testable import quire

@Suite struct EtcdMessagesTests {
    private let keys = LoadKeys(count: 10, valueBytes: 300, seed: 1)

    @Test func aPutHasKeyAndValue() throws {
        var buffer = ByteBuffer()
        EtcdMessages.writePut(self.keys, key: 3, turn: 1, into: &buffer)
        var message = try GRPCMessage.read(buffer)
        #expect(Array(message.readableBytesView.prefix(2)) == [1 << 3 | 2, 16])
        #expect(try ProtobufFields.next(&message) == .init(number: 1, value: .bytes(count: 16)))
        #expect(Array(message.readableBytesView.prefix(3)) == [2 << 3 | 2, 0b1010_1100, 2])
        #expect(try ProtobufFields.next(&message) == .init(number: 2, value: .bytes(count: 300)))
        #expect(try ProtobufFields.next(&message) == nil)
    }

    @Test func aRangeHasAKeyAloneAndSoIsLinearizable() throws {
        var buffer = ByteBuffer()
        EtcdMessages.writeRange(self.keys, key: 7, into: &buffer)
        let message = try GRPCMessage.read(buffer)
        #expect(Array(message.readableBytesView) == [10, 16] + LoadKeys.bytes(of: 7))
    }

    @Test func findsTheCountOfAnAnswer() throws {
        // header = 1 (2 bytes), kvs = 2 (3 bytes), count = 4.
        let answer: [UInt8] = [10, 2, 8, 1, 18, 3, 10, 1, 97, 32, 0x96, 0x01]
        #expect(try EtcdMessages.rangeCount(ByteBuffer(bytes: answer)) == 150)
        #expect(try EtcdMessages.rangeCount(ByteBuffer(bytes: [10, 2, 8, 1])) == 0)
        #expect(try EtcdMessages.rangeCount(ByteBuffer()) == 0)
    }

    @Test func passesOverFieldsThatItDoesNotKnow() throws {
        let answer: [UInt8] = [9, 1, 2, 3, 4, 5, 6, 7, 8, 45, 1, 2, 3, 4, 32, 1]
        #expect(try EtcdMessages.rangeCount(ByteBuffer(bytes: answer)) == 1)
    }

    @Test(
        arguments: [
            ([10, 3, 1], ProtobufFields.Malformation.truncated),
            ([32], .truncated),
            ([9, 1], .truncated),
            ([45, 1], .truncated),
            ([10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], .truncated),
            ([32, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], .varintTooLong),
            ([11], .wireType(3)),
        ] as [([UInt8], ProtobufFields.Malformation)]
    )
    func refusesWhatIsNoMessage(_ bytes: [UInt8], _ error: ProtobufFields.Malformation) {
        #expect(throws: error) { try EtcdMessages.rangeCount(ByteBuffer(bytes: bytes)) }
    }
}
