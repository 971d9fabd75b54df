import Crypto
import Foundation
import QuireCore
import Testing

@testable import QuireNode

@Suite struct IncomingImageTests {
    @Test func hashesWhatItHasWritten() throws {
        let scratch = try ScratchDirectory()
        let image = IncomingImage(path: "\(scratch.path)/1.db")
        let blocks: [[UInt8]] = [Array(repeating: 1, count: 100_000), [], [2, 3]]
        try image.create(sizeBytes: 100_002)
        for block in blocks {
            try image.append(block)
        }
        let checksum = try image.finish()
        let written = try Data(contentsOf: URL(fileURLWithPath: image.path))
        #expect(Array(written) == blocks.flatMap { $0 })
        #expect(checksum == Hexadecimal.encode(SHA256.hash(data: written)))
    }

    @Test func startsAgainFromNothing() throws {
        let scratch = try ScratchDirectory()
        let image = IncomingImage(path: "\(scratch.path)/1.db")
        try image.create(sizeBytes: 10)
        try image.append([1, 2, 3])
        try image.create(sizeBytes: 10)
        try image.append([4])
        #expect(try image.finish() == Hexadecimal.encode(SHA256.hash(data: [4])))
    }

    @Test func saysWhatToDoWhenThereIsNoRoom() throws {
        let scratch = try ScratchDirectory()
        let image = IncomingImage(path: "\(scratch.path)/1.db")
        let failure = #expect(throws: IncomingImage.Failure.self) { try image.create(sizeBytes: 1 << 60) }
        #expect(try #require(failure).description.contains("free space"))
    }

    @Test func leavesNothingBehindWhenDiscarded() throws {
        let scratch = try ScratchDirectory()
        let image = IncomingImage(path: "\(scratch.path)/1.db")
        try image.create(sizeBytes: 10)
        image.discard()
        #expect(!FileManager.default.fileExists(atPath: image.path))
    }
}
