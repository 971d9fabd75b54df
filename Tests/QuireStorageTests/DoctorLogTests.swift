import Foundation
import QuireCore
import QuireStorage
import Testing

/// The log and the rest of a data directory, as the doctor sees them.
@Suite struct DoctorLogTests {
    /// The newest segment of shard 1, which has records.
    private func segment(of fixture: DoctorFixture) throws -> String {
        "log/" + (try #require(try fixture.storage.names(in: "log").last { $0.hasPrefix("1-") }))
    }

    @Test func tellsATornTailWithItsPlaceAndLength() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        let segment = try self.segment(of: fixture)
        let whole = try Data(contentsOf: URL(fileURLWithPath: fixture.path(segment))).count
        try fixture.change(segment) { $0 += [0, 0, 0, 9, 1, 2, 3] }
        let finding = try #require(try fixture.examineUnchanged().findings.first { $0.matter == .logTornTail })
        #expect(finding.severity == .note && finding.file == segment)
        #expect(finding.what.contains("7 bytes from byte \(whole) on"), "\(finding.what)")
        // The start does as it was told.
        try fixture.storage.start()
        #expect(await fixture.storage.read(fixture.key(0, in: 1)) != nil)
        try await fixture.storage.engine.stop()
    }

    @Test func tellsADamagedMiddleAndNeverTouchesIt() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        let segment = try self.segment(of: fixture)
        try fixture.change(segment) { $0[100 + 60] ^= 1 }
        let report = try fixture.examineUnchanged()
        let finding = try #require(report.findings(of: .damage).first)
        #expect(finding.matter == .logDamaged && finding.file == segment)
        #expect(finding.what.contains("the record at byte 100 is damaged"), "\(finding.what)")
        #expect(finding.next.contains("does not open its storage"))
        #expect(try fixture.repair(report) == [])
        let error = #expect(throws: StorageError.self) { try fixture.storage.start() }
        #expect(error?.code == .corruptLog)
    }

    @Test func tellsADamagedHeader() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        let segment = try self.segment(of: fixture)
        try fixture.change(segment) { $0[20] ^= 1 }
        let finding = try #require(try fixture.examineUnchanged().findings(of: .damage).first)
        #expect(finding.matter == .logDamaged && finding.file == segment && finding.what.contains("header"))
    }

    @Test func tellsASegmentThatIsMissing() async throws {
        let fixture = try StorageFixture {
            $0.segmentBytes = 2000
            $0.shardCount = 1
        }
        defer { fixture.remove() }
        for request in 1...12 {
            let value = String(repeating: "x", count: 700)
            _ = await fixture.run(fixture.mint(fixture.key(request, in: 1), value, request: UInt64(request)))
        }
        fixture.engine.abandon()
        let names = try fixture.names(in: "log")
        try #require(names.count >= 4)
        try FileManager.default.removeItem(atPath: "\(fixture.directory)/log/\(names[1])")
        let report = try DirectoryExamination(
            path: fixture.directory,
            scratchDirectory: NSTemporaryDirectory(),
            now: 0
        ).run()
        let finding = try #require(report.findings(of: .damage).first)
        #expect(report.findings(of: .damage).count == 1)
        #expect(finding.matter == .logGap && finding.file == "log/\(names[1])")
        #expect(throws: StorageError.self) { try fixture.start() }
    }

    @Test func tellsTheLogOfAnotherCluster() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        var examination = DirectoryExamination(
            path: fixture.directory,
            scratchDirectory: NSTemporaryDirectory(),
            now: fixture.now
        )
        examination.cluster = (String(repeating: "e", count: 32), fixture.storage.partitionCount)
        let report = try examination.run()
        #expect(report.findings(of: .damage).filter { $0.matter == .logForeign }.count == 2)
        #expect(report.findings(of: .damage).filter { $0.matter == .fileForeign }.count == 9)
        // Rather the layout is wrong than every file.
        #expect(report.findings.allSatisfy { $0.repair == nil })
    }

    // MARK: Leftovers

    @Test func removesWhatTheNextStartWouldRemoveAndNothingElse() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        let leftovers = ["incoming/2.new.db", "incoming/9-part.tmp", "hints/6.db-wal"]
        let kept = [
            "incoming/4.db", "incoming/4.note", "retired/7-3-1700000000000.db", "notes.txt", "partitions/77.db",
        ]
        for name in leftovers + kept { try Data("x".utf8).write(to: URL(fileURLWithPath: fixture.path(name))) }
        let report = try fixture.examineUnchanged()
        #expect(report.findings.filter { $0.repair != nil }.map(\.file).sorted() == leftovers.sorted())
        #expect(report.findings.contains { $0.matter == .incomingPartial && $0.partition?.rawValue == 4 })
        #expect(report.findings.contains { $0.matter == .retired && $0.what.contains("layout 3") })
        #expect(report.findings.contains { $0.matter == .unknownFile && $0.file == "notes.txt" })
        #expect(report.findings(of: .warning).map(\.file) == ["partitions/77.db"])
        #expect(try fixture.repair(report).allSatisfy(\.isDone))
        let present = { (name: String) in FileManager.default.fileExists(atPath: fixture.path(name)) }
        #expect(!leftovers.contains(where: present))
        #expect(kept.allSatisfy(present))
    }

    @Test func explainsAnExchangeThatWasInterrupted() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        let live = fixture.path("incoming/5.live.db")
        try FileManager.default.copyItem(atPath: fixture.path("partitions/5.db"), toPath: live)
        let found = try #require(try fixture.examineUnchanged().findings.first { $0.matter == .incomingLive })
        #expect(found.severity == .note && found.next.contains("merged"))
        try fixture.change("incoming/5.live.db") { $0.removeLast(4096) }
        let damaged = try #require(try fixture.examineUnchanged().findings.first { $0.matter == .incomingLive })
        #expect(damaged.severity == .damage && damaged.next.contains("does not open its storage"))
        #expect(throws: StorageError.self) { try fixture.storage.start() }
    }

    @Test func tellsADirectoryThatIsMissing() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        for name in ["partitions", "hints"] { try FileManager.default.removeItem(atPath: fixture.path(name)) }
        let report = try fixture.examineUnchanged()
        #expect(report.findings(of: .damage).map(\.file) == ["partitions"])
        #expect(report.findings(of: .note).contains { $0.matter == .directoryMissing && $0.file == "hints" })
    }

    @Test func tellsWhatWasSetAsideAndWhy() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try Data("the disk lied\n".utf8).write(to: URL(fileURLWithPath: fixture.path("quarantine/2.reason")))
        let report = try fixture.examineUnchanged()
        #expect(report.quarantined == 1)
        #expect(report.findings(of: .warning).map(\.what) == ["partition 2 is set aside: the disk lied"])
    }

    @Test func tellsAMarkerOfTheMembershipThatCannotBeRead() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        try Data("quire membership since 4\n".utf8).write(to: URL(fileURLWithPath: fixture.path("membership")))
        #expect(try fixture.examineUnchanged().worst == .ok)
        try Data("quire".utf8).write(to: URL(fileURLWithPath: fixture.path("membership")))
        #expect(try fixture.examineUnchanged().findings(of: .damage).map(\.matter) == [.membership])
    }
}
