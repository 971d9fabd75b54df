import Foundation
import QuireCore
import QuireStorage
import Testing

@testable import QuireNode

@Suite struct IncomingImageTests {
    private static let blockBytes = 1000
    private let partition = PartitionID(7)
    private let source = NodeID(rawValue: 3)

    /// The blocks of a file of which the last one is short.
    private static func blocks(_ seeds: [UInt8]) -> [[UInt8]] {
        seeds.enumerated().map { index, seed in
            [UInt8](repeating: seed, count: index == seeds.count - 1 ? 10 : Self.blockBytes)
        }
    }

    private static func manifest(_ blocks: [[UInt8]], seal: UInt64 = 1) throws -> SealManifest {
        let manifest = SealManifest(
            seal: seal,
            sizeBytes: blocks.reduce(0) { $0 + $1.count },
            blockBytes: Self.blockBytes,
            records: 1,
            checksums: blocks.map { CRC32C.checksum($0) }
        )
        return try #require(manifest)
    }

    private func image(_ scratch: ScratchDirectory) -> IncomingImage {
        IncomingImage(path: "\(scratch.path)/7.db", partition: self.partition)
    }

    private func write(_ blocks: [[UInt8]], _ numbers: [Int], to image: IncomingImage) throws {
        for number in numbers {
            #expect(try blocks[number].withUnsafeBytes { try image.write($0, as: number) })
        }
    }

    private func content(_ image: IncomingImage) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: image.path)))
    }

    @Test func putsEachBlockWhereItBelongs() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let blocks = Self.blocks([1, 2, 3])
        #expect(try image.prepare(try Self.manifest(blocks), from: self.source) == 0)
        #expect(image.missing == [0..<3])
        try self.write(blocks, [1, 0], to: image)
        #expect(image.missing == [2..<3])
        #expect(!image.isComplete)
        try self.write(blocks, [2], to: image)
        #expect(image.isComplete)
        try image.finish()
        #expect(try self.content(image) == blocks.flatMap { $0 })
    }

    @Test func refusesABlockThatIsNotTheOneOfTheManifest() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let blocks = Self.blocks([1, 2, 3])
        _ = try image.prepare(try Self.manifest(blocks), from: self.source)
        for (bytes, number) in [(blocks[1], 0), (Array(blocks[0].dropLast()), 0), (blocks[0], 3)] {
            #expect(try !bytes.withUnsafeBytes { try image.write($0, as: number) })
        }
        #expect(image.missing == [0..<3])
    }

    @Test func goesOnAtTheFirstMissingBlockAfterARestart() throws {
        let scratch = try ScratchDirectory()
        let blocks = Self.blocks([1, 2, 3, 4])
        let before = self.image(scratch)
        _ = try before.prepare(try Self.manifest(blocks), from: self.source)
        try self.write(blocks, [0, 1], to: before)
        before.suspend()
        let after = self.image(scratch)
        #expect(try after.prepare(try Self.manifest(blocks, seal: 2), from: self.source) == 2 * Self.blockBytes)
        #expect(after.missing == [2..<4])
    }

    @Test(arguments: [true, false])
    func anotherSealBringsOnlyBlocksThatHaveChanged(isRestarted: Bool) throws {
        let scratch = try ScratchDirectory()
        let before = self.image(scratch)
        let old = Self.blocks([1, 2, 3, 4])
        _ = try before.prepare(try Self.manifest(old), from: self.source)
        try self.write(old, [0, 1, 2], to: before)
        if isRestarted { before.suspend() }
        let after = isRestarted ? self.image(scratch) : before
        let new = Self.blocks([1, 9, 3, 4, 5])
        #expect(try after.prepare(try Self.manifest(new, seal: 2), from: self.source) == 2 * Self.blockBytes)
        #expect(after.missing == [1..<2, 3..<5])
        try self.write(new, [1, 3, 4], to: after)
        try after.finish()
        #expect(try self.content(after) == new.flatMap { $0 })
    }

    @Test func aBlockThatTheDiskHasLostIsPulledAgain() throws {
        let scratch = try ScratchDirectory()
        let blocks = Self.blocks([1, 2, 3])
        let before = self.image(scratch)
        _ = try before.prepare(try Self.manifest(blocks), from: self.source)
        try self.write(blocks, [0, 1], to: before)
        before.suspend()
        var bytes = try self.content(before)
        bytes[3] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: before.path))
        let after = self.image(scratch)
        #expect(try after.prepare(try Self.manifest(blocks), from: self.source) == Self.blockBytes)
        #expect(after.missing == [0..<1, 2..<3])
    }

    @Test(arguments: ["", "nonsense"])
    func startsAgainWithoutANoteThatCanBeRead(note: String) throws {
        let scratch = try ScratchDirectory()
        let blocks = Self.blocks([1, 2, 3])
        let before = self.image(scratch)
        _ = try before.prepare(try Self.manifest(blocks), from: self.source)
        try self.write(blocks, [0], to: before)
        before.suspend()
        try Data(note.utf8).write(to: URL(fileURLWithPath: "\(scratch.path)/7.note"))
        let after = self.image(scratch)
        #expect(try after.prepare(try Self.manifest(blocks), from: self.source) == 0)
    }

    @Test func theNoteOfAnotherPartitionIsNone() throws {
        let scratch = try ScratchDirectory()
        let blocks = Self.blocks([1, 2])
        let before = self.image(scratch)
        _ = try before.prepare(try Self.manifest(blocks), from: self.source)
        try self.write(blocks, [0], to: before)
        before.suspend()
        let other = IncomingImage(path: before.path, partition: PartitionID(8))
        #expect(try other.prepare(try Self.manifest(blocks), from: self.source) == 0)
    }

    @Test func saysWhatToDoWhenThereIsNoRoom() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        let sizeBytes = 1 << 44
        let checksums = [UInt32](repeating: 0, count: sizeBytes / SealManifest.blockBytesMax)
        let manifest = SealManifest(
            seal: 1,
            sizeBytes: sizeBytes,
            blockBytes: SealManifest.blockBytesMax,
            records: 1,
            checksums: checksums
        )
        let wanted = try #require(manifest)
        let failure = #expect(throws: IncomingImage.Failure.self) { try image.prepare(wanted, from: self.source) }
        #expect(try #require(failure).description.contains("free space"))
    }

    @Test func leavesNothingBehindWhenDiscarded() throws {
        let scratch = try ScratchDirectory()
        let image = self.image(scratch)
        _ = try image.prepare(try Self.manifest(Self.blocks([1])), from: self.source)
        image.discard()
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }
}
