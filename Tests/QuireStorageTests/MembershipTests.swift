import Foundation
import QuireCore
import QuireStorage
import Testing

/// What a node holds from an earlier membership counts for nothing in the next one (SAFETY rule 9).
@Suite struct MembershipTests {
    private static let hints = StoreID.hints(PartitionID(2))

    /// A directory of the membership that began with layout 3, with two replicas and one hint, and each once in a file
    /// and once in the log alone.
    private func fixture() async throws -> StorageFixture {
        let fixture = try StorageFixture()
        #expect(try await fixture.engine.beginMembership(since: LayoutVersion(3)) == VoidedStores())
        _ = await fixture.run([
            fixture.mint(fixture.key(0, in: 1), "filed", request: 1),
            fixture.mint(fixture.key(0, in: 2), "filed", request: 2, in: Self.hints),
        ])
        try await fixture.engine.flush(PartitionID(1))
        try await fixture.engine.flush(Self.hints)
        _ = await fixture.run([
            fixture.mint(fixture.key(1, in: 1), "logged", request: 3),
            fixture.mint(fixture.key(1, in: 3), "logged", request: 4),
            fixture.mint(fixture.key(1, in: 2), "logged", request: 5, in: Self.hints),
        ])
        return fixture
    }

    private func expectNothing(in fixture: StorageFixture) async throws {
        for partition in 0..<8 { #expect(await fixture.scan(partition).isEmpty) }
        #expect(await fixture.scan(Self.hints).isEmpty)
        #expect(try await fixture.engine.statistics().hints.records == 0)
    }

    @Test func theSameMembershipKeepsEverything() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        #expect(try await fixture.engine.beginMembership(since: LayoutVersion(3)) == VoidedStores())
        try fixture.crash()
        #expect(try await fixture.engine.beginMembership(since: LayoutVersion(3)) == VoidedStores())
        #expect(await fixture.scan(1).count == 2)
        #expect(await fixture.scan(Self.hints).count == 2)
        try await fixture.engine.stop()
    }

    @Test func aNewMembershipRetiresReplicasAndForgetsHints() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        let voided = try await fixture.engine.beginMembership(since: LayoutVersion(9))
        #expect(voided == VoidedStores(partitions: 2, hints: 2))
        try await self.expectNothing(in: fixture)
        try fixture.crash()
        try await self.expectNothing(in: fixture)
        try await fixture.engine.stop()
    }

    @Test func whatIsRetiredSoIsNotRevived() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        _ = try await fixture.engine.beginMembership(since: LayoutVersion(9))
        #expect(try fixture.engine.retiredCopies().map(\.partition) == [PartitionID(1), PartitionID(3)])
        #expect(try await !fixture.engine.revive(PartitionID(1), since: LayoutVersion(9)))
        try await fixture.engine.stop()
    }

    @Test func aCrashBeforeTheMarkerIsMadeGoodByTheNextCall() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        let marker = fixture.directory + "/membership"
        let before = try Data(contentsOf: URL(fileURLWithPath: marker))
        _ = try await fixture.engine.beginMembership(since: LayoutVersion(9))
        // One replica had not been reached.
        _ = await fixture.run(fixture.mint(fixture.key(5, in: 5), "late", request: 9))
        fixture.engine.abandon()
        try before.write(to: URL(fileURLWithPath: marker))
        try fixture.start()
        #expect(try await fixture.engine.beginMembership(since: LayoutVersion(9)) == VoidedStores(partitions: 1))
        try await self.expectNothing(in: fixture)
        try await fixture.engine.stop()
    }

    @Test func aRetryOfAnOldRequestIsAWriteOfTheNewMembership() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        _ = try await fixture.engine.beginMembership(since: LayoutVersion(9))
        _ = await fixture.run(fixture.mint(fixture.key(0, in: 1), "again", request: 1))
        #expect(await fixture.scan(1).count == 1)
        try await fixture.engine.stop()
    }

    @Test func dotsOfTheEarlierMembershipAreNotMintedAgain() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        let earlier = await fixture.scan(Self.hints).flatMap { $0.record.siblings.map(\.dot) }
        _ = try await fixture.engine.beginMembership(since: LayoutVersion(9))
        _ = await fixture.run(fixture.mint(fixture.key(0, in: 2), "new", request: 20, in: Self.hints))
        let dots = await fixture.scan(Self.hints).flatMap { $0.record.siblings.map(\.dot) }
        #expect(dots.count == 1)
        #expect(Set(dots).isDisjoint(with: earlier))
        try await fixture.engine.stop()
    }

    @Test func aDamagedMarkerIsAnErrorThatSaysWhatToDo() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        try Data("quire membership since x\n".utf8).write(to: URL(fileURLWithPath: fixture.directory + "/membership"))
        let error = await #expect(throws: StorageError.self) {
            try await fixture.engine.beginMembership(since: LayoutVersion(9))
        }
        #expect(error?.code == .corruptFile)
        #expect(error?.message.contains("join with an empty directory") == true)
        #expect(await fixture.scan(1).count == 2)
        try await fixture.engine.stop()
    }

    @Test func aQuarantinedPartitionBringsNothingBack() async throws {
        let fixture = try await self.fixture()
        defer { fixture.remove() }
        fixture.engine.abandon()
        try Data("no database".utf8).write(to: URL(fileURLWithPath: fixture.directory + "/partitions/1.db"))
        try fixture.start()
        #expect(try await fixture.engine.statistics().quarantined[PartitionID(1)] != nil)
        _ = try await fixture.engine.beginMembership(since: LayoutVersion(9))
        try await fixture.engine.readmit(PartitionID(1))
        try await self.expectNothing(in: fixture)
        try await fixture.engine.stop()
    }
}
