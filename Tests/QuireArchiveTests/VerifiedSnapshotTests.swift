import Foundation
import QuireCore
import QuireStorage
import Testing

@testable import QuireArchive

@Suite struct VerifiedSnapshotTests {
    @Test func handsOutEveryRecordInScanOrder() throws {
        let fixture = try SnapshotFixture(keyCount: 200)
        let snapshot = try VerifiedSnapshot(fixture.manifest.snapshot, in: fixture.repository)
        #expect(snapshot.layoutJSON == SnapshotFixture.layoutJSON)
        for partition in SnapshotFixture.partitionCount.partitions {
            let expected = (fixture.records[partition] ?? []).sorted {
                ScanPosition(key: $0.key) < ScanPosition(key: $1.key)
            }
            #expect(try Self.records(snapshot, partition) == expected)
        }
    }

    @Test func opensOnlyThePartitionsThatWereAskedFor() throws {
        let fixture = try SnapshotFixture()
        let wanted: Set = [PartitionID(2), PartitionID(7)]
        let snapshot = try VerifiedSnapshot(fixture.manifest.snapshot, in: fixture.repository, partitions: wanted)
        #expect(try snapshot.partitions() == [PartitionID(2)])
        #expect(try Self.records(snapshot, PartitionID(2)).isEmpty == false)
        #expect(try Self.records(snapshot, PartitionID(7)).isEmpty)
        #expect(throws: ArchiveError.self) { try Self.records(snapshot, PartitionID(3)) }
    }

    @Test func handsOutNothingWhenOneObjectIsDamaged() throws {
        let fixture = try SnapshotFixture()
        let last = try #require(fixture.manifest.objects.last)
        var bytes = try readBytes(fixture.repository.path(of: last))
        bytes[bytes.count / 2] ^= 4
        try writeBytes(bytes, fixture.repository.path(of: last))
        let error = try #require(throws: ArchiveError.self) {
            try VerifiedSnapshot(fixture.manifest.snapshot, in: fixture.repository, partitions: [PartitionID(0)])
        }
        #expect(error.code == .damagedObject)
        #expect(error.path == fixture.repository.path(of: last))
        #expect(fileNames(below: fixture.repository.temporaryDirectory).isEmpty)
    }

    @Test func leavesNothingBehind() throws {
        let fixture = try SnapshotFixture()
        try FileManager.default.createDirectory(
            atPath: fixture.directory("scratch"),
            withIntermediateDirectories: false
        )
        let scratch = fixture.directory("scratch")
        do {
            let snapshot = try VerifiedSnapshot(fixture.manifest.snapshot, in: fixture.repository, scratch: scratch)
            #expect(fileNames(below: scratch).count == 7)
            _ = try Self.records(snapshot, PartitionID(0))
            let path = try #require(try snapshot.imagePath(of: PartitionID(0)))
            #expect(try readBytes(path) == readBytes(fixture.directory("0.image")))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).isEmpty)
    }

    private static func records(_ snapshot: VerifiedSnapshot, _ partition: PartitionID) throws -> [KeyedRecord] {
        var records: [KeyedRecord] = []
        var position: ScanPosition?
        while true {
            let page = try snapshot.page(of: partition, after: position, limit: PageLimit(records: 3))
            records += page.rows.map { KeyedRecord(key: $0.key, record: $0.record) }
            position = page.rows.last.map { ScanPosition(key: $0.key) }
            if page.isLast { return records }
        }
    }
}
