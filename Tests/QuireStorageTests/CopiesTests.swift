import Foundation
import QuireCore
import QuireStorage
import Testing

/// What storage tells of copies that are no replicas (SAFETY rules 9 and 10).
@Suite struct CopiesTests {
    @Test func aRetiredFileIsListedUntilItIsRemoved() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let key = fixture.key(0, in: 1)
        _ = await fixture.run(fixture.mint(key, "1", request: 1))
        #expect(try fixture.engine.retiredCopies().isEmpty)
        let path = try await fixture.engine.retire(PartitionID(1), at: LayoutVersion(5))
        let copy = try #require(try fixture.engine.retiredCopies().first)
        #expect(copy.partition == PartitionID(1))
        #expect(copy.path == path)
        #expect(copy.version == LayoutVersion(5))
        #expect(copy.retiredMilliseconds == fixture.engine.configuration.now())
        try fixture.engine.remove(copy)
        #expect(try fixture.engine.retiredCopies().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: copy.path))
        try await fixture.engine.stop()
    }

    @Test func namesThatAreNoCopiesAreSkipped() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let folder = URL(fileURLWithPath: fixture.engine.configuration.directory).appendingPathComponent("retired").path
        for name in ["1.db", "x-5.db", "1-x-3.db", "1-2-3-4.db", "1--3.db", "1-5.db-wal", "notes.txt", "-.db"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil))
        }
        #expect(try fixture.engine.retiredCopies().isEmpty)
        try await fixture.engine.stop()
    }

    @Test func namesOfEarlierReleasesAreOfVersionZero() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let folder = URL(fileURLWithPath: fixture.engine.configuration.directory).appendingPathComponent("retired").path
        for name in ["3-99.db", "3-2-50.db"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil))
        }
        let copies = try fixture.engine.retiredCopies()
        #expect(copies.map(\.version) == [LayoutVersion(2), LayoutVersion(0)])
        #expect(copies.map(\.retiredMilliseconds) == [50, 99])
        try await fixture.engine.stop()
    }

    // MARK: Revival

    /// Partition 1 with these keys, retired by this layout.
    private func retire(_ numbers: Range<Int>, at version: Int, _ fixture: StorageFixture) async throws {
        let mints = numbers.map { fixture.mint(fixture.key($0, in: 1), "old", request: UInt64(100 * version + $0)) }
        _ = await fixture.run(mints)
        _ = try await fixture.engine.retire(PartitionID(1), at: LayoutVersion(version))
        fixture.clock.advance(10)
    }

    @Test func aRetiredFileComesBackUnderWhatWasWrittenSince() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        try await self.retire(0..<20, at: 5, fixture)
        _ = await fixture.run([fixture.mint(fixture.key(0, in: 1), "new", request: 9_000, timestamp: 9_000)])
        #expect(try await fixture.engine.revive(PartitionID(1), since: LayoutVersion(5)))
        #expect(await fixture.scan(1).count == 20)
        #expect(await fixture.leaves(1) == StorageFixture.leaves(of: await fixture.scan(1)))
        #expect(await fixture.read(fixture.key(0, in: 1))?.siblings.count == 2)
        #expect(try fixture.engine.retiredCopies().isEmpty)
        try fixture.crash()
        #expect(await fixture.scan(1).count == 20)
        try await fixture.engine.stop()
    }

    @Test func theNewestOfThoseThatAreNewEnoughComesBack() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        try await self.retire(0..<3, at: 5, fixture)
        try await self.retire(0..<4, at: 7, fixture)
        #expect(try await !fixture.engine.revive(PartitionID(1), since: LayoutVersion(8)))
        #expect(try await !fixture.engine.revive(PartitionID(2), since: LayoutVersion(5)))
        #expect(try await fixture.engine.revive(PartitionID(1), since: LayoutVersion(5)))
        #expect(await fixture.scan(1).count == 4)
        #expect(try fixture.engine.retiredCopies().map(\.version) == [LayoutVersion(5)])
        try await fixture.engine.stop()
    }

    @Test func aDamagedRetiredFileStaysWhereItIs() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        try await self.retire(0..<200, at: 5, fixture)
        let copy = try #require(try fixture.engine.retiredCopies().first)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: copy.path)))
        let value = Array("old".utf8)
        let index = try #require(bytes.indices.dropLast(3).first { Array(bytes[$0..<$0 + 3]) == value })
        bytes[index] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: copy.path))
        _ = await fixture.run([fixture.mint(fixture.key(0, in: 1), "new", request: 9_000)])
        await #expect(throws: StorageError.self) {
            try await fixture.engine.revive(PartitionID(1), since: LayoutVersion(5))
        }
        #expect(try fixture.engine.retiredCopies() == [copy])
        #expect(await fixture.scan(1).count == 1)
        try await fixture.engine.stop()
    }

    /// The two names that a crash may leave in `incoming/`: the image of a pull, and a file on its way back.
    @Test func aStartKeepsPartialImagesAndReturnsFilesThatWereBeingRevived() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        try await self.retire(0..<20, at: 5, fixture)
        let copy = try #require(try fixture.engine.retiredCopies().first)
        let name = URL(fileURLWithPath: copy.path).deletingPathExtension().lastPathComponent
        fixture.engine.abandon()
        let incoming = fixture.directory + "/incoming"
        try FileManager.default.moveItem(atPath: copy.path, toPath: "\(incoming)/\(name).revive.db")
        for name in ["3.db", "3.note", "4.db", "5.note", "6.lent-1", "3.db-wal", "3.note.new"] {
            #expect(FileManager.default.createFile(atPath: "\(incoming)/\(name)", contents: nil))
        }
        try fixture.start()
        #expect(try fixture.names(in: "incoming") == ["3.db", "3.note"])
        #expect(try fixture.engine.partialImages() == [PartitionID(3)])
        #expect(try fixture.engine.hasIncomingCopy(of: PartitionID(3)))
        #expect(try fixture.engine.retiredCopies() == [copy])
        #expect(try await fixture.engine.revive(PartitionID(1), since: LayoutVersion(5)))
        #expect(await fixture.scan(1).count == 20)
        try await fixture.engine.stop()
    }

    @Test func anIncomingCopyIsFoundByItsPartition() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        #expect(FileManager.default.createFile(atPath: fixture.engine.incomingPath(named: "12.db"), contents: nil))
        #expect(FileManager.default.createFile(atPath: fixture.engine.incomingPath(named: "3.live.db"), contents: nil))
        #expect(FileManager.default.createFile(atPath: fixture.engine.incomingPath(named: "4.new.db"), contents: nil))
        let found = try (0...15).filter { try fixture.engine.hasIncomingCopy(of: PartitionID($0)) }
        #expect(found == [3, 12])
        try await fixture.engine.stop()
    }

    /// The whole of a member's part in a collection, on the real engine: attested twice, dropped, and gone for good.
    @Test func aReplicaAttestsDropsAndForgetsOverACrash() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let (deleted, kept) = (fixture.key(0, in: 1), fixture.key(1, in: 1))
        _ = await fixture.run(fixture.mint(deleted, "1", request: 1, timestamp: 1))
        _ = await fixture.run(fixture.mint(kept, "2", request: 2, timestamp: 1))
        _ = await fixture.run(fixture.mint(deleted, nil, request: 3, timestamp: 2))
        let tombstone = try #require(await fixture.read(deleted))
        let member = Self.member
        let layout = LayoutPlanner.initial(
            clusterID: fixture.engine.configuration.clusterID,
            members: [member],
            partitionCount: fixture.engine.configuration.partitionCount,
            quorums: QuorumSettings(replicaCount: 1, readQuorum: 1, writeQuorum: 1)
        )
        let digester = fixture.engine.configuration.digester
        let batch = TombstoneBatch(
            partition: PartitionID(1),
            version: layout.version,
            settledMilliseconds: 2,
            distanceMilliseconds: 1 << 40,
            items: [
                .init(key: deleted, digest: digester.digest(key: deleted, encodedRecord: tombstone.encoded())),
                .init(key: kept, digest: 1),
            ]
        )
        for purpose in [TombstoneWitness.Purpose.attest, .attest, .drop] {
            let answer = await Self.answer(purpose, batch, layout, fixture)
            #expect(answer == .granted(epoch: 9, exceptions: [1]))
        }
        #expect(await fixture.read(deleted) == nil)
        try fixture.crash()
        #expect(await fixture.read(deleted) == nil)
        #expect(await fixture.read(kept) != nil)
        // A hint for any key of the partition speaks against the next one.
        _ = await fixture.run(.merge(.hints(PartitionID(1)), kept, foreignRecord("h")))
        #expect(await Self.answer(.attest, batch, layout, fixture) == .refused(.hints))
        try await fixture.engine.stop()
    }

    private static var member: Member {
        let endpoint = Endpoint(host: "127.0.0.1", port: 1)
        return Member(
            id: NodeID(rawValue: 1),
            name: "n1",
            zone: "z",
            peer: endpoint,
            proxy: endpoint,
            http: endpoint
        )
    }

    private static func answer(
        _ purpose: TombstoneWitness.Purpose,
        _ batch: TombstoneBatch,
        _ layout: Layout,
        _ fixture: StorageFixture
    ) async -> TombstoneAnswer {
        var witness = TombstoneWitness(
            purpose,
            batch,
            in: .init(
                node: Self.member.id,
                layout: layout,
                surroundings: .init(epoch: 9),
                wallMilliseconds: 1_000_000,
                rules: TombstoneRules(),
                digester: fixture.engine.configuration.digester
            )
        )
        var action = witness.start()
        while true {
            switch action {
            case .answer(let answer):
                return answer
            case .store(let command):
                let outcome = await fixture.run(command) ?? .failed(.stopping)
                action = witness.answered(outcome)
            }
        }
    }
}
