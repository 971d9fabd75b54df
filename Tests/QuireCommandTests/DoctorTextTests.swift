import ArgumentParser
import Foundation
import QuireCore
import QuireNode
import QuireStorage
import Testing

@testable import quire

@Suite struct DoctorTextTests {
    private static func summary(
        _ findings: [DirectoryFinding],
        repairs: [DirectoryRepair.Outcome]? = nil
    ) -> DoctorSummary {
        var storage = DirectoryReport()
        storage.clusterID = "0123456789abcdef0123456789abcdef"
        storage.partitionCount = PartitionCount(8)
        storage.lastStop = .unclean
        storage.replicas.files = 8
        storage.replicas.sound = 7
        storage.replicas.tally = RecordTally(records: 12_345, live: 12_000)
        storage.logRecords = 67
        storage.sizes.partitions = 3 << 20
        storage.findings = findings
        var report = NodeExamination.Report(storage: storage)
        report.node = NodeID(rawValue: 7)
        report.name = "n1"
        report.zone = "z1"
        report.isMember = true
        report.layoutVersion = LayoutVersion(4)
        return DoctorSummary(
            report,
            repairs: repairs,
            directory: "/data",
            options: .init(scratchDirectory: "/tmp", now: 0),
            seconds: 1.5
        )
    }

    private static let damage = DirectoryFinding(.damage, .fileDamaged, file: "partitions/5.db", "it is short")
        .with(next: "it is set aside", remedy: "--repair")

    @Test func beginsWithTheVerdictAndTheFigures() {
        let text = DoctorText(Self.summary([Self.damage])).rendered()
        #expect(text.hasPrefix("/data: DAMAGED, 1 finding\n"))
        #expect(text.contains("  node        n1 (0000000000000007), zone z1\n"))
        #expect(text.contains("  cluster     0123456789abcdef0123456789abcdef, layout 4, 8 partitions\n"))
        #expect(text.contains("  partitions  7 sound, 1 NOT\n"))
        #expect(text.contains("  records     12,345 in sound files, 67 in the log\n"))
        #expect(
            text.contains(
                "\nDamage (1)\n  partitions/5.db  it is short\n                   next start: it is set aside\n"
            )
        )
    }

    @Test func putsTheWorstFirstAndSaysSharedAdviceOnce() {
        var other = DirectoryFinding(.damage, .fileDamaged, file: "partitions/6.db", "it is short, too")
            .with(next: "it is set aside", remedy: "--repair")
        other.partition = PartitionID(6)
        let ok = DirectoryFinding(.ok, .node, file: "node.json", "node n1")
        let text = DoctorText(Self.summary([ok, Self.damage, other])).rendered()
        let lines = text.split(separator: "\n")
        #expect(lines.firstIndex(of: "Damage (2)")! < lines.firstIndex(of: "In order (1)")!)
        #expect(lines.count { $0.contains("to do: --repair") } == 1)
    }

    @Test func saysWhatWasRepairedAndWhatNot() {
        let repairs = [
            DirectoryRepair.Outcome(file: "partitions/5.db", isDone: true, what: "set aside"),
            DirectoryRepair.Outcome(file: "x", isDone: false, what: "no"),
        ]
        let text = DoctorText(Self.summary([], repairs: repairs)).rendered()
        #expect(text.contains("  done  partitions/5.db  set aside\n  NOT   x                no"))
        #expect(DoctorText(Self.summary([], repairs: [])).rendered().contains("nothing that is safe to repair"))
    }

    @Test func endsWithTheStatusOfTheWorstFinding() {
        let finding = { DirectoryFinding($0, .unknownFile, file: "f", "w") }
        #expect(Self.summary([]).status == .succeeded)
        #expect(Self.summary([finding(.note)]).status == .succeeded)
        #expect(Self.summary([finding(.note), finding(.warning)]).status == .unhealthy)
        #expect(Self.summary([finding(.warning), finding(.damage)]).status == .failed)
    }

    @Test func isOneObjectForPrograms() throws {
        let text = try Report.encoded(Self.summary([Self.damage]), pretty: false)
        #expect(text.hasPrefix(#"{"areLeavesCompared":false,"bytes":{"#))
        #expect(text.contains(#""matter":"file_damaged""#) && text.contains(#""verdict":"damage""#))
        #expect(text.contains(#""nextStart":"it is set aside","remedy":"--repair","severity":"damage""#))
    }

    @Test func breaksLinesBetweenWords() {
        let text = Array(repeating: "word", count: 40).joined(separator: " ")
        let lines = DoctorText.wrapped(text, indent: 2, hanging: 6).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 100 })
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("      word") })
    }

    @Test func doesNotRepairByAHalfExamination() throws {
        #expect(throws: (any Error).self) { try DoctorCommand.parse(["--data", "d", "--repair", "--quick"]) }
        #expect(try DoctorCommand.parse(["--data", "d", "--repair"]).repair)
    }

    @Test func refusesWhatIsNoDataDirectory() async throws {
        let path = NSTemporaryDirectory() + "/quire-doctor-command-\(ProcessInfo.processInfo.processIdentifier)"
        let command = try DoctorCommand.parse(["--data", path])
        let missing = await #expect(throws: CommandFailure.self) { try await command.run() }
        #expect(missing?.code == "data_directory_unusable" && missing?.status == .failed)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let foreign = await #expect(throws: CommandFailure.self) { try await command.run() }
        #expect(foreign?.message.contains("no data directory") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path) == [])
    }
}
