import Foundation
import QuireCore
import Testing

@testable import QuireArchive

@Suite struct DirectoryRepositoryTests {
    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    @Test func saysThatNothingIsThere() throws {
        let error = try #require(throws: ArchiveError.self) { try DirectoryRepository.open(at: self.directory("none")) }
        #expect(error.code == .missingRepository)
        #expect(error.path == self.directory("none"))
    }

    @Test(arguments: [true, false])
    func leavesADirectoryOfOtherThingsAlone(createIfMissing: Bool) throws {
        try writeBytes("thesis".utf8, self.directory("thesis.txt"))
        let error = try #require(throws: ArchiveError.self) {
            try DirectoryRepository.open(at: self.directory.path, createIfMissing: createIfMissing)
        }
        #expect(error.code == .notARepository)
        #expect(fileNames(below: self.directory.path) == ["thesis.txt"])
    }

    @Test func refusesAFile() throws {
        try writeBytes("x".utf8, self.directory("file"))
        for createIfMissing in [true, false] {
            let error = try #require(throws: ArchiveError.self) {
                try DirectoryRepository.open(at: self.directory("file"), createIfMissing: createIfMissing)
            }
            #expect(error.code == .notARepository)
        }
    }

    @Test(arguments: [
        (
            #"{"format":"quire-repository","version":2,"minimumReader":2,"hash":"sha256"}"#,
            ArchiveError.Code.unsupportedFormat
        ),
        (#"{"format":"quire-repository","version":1,"minimumReader":1,"hash":"blake3"}"#, .unsupportedFormat),
        (#"{"format":"other","version":1}"#, .unsupportedFormat),
        ("not json", .notARepository),
        ("", .notARepository),
        (#"{"format":"quire-repository","version":1,"minimumReader":1,"hash":"sha256"} "#, .notARepository),
    ])
    func namesWhatAnotherMarkerSays(text: String, code: ArchiveError.Code) throws {
        _ = try DirectoryRepository.open(at: self.directory("r"), createIfMissing: true)
        try writeBytes(text.utf8, self.directory("r/repo.json"))
        let error = try #require(throws: ArchiveError.self) { try DirectoryRepository.open(at: self.directory("r")) }
        #expect(error.code == code)
        #expect(error.path == self.directory("r/repo.json"))
    }

    @Test func finishesACreationThatWasCutShort() throws {
        _ = try DirectoryRepository.open(at: self.directory("r"), createIfMissing: true)
        try FileManager.default.removeItem(atPath: self.directory("r/repo.json"))
        _ = try DirectoryRepository.open(at: self.directory("r"), createIfMissing: true)
        _ = try DirectoryRepository.open(at: self.directory("r/"))
    }

    @Test func keepsEverythingForTheOwnerAlone() throws {
        let fixture = try SnapshotFixture()
        let root = fixture.repository.root
        let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        #expect(names.count > 20)
        for name in names {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\(name)")
            let isDirectory = attributes[.type] as? FileAttributeType == .typeDirectory
            #expect(attributes[.posixPermissions] as? Int == (isDirectory ? 0o700 : 0o600), "\(name)")
        }
        #expect(fileNames(below: "\(root)/tmp").isEmpty)
    }

    @Test func storesAnImageOnce() throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.objects.first)
        let before = fileNames(below: fixture.repository.root)
        let again = try fixture.repository.storeImage(
            at: fixture.directory("\(object.partition).image"),
            identity: SnapshotFixture.identity(object.partition)
        )
        #expect(again == object)
        #expect(fileNames(below: fixture.repository.root) == before)
    }

    @Test func replacesADamagedObjectByAnIntactOne() throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.objects.first)
        try writeBytes("rotten".utf8, fixture.repository.path(of: object))
        _ = try fixture.repository.storeImage(
            at: fixture.directory("\(object.partition).image"),
            identity: SnapshotFixture.identity(object.partition)
        )
        #expect(try fixture.repository.verify(fixture.manifest.snapshot).isIntact)
    }

    @Test func storesNothingForAnEmptyPartition() throws {
        let fixture = try SnapshotFixture()
        #expect(fixture.records[PartitionID(7)] == nil)
        #expect(fixture.manifest.partitions[7].object == nil)
        #expect(fixture.manifest.objects.count == 7)
    }

    @Test func refusesAnImageOfAnotherPartition() throws {
        let fixture = try SnapshotFixture()
        let error = try #require(throws: ArchiveError.self) {
            try fixture.repository.storeImage(
                at: fixture.directory("1.image"),
                identity: SnapshotFixture.identity(PartitionID(2))
            )
        }
        #expect(error.code == .damagedObject)
        #expect(fileNames(below: fixture.repository.temporaryDirectory).isEmpty)
    }

    @Test func publishesOnlyWhatIsThere() throws {
        let fixture = try SnapshotFixture()
        var manifest = fixture.manifest
        manifest.snapshot = SnapshotID(beganAt: manifest.beganAt, salt: 2)
        try FileManager.default.removeItem(atPath: fixture.repository.path(of: manifest.objects[2]))
        let error = try #require(throws: ArchiveError.self) {
            try fixture.repository.publish(manifest, layoutJSON: SnapshotFixture.layoutJSON)
        }
        #expect(error.code == .damagedObject)
        #expect(try fixture.repository.list().count == 1)
    }

    @Test func publishesTheSameTwiceAndNothingElseUnderOneID() throws {
        let fixture = try SnapshotFixture()
        var manifest = fixture.manifest
        try fixture.repository.publish(manifest, layoutJSON: SnapshotFixture.layoutJSON)
        manifest.annotations["label"] = "other"
        let error = try #require(throws: ArchiveError.self) {
            try fixture.repository.publish(manifest, layoutJSON: SnapshotFixture.layoutJSON)
        }
        #expect(error.code == .snapshotExists)
        #expect(try fixture.repository.manifest(of: "latest") == fixture.manifest)
        manifest.snapshot = SnapshotID(beganAt: manifest.beganAt, salt: 9)
        #expect(throws: ArchiveError.self) { try fixture.repository.publish(manifest, layoutJSON: [1]) }
    }

    @Test func ignoresASnapshotWithoutManifest() throws {
        let fixture = try SnapshotFixture()
        let unfinished = "\(fixture.repository.root)/snapshots/20271121T093128Z-00000000"
        try FileManager.default.createDirectory(atPath: unfinished, withIntermediateDirectories: true)
        try writeBytes(SnapshotFixture.layoutJSON, "\(unfinished)/layout.json")
        #expect(try fixture.repository.list().map(\.snapshot) == [fixture.manifest.snapshot])
        #expect(try fixture.repository.resolve("latest") == fixture.manifest.snapshot)
    }

    @Test func findsASnapshotByTheBeginningOfItsID() throws {
        let fixture = try SnapshotFixture(keyCount: 5)
        let second = try SnapshotFixture.publish(
            fixture.records,
            in: fixture.repository,
            scratch: fixture.directory.path,
            beganAt: UTCTime(milliseconds: 1_795_253_490_000),
            salt: 7
        )
        #expect(try fixture.repository.list().map(\.snapshot) == [fixture.manifest.snapshot, second.snapshot])
        #expect(try fixture.repository.resolve("latest") == second.snapshot)
        #expect(try fixture.repository.resolve("20261121T093128") == fixture.manifest.snapshot)
        for text in ["2026", "2025", ""] {
            let error = try #require(throws: ArchiveError.self) { try fixture.repository.resolve(text) }
            #expect(error.code == .unknownSnapshot)
        }
    }

    @Test func reusesAnObjectOfEqualContentThatIsThere() throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.objects.first)
        let previous = try PreviousObjects(in: fixture.repository, clusterID: SnapshotFixture.clusterID)
        func find(_ root: ContentHash, _ count: Int) throws -> StoredObject? {
            try previous.previousObject(for: object.partition, keyedRoot: root, recordCount: count)
        }
        #expect(previous.parent == fixture.manifest.snapshot)
        #expect(try find(object.keyedRoot, object.recordCount) == object)
        #expect(try find(object.keyedRoot, object.recordCount + 1) == nil)
        #expect(try find(ContentHash(of: []), object.recordCount) == nil)
        try writeBytes("short".utf8, fixture.repository.path(of: object))
        #expect(try find(object.keyedRoot, object.recordCount) == nil)
        let others = try PreviousObjects(in: fixture.repository, clusterID: "ffffffffffffffffffffffffffffffff")
        #expect(others.parent == nil)
    }

    @Test func reportsDamagedManifestsOfEarlierSnapshots() throws {
        let fixture = try SnapshotFixture(keyCount: 5)
        let path = "\(fixture.repository.directory(of: fixture.manifest.snapshot))/manifest.json"
        try writeBytes("{}".utf8, path)
        let previous = try PreviousObjects(in: fixture.repository, clusterID: SnapshotFixture.clusterID)
        #expect(previous.parent == nil)
        #expect(previous.damaged.map(\.path) == [path])
    }

    @Test func announcesABackupUntilItIsWithdrawn() throws {
        let fixture = try SnapshotFixture(keyCount: 1)
        let intent = SnapshotIntent(
            snapshot: SnapshotID(beganAt: UTCTime(milliseconds: 5), salt: 5),
            clusterID: SnapshotFixture.clusterID,
            node: SnapshotFixture.node,
            beganAt: UTCTime(milliseconds: 5),
            expiresAt: UTCTime(milliseconds: 50)
        )
        try fixture.repository.declare(intent)
        try fixture.repository.declare(intent)
        #expect(try fixture.repository.intents() == [intent])
        try fixture.repository.withdrawIntent(of: intent.snapshot)
        #expect(try fixture.repository.intents().isEmpty)
    }

    @Test func storesAnImageThatArrivesInBlocks() throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.objects.first)
        let intake = try ImageIntake(for: fixture.repository)
        let image = try readBytes(fixture.directory("\(object.partition).image"))
        for start in stride(from: 0, to: image.count, by: 5000) {
            try intake.append(Array(image[start..<min(start + 5000, image.count)]))
        }
        #expect(intake.receivedBytes == image.count)
        #expect(try intake.store(as: SnapshotFixture.identity(object.partition)) == object)
    }

    @Test func refusesAnImageThatNeedsItsWAL() throws {
        let fixture = try SnapshotFixture()
        let path = fixture.directory("0.image")
        var image = try readBytes(path)
        image.replaceSubrange(18..<20, with: [2, 2])
        try writeBytes(image, path)
        let error = try #require(throws: ArchiveError.self) {
            try fixture.repository.storeImage(at: path, identity: SnapshotFixture.identity(PartitionID(0)))
        }
        #expect(error.code == .damagedObject)
    }

    @Test func removesOnlyOldTemporaries() throws {
        let fixture = try SnapshotFixture(keyCount: 1)
        let temporary = fixture.repository.temporaryDirectory
        try FileManager.default.createDirectory(atPath: "\(temporary)/restore-x", withIntermediateDirectories: false)
        try writeBytes([1], "\(temporary)/restore-x/0.db")
        try writeBytes([1], "\(temporary)/pending-new")
        for name in ["restore-x/0.db", "restore-x"] {
            let old = [FileAttributeKey.modificationDate: Date(timeIntervalSince1970: 1_000_000)]
            try FileManager.default.setAttributes(old, ofItemAtPath: "\(temporary)/\(name)")
        }
        let moment = UTCTime(milliseconds: 1_000_001_000)
        #expect(try fixture.repository.removeTemporaries(unchangedSince: moment) == 1)
        #expect(fileNames(below: temporary) == ["pending-new"])
    }
}
