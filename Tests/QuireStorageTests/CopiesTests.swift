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
        let path = try await fixture.engine.retire(PartitionID(1))
        let copy = try #require(try fixture.engine.retiredCopies().first)
        #expect(copy.partition == PartitionID(1))
        #expect(copy.path == path)
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
        for name in ["1.db", "x-5.db", "1-2-3.db", "1-5.db-wal", "notes.txt", "-.db"] {
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil))
        }
        #expect(try fixture.engine.retiredCopies().isEmpty)
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
