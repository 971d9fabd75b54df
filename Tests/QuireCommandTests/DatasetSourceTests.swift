import Testing

@testable import quire

@Suite struct DatasetSourceTests {
    private func source(_ text: String) -> DatasetSource {
        DatasetSource(DatasetReader(ByteArraySource(text), format: .deb822))
    }

    private func keys(_ batch: DatasetSource.Batch?) -> [String]? {
        batch?.entries.map { String(decoding: $0.key, as: UTF8.self) }
    }

    @Test func handsOutEverythingInOrder() async throws {
        let source = self.source((0..<300).map { "Package: p\($0)\n" }.joined(separator: "\n"))
        var found: [String] = []
        while let batch = try await source.nextBatch() {
            found += self.keys(batch) ?? []
            await source.finished(batch)
        }
        #expect(found == (0..<300).map { "p\($0)" })
        #expect(await source.finishedCount == 300)
    }

    @Test func neverHandsOutAKeyTwiceInOneBatch() async throws {
        let source = self.source("Package: a\n\nPackage: b\n\nPackage: a\nSize: 2\n")
        let first = try #require(try await source.nextBatch())
        #expect(self.keys(first) == ["a", "b"])
        await source.finished(first)
        #expect(self.keys(try await source.nextBatch()) == ["a"])
    }

    @Test func holdsALaterEntryBackUntilTheEarlierOneIsDone() async throws {
        let source = self.source("Package: a\n\nPackage: a\nSize: 2\n")
        let first = try #require(try await source.nextBatch())
        async let second = source.nextBatch()
        await source.finished(first)
        let batch = try #require(try await second)
        #expect(batch.entries.map(\.value) == [Array("Package: a\nSize: 2\n".utf8)])
        await source.finished(batch)
        #expect(try await source.nextBatch() == nil)
    }

    @Test func countsWhatIsMalformed() async throws {
        let source = self.source("Size: 1\n\nPackage: a\n\nSize: 2\n")
        #expect(self.keys(try await source.nextBatch()) == ["a"])
        #expect(await source.refusalCount == 2)
        #expect(await source.refusals.map(\.line) == [1, 5])
    }
}
