import Testing

@testable import quire

@Suite struct WriterValueTests {
    @Test(arguments: [0, 1, 4021, 1_000_000_007])
    func namesItsWrite(sequence: Int) {
        let value = WriterValue.bytes(sequence: sequence, key: "writer/7", sizeBytes: 256)
        #expect(value.count == 256)
        #expect(WriterValue.sequence(of: value, key: "writer/7") == sequence)
    }

    @Test func isNoWriteToAnotherKey() {
        let value = WriterValue.bytes(sequence: 3, key: "writer/7", sizeBytes: 128)
        #expect(WriterValue.sequence(of: value, key: "writer/8") == nil)
    }

    @Test func showsEveryChangedByte() {
        let value = WriterValue.bytes(sequence: 34, key: "k", sizeBytes: 64)
        for index in value.indices {
            var damaged = value
            damaged[index] ^= 1
            #expect(WriterValue.sequence(of: damaged, key: "k") != 34)
        }
    }

    @Test func isNoWriteWhenCutOrEmpty() {
        #expect(WriterValue.sequence(of: [], key: "k") == nil)
        #expect(WriterValue.sequence(of: Array("12".utf8), key: "k") == nil)
    }
}
