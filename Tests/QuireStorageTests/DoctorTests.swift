import Foundation
import QuireCore
import QuireStorage
import Testing

/// One damage each, on a directory that a real engine has left.
@Suite struct DoctorTests {
    @Test(arguments: [true, false])
    func findsNothingWrongWithWhatAnEngineLeaves(isClean: Bool) async throws {
        let fixture = try await DoctorFixture(isClean: isClean)
        defer { fixture.storage.remove() }
        let report = try fixture.examineUnchanged()
        #expect(report.worst == (isClean ? .ok : .note))
        #expect(report.lastStop == (isClean ? .clean : .unclean))
        #expect(report.clusterID == StorageFixture.clusterID)
        #expect(report.replicas.files == 8 && report.replicas.sound == 8)
        #expect(report.hints.files == 1 && report.hints.sound == 1)
        // Rows that only a WAL has are counted as well.
        #expect(report.replicas.tally.records == 8 * DoctorFixture.recordsPerPartition)
        #expect(report.hints.tally.records == 1)
        #expect((report.replicas.walBytes > 0) == !isClean)
        #expect((report.logRecords > 0) == !isClean)
        #expect(try fixture.repair(report) == [])
    }

    @Test func learnsTheClusterFromTheFilesWhenNobodyNamesIt() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        let report = try fixture.examine(isOfKnownCluster: false)
        #expect(report.clusterID == StorageFixture.clusterID)
        #expect(report.partitionCount?.rawValue == 8)
        #expect(report.worst == .ok)
    }

    @Test func refusesADirectoryOnWhichANodeRuns() async throws {
        let fixture = try StorageFixture()
        defer { fixture.remove() }
        let error = #expect(throws: StorageError.self) { try DirectoryLease(of: fixture.directory) }
        #expect(error?.code == .directoryInUse)
        #expect(error?.message.contains("stop the node") == true)
        try await fixture.engine.stop()
        let lease = try DirectoryLease(of: fixture.directory)
        // And no node starts while it is examined.
        let refusal = withExtendedLifetime(lease) { #expect(throws: StorageError.self) { try fixture.start() } }
        #expect(refusal?.code == .directoryInUse)
    }

    @Test func createsNothingInADirectoryThatIsNone() throws {
        let path = NSTemporaryDirectory() + "/quire-doctor-nothing-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try DirectoryLease(of: path)
        let report = try DirectoryExamination(path: path, scratchDirectory: path, now: 0).run()
        #expect(report.lastStop == .never)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
    }

    // MARK: Files

    /// What is done to `partitions/5.db`, and what is said of it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let name: String
        var matter = DirectoryFinding.Matter.fileDamaged
        let words: String
        let inflict: @Sendable (DoctorFixture) throws -> Void

        var testDescription: String { self.name }
    }

    private static let file = "partitions/5.db"
    private static let damages = [
        Damage(name: "a flipped byte in a row", words: "Merkle leaves") { try $0.flipValue(in: 5) },
        Damage(name: "a flipped byte in the header of a page", words: "tree page") {
            let page = try $0.rootPage(of: "entries", in: Self.file)
            try $0.change(Self.file) { $0[(page - 1) * 4096] ^= 0x08 }
        },
        Damage(name: "a flipped byte in the header of the file", words: "no SQLite database") {
            try $0.change(Self.file) { $0[3] ^= 1 }
        },
        Damage(name: "a truncated file", words: "its header says") {
            try $0.change(Self.file) { $0.removeLast(4096) }
        },
        Damage(name: "an empty file", words: "not even the header") { try $0.change(Self.file) { $0 = [] } },
        Damage(name: "the file of another partition", matter: .fileForeign, words: "partition 4 of 8") {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: $0.path("partitions/4.db")))
            try $0.change(Self.file) { $0 = [UInt8](bytes) }
        },
        Damage(name: "a file of another cluster", matter: .fileForeign, words: "fedcba") {
            try $0.change(Self.file) { bytes in
                let id = Array(StorageFixture.clusterID.utf8)
                let place = bytes.indices.first { bytes[$0...].starts(with: id) }
                bytes.replaceSubrange(try #require(place)..<(try #require(place)) + 6, with: Array("fedcba".utf8))
            }
        },
        Damage(name: "a file of another Q", matter: .fileForeign, words: "partition 5 of 16") {
            let database = try SQLiteDatabase(path: $0.path(Self.file), mode: .existing)
            try database.execute("PRAGMA journal_mode=DELETE")
            try database.execute("UPDATE meta SET value = 16 WHERE name = 'partition_count'")
        },
    ]

    @Test(arguments: Self.damages)
    func namesADamagedFileAndSetsItAside(_ damage: Damage) async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try damage.inflict(fixture)
        let report = try fixture.examineUnchanged()
        let finding = try #require(report.findings(of: .damage).first)
        #expect(report.findings(of: .damage).count == 1)
        #expect(finding.matter == damage.matter && finding.file == Self.file && finding.partition?.rawValue == 5)
        #expect(finding.what.contains(damage.words), "\(finding.what)")
        #expect(finding.next.contains("first use") && finding.next.contains("quarantine/") && !finding.remedy.isEmpty)
        #expect(report.replicas.sound == 7)

        let outcomes = try fixture.repair(report)
        #expect(outcomes.map(\.file) == [Self.file] && outcomes.allSatisfy(\.isDone))
        try await Self.expectOnlySetAside(5, fixture)
    }

    /// An engine that opens the directory serves all partitions but this one.
    private static func expectOnlySetAside(_ partition: Int, _ fixture: DoctorFixture) async throws {
        let after = try fixture.examineUnchanged()
        #expect(after.worst == .warning)
        #expect(after.findings(of: .warning).map(\.matter) == [.quarantined])
        #expect(after.findings(of: .warning).first?.partition?.rawValue == partition)
        #expect(try fixture.storage.names(in: "quarantine").contains("\(partition).reason"))
        try fixture.storage.start()
        #expect(Array(try await fixture.storage.engine.statistics().quarantined.keys.map(\.rawValue)) == [partition])
        for other in 0..<8 {
            let record = await fixture.storage.read(fixture.key(1, in: other))
            #expect((record == nil) == (other == partition), "partition \(other)")
        }
        try await fixture.storage.engine.stop()
    }

    @Test func findsNoChangedValueWithoutTheKeyAndSaysSo() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try fixture.flipValue(in: 5)
        let report = try fixture.examineUnchanged(hasKey: false)
        #expect(report.worst == .note)
        #expect(report.findings(of: .note).map(\.matter) == [.leavesNotCompared])
    }

    /// Else `--repair` would set everything aside.
    @Test func takesNoFileForDamagedByTheKeyOfAnotherCluster() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try fixture.flipIndexEntry(in: 5)
        var examination = DirectoryExamination(
            path: fixture.directory,
            scratchDirectory: NSTemporaryDirectory(),
            now: fixture.now
        )
        let other = RecordDigester(secret: Array("the key of another cluster".utf8))
        examination.digester = other
        let report = try examination.run()
        #expect(report.findings(of: .warning).map(\.matter) == [.leavesNotCompared])
        #expect(report.findings(of: .damage).map(\.matter) == [.fileIndex])
        #expect(!report.isKeyProven)
        let repair = DirectoryRepair(
            path: fixture.directory,
            scratchDirectory: NSTemporaryDirectory(),
            digester: other,
            now: fixture.now
        )
        #expect(repair.run(report).map(\.isDone) == [false])
        #expect(report.replicas.sound == 7)
    }

    @Test func readsNoRowsWhenItIsToBeQuick() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try fixture.flipValue(in: 5)
        #expect(try fixture.examineUnchanged(isQuick: true).worst == .ok)
        try fixture.change("partitions/6.db") { $0.removeLast(4096) }
        let findings = try fixture.examineUnchanged(isQuick: true).findings(of: .damage)
        #expect(findings.map(\.file) == ["partitions/6.db"])
    }

    @Test func makesAnIndexAnewAndKeepsTheRows() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try fixture.flipIndexEntry(in: 5)
        let report = try fixture.examineUnchanged()
        #expect(report.findings(of: .damage).map(\.matter) == [.fileIndex])
        // Without the key nobody can prove that the rows are whole.
        let refused = try fixture.repair(report, hasKey: false)
        #expect(refused.map(\.isDone) == [false])
        #expect(refused.first?.what.contains("--cluster-key-file") == true)

        let outcomes = try fixture.repair(report)
        #expect(
            outcomes.first?.what.contains("from the rows") == true && outcomes.map(\.isDone) == [true],
            "\(outcomes)"
        )
        #expect(try fixture.examineUnchanged().worst == .ok)
        try fixture.storage.start()
        for number in 0..<DoctorFixture.recordsPerPartition {
            #expect(await fixture.storage.read(fixture.key(number, in: 5)) != nil, "key \(number)")
        }
        try await fixture.storage.engine.stop()
    }

    /// The engine took a key for new that the index did not find: two rows of one key are no sound file.
    @Test func setsAFileAsideWhoseIndexCannotBeMadeAnew() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        let database = try SQLiteDatabase(path: fixture.path(Self.file), mode: .existing)
        try database.execute(
            """
            PRAGMA journal_mode=DELETE;
            INSERT INTO entries(hash, key, record) SELECT hash, key, record FROM entries WHERE id = 1;
            UPDATE meta SET value = value + 1 WHERE name IN ('record_count', 'live_count');
            """
        )
        database.close()
        try Self.fitLeaves(of: fixture)
        try fixture.flipIndexEntry(in: 5)
        let report = try fixture.examineUnchanged()
        #expect(report.findings(of: .damage).map(\.matter) == [.fileIndex])
        #expect(try fixture.repair(report).first?.what.contains("set aside") == true)
        try await Self.expectOnlySetAside(5, fixture)
    }

    /// Makes the leaves those of the rows, whatever they are.
    private static func fitLeaves(of fixture: DoctorFixture) throws {
        let database = try SQLiteDatabase(path: fixture.path(Self.file), mode: .existing)
        let rows = try database.prepare("SELECT hash, key, record FROM entries")
        var leaves = MerkleLeaves()
        while try rows.step() {
            let key = try #require(Key(rows.bytes(1)))
            let digest = StorageFixture.digester.digest(key: key, encodedRecord: rows.bytes(2))
            leaves.replace(0, with: digest, at: key.hash)
        }
        let update = try database.prepare("REPLACE INTO leaves(leaf, sum) VALUES(?1, ?2)")
        for (leaf, sum) in leaves.sums.enumerated() where sum != 0 {
            update.bind(Int64(leaf), at: 1)
            try update.bind(withUnsafeBytes(of: sum.bigEndian) { Array($0) }, at: 2)
            try update.run()
        }
    }

    @Test func leavesAFileOfALaterVersionAlone() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        let database = try SQLiteDatabase(path: fixture.path(Self.file), mode: .existing)
        try database.execute("PRAGMA journal_mode=DELETE; UPDATE meta SET value = 2 WHERE name = 'format_version'")
        database.close()
        let report = try fixture.examineUnchanged()
        #expect(report.findings(of: .damage).map(\.matter) == [.fileNewer])
        #expect(try fixture.repair(report) == [])
    }

    @Test func setsADamagedHintStoreAside() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try fixture.change("hints/3.db") { $0.removeLast(4096) }
        let report = try fixture.examineUnchanged()
        #expect(report.findings(of: .damage).map(\.file) == ["hints/3.db"])
        #expect(try fixture.repair(report).map(\.isDone) == [true])
        #expect(try fixture.storage.names(in: "quarantine").contains("hints-3.reason"))
        try fixture.storage.start()
        #expect(try await fixture.storage.engine.hintStatistics().quarantined.keys.map(\.rawValue) == [3])
        #expect(await fixture.storage.read(fixture.key(1, in: 3)) != nil)
        try await fixture.storage.engine.stop()
    }

    @Test func claimsNoDamageOfAFileThatIsNotThere() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try FileManager.default.removeItem(atPath: fixture.path(Self.file))
        let report = try fixture.examineUnchanged()
        #expect(report.worst == .ok && report.replicas.files == 7)
        var examination = DirectoryExamination(
            path: fixture.directory,
            scratchDirectory: NSTemporaryDirectory(),
            now: fixture.now
        )
        examination.held = Set((0..<8).map(PartitionID.init))
        let notes = try examination.run().findings(of: .note)
        #expect(notes.contains { $0.matter == .partitionsAbsent && $0.what.contains("1 of the 8") })
    }

    // MARK: WALs

    @Test func findsADamagedCommitInTheMiddleOfAWAL() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        try fixture.storage.start()
        for request in 901...904 {
            _ = await fixture.storage.run(fixture.storage.mint(fixture.key(2, in: 5), "v", request: UInt64(request)))
            try await fixture.storage.engine.flush(PartitionID(5))
        }
        fixture.storage.engine.abandon()
        try fixture.change("\(Self.file)-wal") { $0[32 + 24 + 100] ^= 1 }
        let finding = try #require(try fixture.examineUnchanged().findings(of: .damage).first)
        #expect(finding.file == Self.file)
        #expect(finding.what.contains("WAL is damaged at byte 32"), "\(finding.what)")
    }

    /// What SQLite leaves out after a crash was not acknowledged.
    @Test func takesATornTailOfAWALForWhatItIs() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        try fixture.change("\(Self.file)-wal") { $0.removeLast(100) }
        let report = try fixture.examineUnchanged()
        #expect(report.worst == .note)
        #expect(report.replicas.sound == 8)
    }

    @Test func saysWhichFilesItCouldNotCheckWhenThereIsNoRoomForACopy() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        let report = try DirectoryExamination(path: fixture.directory, scratchDirectory: "/no/such/place", now: 0).run()
        let warnings = report.findings(of: .warning)
        #expect(warnings.count == 9 && warnings.allSatisfy { $0.matter == .notChecked && $0.repair == nil })
        #expect(report.findings(of: .damage) == [])
    }
}
