import Foundation
import QuireCore
import QuireStorage
import Testing

@Suite struct PartitionExchangeTests {
    private let partition = PartitionID(1)

    /// An image of partition 1 with these keys, made by another node of the cluster.
    private func makeImage(_ numbers: Range<Int>, at path: String) async throws {
        let source = try StorageFixture()
        defer { source.remove() }
        let batch = numbers.map { KeyedRecord(key: source.key($0, in: 1), record: foreignRecord("image")) }
        _ = await source.run(.mergeBatch(.replica(self.partition), batch))
        let seal = try #require(try await source.engine.seal(self.partition))
        var bytes: [UInt8] = []
        for index in 0..<seal.blockCount {
            bytes += try await source.engine.readBlock(seal, index)
        }
        try await source.engine.stop()
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    @Test func installsAnImageAndKeepsWhatWasWrittenMeanwhile() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let path = fixture.engine.incomingPath(named: "1.image")
        try await self.makeImage(0..<200, at: path)
        _ = await fixture.run((150..<250).map { fixture.mint(fixture.key($0, in: 1), "a", request: UInt64($0 + 1)) })
        try await fixture.engine.flush(self.partition)
        let outcomes = await fixture.run([fixture.mint(fixture.key(250, in: 1), "b", request: 1000)])[0]
        let before = try #require(outcomes.first?.mintedDot)
        try await fixture.engine.install(self.partition, imageAt: path)
        let records = await fixture.scan(1)
        #expect(records.count == 251)
        #expect(await fixture.read(fixture.key(10, in: 1)) == foreignRecord("image"))
        #expect(await fixture.read(fixture.key(160, in: 1))?.siblings.count == 2)
        #expect(await fixture.leaves(1) == StorageFixture.leaves(of: records))
        let after = await fixture.run([fixture.mint(fixture.key(0, in: 1), "c", request: 1001)])[0].first?.mintedDot
        #expect(after?.actor != before.actor)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/incoming").isEmpty)
        try fixture.crash()
        #expect(await fixture.scan(1).count == 251)
        try await fixture.engine.stop()
    }

    @Test func refusesADamagedImageAndKeepsTheLiveFile() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let path = fixture.engine.incomingPath(named: "1.image")
        try await self.makeImage(0..<200, at: path)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let value = Array("image".utf8)
        let index = try #require(bytes.indices.dropLast(5).first { Array(bytes[$0..<$0 + 5]) == value })
        bytes[index] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        _ = await fixture.run([fixture.mint(fixture.key(0, in: 1), "a", request: 1)])
        let partition = self.partition
        let error = await #expect(throws: StorageError.self) {
            try await fixture.engine.install(partition, imageAt: path)
        }
        #expect(error?.code == .corruptFile)
        let foreign = await #expect(throws: StorageError.self) {
            try await fixture.engine.install(PartitionID(2), imageAt: path)
        }
        #expect(foreign?.code == .foreignData)
        #expect(await fixture.scan(1).count == 1)
        try await fixture.engine.stop()
    }

    /// Both places in which a crash can leave the former file of an install.
    @Test(arguments: [false, true])
    func finishesAnInterruptedInstall(imageIsInPlace: Bool) async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let image = fixture.directory + ".image"
        try await self.makeImage(0..<20, at: image)
        defer { try? FileManager.default.removeItem(atPath: image) }
        _ = await fixture.run((15..<30).map { fixture.mint(fixture.key($0, in: 1), "a", request: UInt64($0 + 1)) })
        try await fixture.engine.stop()
        let live = fixture.directory + "/incoming/1.live.db"
        let path = fixture.directory + "/partitions/1.db"
        try FileManager.default.moveItem(atPath: path, toPath: live)
        if imageIsInPlace { try FileManager.default.copyItem(atPath: image, toPath: path) }
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: fixture.directory + "/incoming/partial"))
        // What a node that was killed while it restored leaves behind is a directory.
        let scratch = fixture.directory + "/incoming/restore-1"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        try Data([4]).write(to: URL(fileURLWithPath: scratch + "/7.db"))
        try fixture.start()
        #expect(await fixture.scan(1).count == (imageIsInPlace ? 30 : 15))
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory + "/incoming").isEmpty)
        try await fixture.engine.stop()
    }

    @Test func retiresAFileForGood() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        _ = await fixture.run((0..<20).map { fixture.mint(fixture.key($0, in: 1), "a", request: UInt64($0 + 1)) })
        let path = try #require(try await fixture.engine.retire(self.partition, at: LayoutVersion(5)))
        let reader = try PartitionImageReader(path: path)
        try reader.checkContent(digester: StorageFixture.digester)
        #expect(reader.tally.records == 20)
        #expect(await fixture.scan(1).isEmpty)
        try fixture.crash()
        #expect(await fixture.scan(1).isEmpty)
        #expect(try await fixture.engine.statistics().partitions.isEmpty)
        #expect(try await fixture.engine.retire(self.partition, at: LayoutVersion(5)) == nil)
        // A later life of the partition here is a new one; a retry is not answered with a dot that is gone.
        _ = await fixture.run([fixture.mint(fixture.key(0, in: 1), "b", request: 1)])
        try fixture.crash()
        #expect(await fixture.scan(1).count == 1)
        try await fixture.engine.stop()
    }

    @Test func setsAForeignFileAside() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        _ = await fixture.run([fixture.mint(fixture.key(0, in: 2), "a", request: 1)])
        try await fixture.engine.stop()
        try FileManager.default.copyItem(
            atPath: fixture.directory + "/partitions/2.db",
            toPath: fixture.directory + "/partitions/1.db"
        )
        try fixture.start()
        for _ in 0..<2 {
            guard case .quarantined(let partition, _) = await fixture.run(.read(.replica(self.partition), key))?.failure
            else {
                Issue.record("not refused")
                return
            }
            #expect(partition == self.partition)
            #expect(try await fixture.engine.statistics().quarantined.keys.contains(self.partition))
            // Still so after a restart: never a silent empty.
            try fixture.crash()
        }
        #expect(await fixture.read(fixture.key(0, in: 2)) != nil)
        let path = fixture.engine.incomingPath(named: "1.image")
        try await self.makeImage(0..<5, at: path)
        try await fixture.engine.install(self.partition, imageAt: path)
        #expect(await fixture.scan(1).count == 5)
        try await fixture.restart()
        #expect(await fixture.scan(1).count == 5)
        try await fixture.engine.stop()
    }

    @Test func setsADamagedFileAsideAndKeepsWhatIsInTheLog() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        _ = await fixture.run((0..<500).map { fixture.mint(fixture.key($0, in: 1), "a", request: UInt64($0 + 1)) })
        try await fixture.restart()
        let late = fixture.key(1000, in: 1)
        _ = await fixture.run([fixture.mint(late, "late", request: 1000)])
        fixture.engine.abandon()
        let path = fixture.directory + "/partitions/1.db"
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        for page in 1..<20 {
            try handle.seek(toOffset: UInt64(page * 4096))
            try handle.write(contentsOf: Data(repeating: 0xA5, count: 4096))
        }
        try handle.close()
        try fixture.start()
        let outcome = await fixture.run(.read(.replica(self.partition), fixture.key(3, in: 1)))
        guard case .quarantined = outcome?.failure else {
            Issue.record("not refused: \(String(describing: outcome))")
            return
        }
        try await fixture.restart()
        try await fixture.engine.readmit(self.partition)
        #expect(await fixture.scan(1).map(\.key) == [late])
        try await fixture.engine.stop()
    }
}
