import Foundation
import QuireCore
import Testing

@testable import QuireArchive

@Suite struct VerificationTests {
    @Test func findsNothingWrongWithAnIntactSnapshot() throws {
        let fixture = try SnapshotFixture()
        var steps: [VerificationProgress] = []
        let report = try fixture.repository.verify(fixture.manifest.snapshot) { steps.append($0) }
        #expect(report.isIntact)
        #expect(report.verifiedObjects == 7)
        #expect(steps.map(\.verifiedObjects) == Array(1...7))
        #expect(steps.last?.verifiedImageBytes == fixture.manifest.totals.imageBytes)
        #expect(fileNames(below: fixture.repository.temporaryDirectory).isEmpty)
    }

    @Test func endsWhenProgressThrows() throws {
        let fixture = try SnapshotFixture()
        var calls = 0
        #expect(throws: CancellationError.self) {
            try fixture.repository.verify(fixture.manifest.snapshot) { _ in
                calls += 1
                throw CancellationError()
            }
        }
        #expect(calls == 1)
    }

    @Test func findsAFlipOfEveryByteOfAnObject() throws {
        let fixture = try SnapshotFixture(keyCount: 2)
        let object = try #require(fixture.manifest.objects.first)
        let path = fixture.repository.path(of: object)
        let bytes = try readBytes(path)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << (index % 8)
            try writeBytes(damaged, path)
            let report = try fixture.repository.verify(fixture.manifest.snapshot)
            #expect(report.findings.map(\.path) == [path], "byte \(index)")
        }
    }

    @Test(arguments: ["layout.json", "SHA256SUMS", "manifest.json"])
    func findsAFlipOfEveryByteBesideTheObjects(name: String) throws {
        let fixture = try SnapshotFixture(keyCount: 1)
        let path = "\(fixture.repository.directory(of: fixture.manifest.snapshot))/\(name)"
        let bytes = try readBytes(path)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << (index % 8)
            try writeBytes(damaged, path)
            #expect(Self.damagedPath(fixture) == path, "byte \(index)")
        }
        try writeBytes(bytes, path)
        #expect(Self.damagedPath(fixture) == nil)
    }

    @Test func namesEveryDamagedObject() throws {
        let fixture = try SnapshotFixture()
        let paths = fixture.manifest.objects.map(fixture.repository.path)
        try FileManager.default.removeItem(atPath: paths[1])
        try writeBytes(try readBytes(paths[4]).dropLast(), paths[4])
        let report = try fixture.repository.verify(fixture.manifest.snapshot)
        #expect(report.findings.map(\.path) == [paths[1], paths[4]])
        #expect(report.findings.allSatisfy { $0.code == .damagedObject })
    }

    @Test func findsAManifestThatClaimsOtherRecords() throws {
        let fixture = try SnapshotFixture(keyCount: 30)
        var manifest = fixture.manifest
        manifest.snapshot = SnapshotID(beganAt: manifest.beganAt, salt: 3)
        let object = try #require(manifest.partitions[0].object)
        let changed = StoredObject(
            partition: object.partition,
            imageHash: object.imageHash,
            imageBytes: object.imageBytes,
            storedHash: object.storedHash,
            storedBytes: object.storedBytes,
            logicalRoot: ContentHash(of: [1]),
            keyedRoot: object.keyedRoot,
            recordCount: object.recordCount,
            liveKeyCount: object.liveKeyCount
        )
        manifest.partitions[0] = Manifest.Partition(partition: PartitionID(0), object: changed)
        try fixture.repository.publish(manifest, layoutJSON: SnapshotFixture.layoutJSON)
        let report = try fixture.repository.verify(manifest.snapshot)
        #expect(report.findings.count == 1)
        #expect(report.findings.first?.message.contains("records") == true)
    }

    @Test func extractsTheImageThatWasStored() throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.objects.first)
        try fixture.repository.extract(object, of: fixture.manifest, to: fixture.directory("out.db"))
        let original = try readBytes(fixture.directory("\(object.partition).image"))
        #expect(try readBytes(fixture.directory("out.db")) == original)
    }

    @Test func extractsNothingFromADamagedObject() throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.objects.first)
        let path = fixture.repository.path(of: object)
        var bytes = try readBytes(path)
        bytes[bytes.count - 1] ^= 1
        try writeBytes(bytes, path)
        let before = fileNames(below: fixture.directory.path)
        #expect(throws: ArchiveError.self) {
            try fixture.repository.extract(object, of: fixture.manifest, to: fixture.directory("out.db"))
        }
        #expect(fileNames(below: fixture.directory.path) == before)
    }

    /// The one file that verification blames.
    private static func damagedPath(_ fixture: SnapshotFixture) -> String? {
        do {
            let report = try fixture.repository.verify(fixture.manifest.snapshot)
            return report.findings.first?.path
        } catch let error as ArchiveError {
            return error.path
        } catch {
            return "\(error)"
        }
    }
}
