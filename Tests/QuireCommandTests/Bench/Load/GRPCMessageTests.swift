import NIOCore
import Testing

@testable import quire

@Suite struct GRPCMessageTests {
    @Test func framesAMessage() throws {
        var buffer = ByteBuffer()
        GRPCMessage.write(into: &buffer) { $0.writeString("abc") }
        #expect(Array(buffer.readableBytesView) == [0, 0, 0, 0, 3] + Array("abc".utf8))
        #expect(String(buffer: try GRPCMessage.read(buffer)) == "abc")
    }

    @Test func readsAnEmptyMessage() throws {
        #expect(try GRPCMessage.read(ByteBuffer(bytes: [0, 0, 0, 0, 0])).readableBytes == 0)
    }

    @Test(
        arguments: [
            ([], GRPCMessage.Malformation.tooShort(foundBytes: 0)),
            ([0, 0, 0, 0], .tooShort(foundBytes: 4)),
            ([1, 0, 0, 0, 0], .compressed),
            ([0, 0, 0, 0, 2, 9], .length(declaredBytes: 2, foundBytes: 1)),
            ([0, 0, 0, 0, 0, 9], .length(declaredBytes: 0, foundBytes: 1)),
            ([0, 255, 255, 255, 255], .length(declaredBytes: 0xFFFF_FFFF, foundBytes: 0)),
        ] as [([UInt8], GRPCMessage.Malformation)]
    )
    func refusesWhatIsNotOneMessage(_ bytes: [UInt8], _ error: GRPCMessage.Malformation) {
        #expect(throws: error) { try GRPCMessage.read(ByteBuffer(bytes: bytes)) }
    }
}
