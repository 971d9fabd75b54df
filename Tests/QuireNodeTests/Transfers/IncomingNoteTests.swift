import QuireCore
import Testing

@testable import QuireNode

@Suite struct IncomingNoteTests {
    private func note(_ blocks: Int, done: Set<Int> = [0, 8]) throws -> IncomingNote {
        let manifest = SealManifest(
            seal: 0xFEDC_BA98_7654_3210,
            sizeBytes: blocks * 4096,
            blockBytes: 4096,
            records: 77,
            checksums: (0..<blocks).map { UInt32($0) &* 0x9E37_79B9 }
        )
        return IncomingNote(
            partition: PartitionID(4095),
            source: NodeID(rawValue: .max),
            manifest: try #require(manifest),
            done: (0..<blocks).map { done.contains($0) }
        )
    }

    @Test(arguments: [0, 1, 7, 8, 9, 1000])
    func comesBackAsItWas(blocks: Int) throws {
        let note = try self.note(blocks)
        #expect(try IncomingNote(note.encoded()) == note)
    }

    @Test func refusesEveryCutAndEveryFlippedBit() throws {
        let bytes = try self.note(9).encoded()
        for length in 0..<bytes.count {
            #expect(throws: IncomingNote.DecodingError.self) { try IncomingNote(Array(bytes.prefix(length))) }
        }
        #expect(throws: IncomingNote.DecodingError.self) { try IncomingNote(bytes + [0]) }
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: IncomingNote.DecodingError.self) { try IncomingNote(damaged) }
        }
    }

    /// Damage that carries a right checksum: sizes that do not belong together are refused, and nothing traps.
    @Test func survivesNonsenseWithARightChecksum() throws {
        let bytes = try self.note(9).encoded()
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            var damaged = Array(bytes.dropLast(4))
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                damaged[Int(state >> 33) % damaged.count] = UInt8(truncatingIfNeeded: state >> 24)
            }
            damaged.appendBigEndian(CRC32C.checksum(damaged))
            // Either it is refused, or it is a note that says itself again.
            if let note = try? IncomingNote(damaged) { #expect(note.encoded() == damaged) }
        }
    }
}
