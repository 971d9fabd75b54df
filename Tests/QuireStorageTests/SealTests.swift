import Foundation
import QuireCore
import QuireStorage
import Testing

@Suite struct SealTests {
    private func fill(_ fixture: StorageFixture, round: Int, count: Int = 300) async {
        _ = await fixture.run(
            (0..<count).map {
                fixture.mint(fixture.key($0, in: 1), "round \(round)", request: UInt64(round * 10_000 + $0 + 1))
            }
        )
    }

    private func copy(_ seal: SealedImage, from engine: StorageEngine) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<seal.blockCount {
            bytes += try await engine.readBlock(seal, index)
        }
        return bytes
    }

    @Test func holdsTheImageStillWhileWritesGoOn() async throws {
        let fixture = try StorageFixture { $0.checkpointBytes = 1 }
        defer { fixture.remove() }
        await self.fill(fixture, round: 1)
        let before = await fixture.scan(1)
        let seal = try #require(try await fixture.engine.seal(PartitionID(1)))
        let image = try await self.copy(seal, from: fixture.engine)
        #expect(image.count == seal.sizeBytes)
        for round in 2...12 {
            await self.fill(fixture, round: round, count: 400)
            try await fixture.engine.flush(PartitionID(1))
        }
        #expect(try await self.copy(seal, from: fixture.engine) == image)

        let path = fixture.directory + "/incoming/copy.db"
        try Data(image).write(to: URL(fileURLWithPath: path))
        let stock = try SQLiteDatabase(path: path, mode: .existing)
        #expect(try stock.text("PRAGMA integrity_check") == "ok")
        #expect(try stock.text("PRAGMA journal_mode") == "delete")
        #expect(try stock.integer("SELECT count(*) FROM entries") == 300)
        stock.close()
        let reader = try PartitionImageReader(path: path)
        try reader.checkContent(digester: StorageFixture.digester)
        var found: [KeyedRecord] = []
        try reader.forEachRow { found.append(KeyedRecord(key: $0.key, record: $0.record)) }
        #expect(found == before)
        #expect(reader.leaves == seal.leaves)
        #expect(try PartitionImage.logicalRoot(of: reader).recordCount == 300)

        try await fixture.engine.unseal(seal)
        let next = try #require(try await fixture.engine.seal(PartitionID(1)))
        #expect(next.tally.records == 400)
        #expect(next.leaves == StorageFixture.leaves(of: await fixture.scan(1)))
        try await fixture.engine.stop()
    }

    @Test func sealsNothingWhereThereIsNothing() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        #expect(try await fixture.engine.seal(PartitionID(1)) == nil)
        try await fixture.engine.stop()
    }

    @Test func sharesAnUnchangedImageAndRefusesAStaleOne() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        await self.fill(fixture, round: 1)
        let first = try #require(try await fixture.engine.seal(PartitionID(1)))
        let second = try #require(try await fixture.engine.seal(PartitionID(1)))
        #expect(first.id != second.id)
        try await fixture.engine.unseal(first)
        #expect(try await !fixture.engine.readBlock(second, 0).isEmpty)
        await #expect(throws: StorageError.self) { try await fixture.engine.readBlock(first, 0) }
        await self.fill(fixture, round: 2)
        let error = await #expect(throws: StorageError.self) { try await fixture.engine.seal(PartitionID(1)) }
        #expect(error?.code == .sealHeld)
        try await fixture.engine.unseal(second)
        #expect(try await fixture.engine.seal(PartitionID(1)) != nil)
        try await fixture.engine.stop()
    }

    @Test func expiresByAge() async throws {
        let fixture = try StorageFixture { $0.sealAgeMillisecondsMax = 1000 }
        defer { fixture.remove() }
        await self.fill(fixture, round: 1)
        let seal = try #require(try await fixture.engine.seal(PartitionID(1)))
        fixture.clock.advance(999)
        #expect(try await !fixture.engine.readBlock(seal, 0).isEmpty)
        fixture.clock.advance(1)
        let error = await #expect(throws: StorageError.self) { try await fixture.engine.readBlock(seal, 0) }
        #expect(error?.code == .sealExpired)
        try await fixture.engine.stop()
    }

    @Test func expiresWhenTheWALGrows() async throws {
        let fixture = try StorageFixture { $0.sealWALBytesMax = 100_000 }
        defer { fixture.remove() }
        await self.fill(fixture, round: 1)
        let seal = try #require(try await fixture.engine.seal(PartitionID(1)))
        for round in 2...4 {
            await self.fill(fixture, round: round)
            try await fixture.engine.flush(PartitionID(1))
        }
        let error = await #expect(throws: StorageError.self) { try await fixture.engine.readBlock(seal, 0) }
        #expect(error?.code == .sealExpired)
        try await fixture.engine.stop()
    }

    @Test func keepsASealedFileOpenWhateverElseIsUsed() async throws {
        let fixture = try StorageFixture(partitionCount: 32) { $0.openFilesMax = 4 }
        defer { fixture.remove() }
        await self.fill(fixture, round: 1)
        let seal = try #require(try await fixture.engine.seal(PartitionID(1)))
        let image = try await self.copy(seal, from: fixture.engine)
        for partition in 0..<32 {
            _ = await fixture.run([fixture.mint(fixture.key(0, in: partition), "x", request: UInt64(partition + 1))])
            try await fixture.engine.flush(PartitionID(partition))
        }
        #expect(try await self.copy(seal, from: fixture.engine) == image)
        try await fixture.engine.stop()
    }
}
