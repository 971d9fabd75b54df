import QuireCore
import Testing

@Suite struct SealManifestTests {
    @Test(arguments: [
        (5, 0, 2), (5, 4, 1), (5, 4, 3), (-1, 4, 0), (1 << 45, 16 << 20, 1 << 21), (5, 17 << 20, 1), (0, 4, 1),
    ])
    func refusesSizesThatDoNotBelongTogether(sizeBytes: Int, blockBytes: Int, blocks: Int) {
        let checksums = [UInt32](repeating: 0, count: blocks)
        let manifest = SealManifest(
            seal: 1,
            sizeBytes: sizeBytes,
            blockBytes: blockBytes,
            records: 0,
            checksums: checksums
        )
        #expect(manifest == nil)
    }

    @Test func theLastBlockMayBeShort() throws {
        let manifest = SealManifest(seal: 1, sizeBytes: 9, blockBytes: 4, records: 0, checksums: [1, 2, 3])
        let found = try #require(manifest)
        #expect((0..<found.blockCount).map(found.range) == [0..<4, 4..<8, 8..<9])
    }

    @Test func theDigestNamesTheFileAndNotTheSeal() throws {
        func digest(_ seal: UInt64, _ size: Int, _ checksums: [UInt32]) throws -> String {
            let manifest = SealManifest(seal: seal, sizeBytes: size, blockBytes: 4, records: 0, checksums: checksums)
            return try #require(manifest).digest
        }
        let first = try digest(1, 8, [1, 2])
        #expect(try digest(2, 8, [1, 2]) == first)
        #expect(try digest(1, 7, [1, 2]) != first)
        #expect(try digest(1, 8, [2, 1]) != first)
    }
}
