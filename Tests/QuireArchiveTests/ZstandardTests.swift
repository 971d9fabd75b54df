import Testing

@testable import QuireArchive

@Suite struct ZstandardTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    @Test(arguments: [0, 1, 4096, 300_000, 1 << 20])
    func returnsWhatItWasGiven(sizeBytes: Int) throws {
        var generator = SeededGenerator(seed: UInt64(sizeBytes))
        let bytes = (0..<sizeBytes).map { _ in UInt8.random(in: 0...3, using: &generator) }
        let (stored, digests) = try self.compress(bytes)
        #expect(digests.imageHash == ContentHash(of: bytes))
        #expect(digests.storedHash == ContentHash(of: stored))
        #expect(digests.imageBytes == sizeBytes && digests.storedBytes == stored.count)
        let (image, readBack) = try self.decompress(stored, imageBytes: sizeBytes)
        #expect(image == bytes)
        #expect(readBack == digests)
    }

    @Test func refusesTheFirstByteTooMany() throws {
        let (stored, _) = try self.compress([UInt8](repeating: 0, count: 1 << 20))
        #expect(throws: ArchiveError.self) { try self.decompress(stored, imageBytes: (1 << 20) - 1) }
    }

    @Test func refusesAFrameWithoutChecksum() throws {
        // Magic number, single segment with a size of 3, one last raw block of 3 bytes.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 3, 0x19, 0, 0] + Array("abc".utf8)
        let error = try #require(throws: ArchiveError.self) { try self.decompress(frame, imageBytes: 3) }
        #expect(error.code == .damagedObject)
        #expect(error.message.contains("no checksum"))
    }

    @Test func refusesEveryPrefixOfAFrame() throws {
        let (stored, _) = try self.compress(Array("a partition image".utf8))
        for count in stored.indices {
            #expect(throws: ArchiveError.self) { try self.decompress(Array(stored.prefix(count)), imageBytes: 17) }
        }
    }

    @Test func refusesWhatFollowsTheFrame() throws {
        let (stored, _) = try self.compress(Array("image".utf8))
        #expect(throws: ArchiveError.self) { try self.decompress(stored + [0], imageBytes: 5) }
        #expect(throws: ArchiveError.self) { try self.decompress(stored + stored, imageBytes: 10) }
    }

    private func compress(_ bytes: [UInt8]) throws -> ([UInt8], Zstandard.Digests) {
        try writeBytes(bytes, self.directory("image"))
        var stored: [UInt8] = []
        let digests = try Zstandard.compress(try InputFile(self.directory("image"))) { stored.append(contentsOf: $0) }
        return (stored, digests)
    }

    @discardableResult
    private func decompress(_ stored: [UInt8], imageBytes: Int) throws -> ([UInt8], Zstandard.Digests) {
        try writeBytes(stored, self.directory("stored"))
        var image: [UInt8] = []
        let digests = try Zstandard.decompress(try InputFile(self.directory("stored")), imageBytes: imageBytes) {
            image.append(contentsOf: $0)
        }
        return (image, digests)
    }
}
