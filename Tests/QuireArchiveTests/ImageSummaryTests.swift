import QuireCore
import QuireStorage
import Testing

@testable import QuireArchive

/// Images of an attacker, or of a broken program: their hashes fit, their content does not.
@Suite struct ImageSummaryTests {
    private let directory: TemporaryDirectory
    private let entries: [KeyedRecord]
    private let partition = PartitionID(2)

    init() throws {
        self.directory = try TemporaryDirectory()
        self.entries = try #require(SnapshotFixture.records(keyCount: 60)[PartitionID(2)])
    }

    @Test func countsRecordsAndLiveKeys() throws {
        let summary = try self.summary { _ in }
        #expect(summary.recordCount == self.entries.count)
        #expect(summary.liveKeyCount == self.entries.count { $0.record.winner?.isTombstone == false })
        #expect(summary.liveKeyCount < summary.recordCount)
    }

    @Test func hasARootThatDependsOnEveryRecordAndOnNothingElse() throws {
        let root = try self.summary { _ in }.logicalRoot
        #expect(
            try self.summary { try $0.execute("UPDATE meta SET value = 9 WHERE name = 'actor_counter'") }.logicalRoot
                == root
        )
        try SnapshotFixture.writeImage(self.entries.reversed(), self.partition, to: self.directory("image"))
        #expect(try self.read().logicalRoot == root)
        try SnapshotFixture.writeImage(self.entries.dropLast(), self.partition, to: self.directory("image"))
        #expect(try self.read().logicalRoot != root)
    }

    @Test(arguments: [
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT * FROM entries",
        "CREATE TABLE other(x)",
        "DROP INDEX entries_hash",
        "INSERT INTO entries(hash, key, record) SELECT hash, key, record FROM entries LIMIT 1",
        "INSERT INTO entries(hash, key, record) VALUES (1, x'61', x'00')",
        "UPDATE entries SET hash = hash + 1 WHERE id = 1",
        "UPDATE entries SET record = substr(record, 1, length(record) - 1) WHERE id = 1",
        "DELETE FROM entries WHERE id = 1",
        "UPDATE meta SET value = value + 1 WHERE name = 'live_count'",
        "UPDATE meta SET value = 3 WHERE name = 'partition'",
        "UPDATE meta SET value = 'ffffffffffffffffffffffffffffffff' WHERE name = 'cluster_id'",
        "UPDATE meta SET value = 2 WHERE name = 'format_version'",
        "INSERT INTO leaves(leaf, sum) VALUES (5000, x'00')",
    ])
    func refusesAnImageThatWasTamperedWith(sql: String) throws {
        let error = try #require(throws: ArchiveError.self) { try self.summary { try $0.execute(sql) } }
        #expect(error.code == .damagedObject, "\(error)")
    }

    @Test func refusesAKeyOfAnotherPartition() throws {
        let foreign = try #require(SnapshotFixture.records(keyCount: 60)[PartitionID(3)]?.first)
        try SnapshotFixture.writeImage(self.entries + [foreign], self.partition, to: self.directory("image"))
        #expect(throws: ArchiveError.self) { try self.read() }
    }

    @Test func refusesAKeyThatComesTwice() throws {
        try SnapshotFixture.writeImage(self.entries + [self.entries[0]], self.partition, to: self.directory("image"))
        let error = try #require(throws: ArchiveError.self) { try self.read() }
        #expect(error.message.contains("twice"))
    }

    @Test func refusesWhatIsNotADatabase() throws {
        for bytes in [[], Array("SQLite format 3\0".utf8), [UInt8](repeating: 1, count: 8192)] {
            try writeBytes(bytes, self.directory("image"))
            let error = try #require(throws: ArchiveError.self) { try self.read() }
            #expect(error.code == .damagedObject)
        }
    }

    private func summary(_ tamper: (SQLiteDatabase) throws -> Void) throws -> ImageSummary {
        try SnapshotFixture.writeImage(self.entries, self.partition, to: self.directory("image"))
        let database = try SQLiteDatabase(path: self.directory("image"), mode: .existing)
        try tamper(database)
        database.close()
        return try self.read()
    }

    private func read() throws -> ImageSummary {
        try ImageSummary(ofImageAt: self.directory("image"), identity: SnapshotFixture.identity(self.partition))
    }
}
