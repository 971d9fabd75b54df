import QuireCore
import QuireWire
import Testing

@Suite struct BlockFrameTests {
    /// Three blocks, the last one of 10 bytes.
    private static func manifest() throws -> SealManifest {
        let manifest = SealManifest(seal: 1, sizeBytes: 2010, blockBytes: 1000, records: 1, checksums: [1, 2, 3])
        return try #require(manifest)
    }

    @Test(arguments: [
        BlockFrame(.block, block: 0, payloadBytes: 1000), BlockFrame(.block, block: 2, payloadBytes: 10),
        BlockFrame(.compressed, block: 1, payloadBytes: 999), BlockFrame(.compressed, block: 2, payloadBytes: 1),
        BlockFrame(.end), BlockFrame(.expired), BlockFrame(.failed, payloadBytes: 1024), BlockFrame(.failed),
    ])
    func comesBackAsItWas(frame: BlockFrame) throws {
        #expect(frame.encoded().count == BlockFrame.bytes)
        #expect(try BlockFrame(frame.encoded(), manifest: try Self.manifest()) == frame)
    }

    @Test(arguments: [
        BlockFrame(.block, block: 0, payloadBytes: 999), BlockFrame(.block, block: 2, payloadBytes: 1000),
        BlockFrame(.block, block: 3, payloadBytes: 1000), BlockFrame(.compressed, block: 0, payloadBytes: 1000),
        BlockFrame(.compressed, block: 0, payloadBytes: 0), BlockFrame(.compressed, block: 0, payloadBytes: 1 << 30),
        BlockFrame(.end, payloadBytes: 1), BlockFrame(.expired, block: 1), BlockFrame(.failed, payloadBytes: 1025),
        BlockFrame(.failed, block: 1),
    ])
    func refusesWhatCannotBe(frame: BlockFrame) throws {
        let manifest = try Self.manifest()
        #expect(throws: BlockFrame.DecodingError.self) { try BlockFrame(frame.encoded(), manifest: manifest) }
    }

    @Test func refusesFramesThatAreCutOrPadded() throws {
        let manifest = try Self.manifest()
        let bytes = BlockFrame(.end).encoded()
        for damaged in [Array(bytes.dropLast()), bytes + [0], []] {
            #expect(throws: BlockFrame.DecodingError.truncated(foundBytes: damaged.count)) {
                try BlockFrame(damaged, manifest: manifest)
            }
        }
    }

    /// Whatever is accepted asks for no more than a block, and says itself again.
    @Test func survivesNonsense() throws {
        let manifest = try Self.manifest()
        var random = SeededGenerator(seed: 7)
        for _ in 0..<50_000 {
            var bytes = BlockFrame(.block, block: random.number(0...3), payloadBytes: 1000).encoded()
            for _ in 0..<random.number(1...3) {
                bytes[random.number(0...bytes.count - 1)] = UInt8(random.number(0...255))
            }
            guard let frame = try? BlockFrame(bytes, manifest: manifest) else { continue }
            #expect(frame.encoded() == bytes)
            #expect(frame.payloadBytes <= 1024)
        }
    }
}
