import NIOCore
import QuireCore
import Testing

@testable import quire

@Suite struct LoadKeysTests {
    private let keys = LoadKeys(count: 200, valueBytes: 100, seed: 1)

    @Test(arguments: [(0, "load:00000000000"), (107, "load:00000000107"), (99_999_999, "load:00099999999")])
    func writesTheKeyThatItNames(_ number: Int, _ text: String) {
        var buffer = ByteBuffer()
        self.keys.writeKey(number, into: &buffer)
        #expect(String(buffer: buffer) == text)
        #expect(LoadKeys.bytes(of: number) == Array(text.utf8))
    }

    @Test func knowsTheSlotOfEachKey() throws {
        for number in 0..<200 {
            let key = try #require(Key(LoadKeys.bytes(of: number)))
            #expect(self.keys.slot(of: number) == key.slot.rawValue)
        }
    }

    @Test func valuesHaveTheirSizeAndDiffer() {
        var first = ByteBuffer()
        self.keys.writeValue(turn: 1, into: &first)
        var second = ByteBuffer()
        self.keys.writeValue(turn: 2, into: &second)
        #expect(first.readableBytes == 100)
        #expect(second.readableBytes == 100)
        #expect(first != second)
    }
}
