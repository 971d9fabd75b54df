import Foundation
import QuireCore
import QuireStorage
import Testing

@Suite struct LogFormatTests {
    /// A segment of format 1, made by a program of its own after the comment of that format: shard 0 of 2, two
    /// batches. Partition 0 has "golden" with `foreignRecord("x")`, then with `foreignRecord("z", counter: 2)`;
    /// partition 2 has "gone" and is retired.
    private static let firstFormat = [
        "51554952454c4f4700000001000000020000000000000001000000000000000030313233343536373839616263646566",
        "303132333435363738396162636465660000000000000000000000000000000000000000000000000000000000000000",
        "fa94c86b0000005abf89b50b000000640100000006676f6c64656e0100010001000000000000004d0000000000000001",
        "000000000000004d00000000000000010000000000000001000000000000004d00000000000000010000000000000000",
        "000000000178000000584b80ab84000000640100020004676f6e650100010001000000000000004d0000000000000001",
        "000000000000004d00000000000000010000000000000001000000000000004d00000000000000010000000000000000",
        "00000000017900000009d6beb2d70000012602000200000000005a77411551000001260100000006676f6c64656e0100",
        "010001000000000000004d0000000000000002000000000000004d000000000000000200000000000000020000000000",
        "00004d0000000000000002000000000000000000000000017a",
    ].joined()

    private static func bytes(ofHexadecimal text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
        }
    }

    @Test func readsSegmentsOfTheFirstFormat() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        fixture.engine.abandon()
        let bytes = Self.bytes(ofHexadecimal: Self.firstFormat)
        #expect(bytes.count * 2 == Self.firstFormat.utf8.count)
        try Data(bytes).write(to: URL(fileURLWithPath: fixture.directory + "/log/0-000000000001.log"))
        let golden = Key("golden")!
        let expected = foreignRecord("x").merging(foreignRecord("z", counter: 2))
        // Twice from the old log with newer segments after it, then from files alone.
        for round in 0..<3 {
            if round < 2 { try fixture.start() } else { try await fixture.restart() }
            #expect(await fixture.run(.read(.replica(PartitionID(0)), golden)) == .record(expected))
            #expect(await fixture.run(.read(.replica(PartitionID(2)), Key("gone")!)) == .record(nil))
            if round == 0 { fixture.engine.abandon() }
        }
        try await fixture.engine.stop()
    }

    @Test func cutsATornTailOfTheFirstFormat() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        fixture.engine.abandon()
        let path = fixture.directory + "/log/0-000000000001.log"
        try Data(Self.bytes(ofHexadecimal: Self.firstFormat).dropLast(3)).write(to: URL(fileURLWithPath: path))
        try fixture.start()
        #expect(await fixture.run(.read(.replica(PartitionID(0)), Key("golden")!)) == .record(foreignRecord("x")))
        try await fixture.engine.stop()
    }
}
