import Foundation
import QuireCore
import QuireStorage
import Testing

@testable import QuireNode

@Suite struct NodeExaminationTests {
    private static let partitions = PartitionCount(16)
    private static let key = Array("the cluster key of these tests".utf8)

    /// A member's directory after a kill: a layout that only the WAL has, and storage without records.
    private func directory(of member: Member = LayoutCodingTests.member(1)) async throws -> ScratchDirectory {
        let scratch = try ScratchDirectory()
        let layout = try LayoutCodingTests.layout(partitions: try #require(Self.partitions))
        let identity = #"{"format":1,"node":"\#(member.id)","name":"\#(member.name)","zone":"\#(member.zone)"}"#
        try Data(identity.utf8).write(to: URL(fileURLWithPath: "\(scratch.path)/node.json"))
        let store = try LayoutStore(path: "\(scratch.path)/layout.db")
        var state = LayoutAcceptor.State()
        state.decided = AcceptedLayout(ballot: .none, layout: LayoutCoding.encode(layout))
        state.decidedVersion = layout.version
        try store.save(state)
        // As a kill leaves it: the file and the WAL as they are now.
        let names = ["layout.db", "layout.db-wal"]
        let bytes = try names.map { try Data(contentsOf: URL(fileURLWithPath: "\(scratch.path)/\($0)")) }
        store.close()
        for (name, data) in zip(names, bytes) { try data.write(to: URL(fileURLWithPath: "\(scratch.path)/\(name)")) }
        let engine = try StorageEngine(
            StorageConfiguration(
                directory: scratch.path,
                clusterID: layout.clusterID,
                partitionCount: layout.partitionCount,
                digester: RecordDigester(secret: Self.key),
                now: { 1000 },
                random: { 7 }
            )
        )
        try await engine.stop()
        return scratch
    }

    private func examine(_ scratch: ScratchDirectory) throws -> NodeExamination.Report {
        let before = try Self.listing(scratch.path)
        let report = try NodeExamination(of: scratch.path).run(
            .init(clusterKey: Self.key, scratchDirectory: NSTemporaryDirectory(), now: 2000)
        )
        #expect(try Self.listing(scratch.path) == before)
        return report
    }

    private static func listing(_ path: String) throws -> [String: Data] {
        var listing: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            // A directory has no content of its own.
            listing[name] = FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data()
        }
        return listing
    }

    @Test func tellsWhoTheNodeIsAndReadsALayoutThatOnlyTheWALHas() async throws {
        let scratch = try await self.directory()
        let report = try self.examine(scratch)
        #expect(report.node == LayoutCodingTests.member(1).id && report.name == "n1" && report.zone == "z1")
        #expect(report.isMember == true)
        #expect(report.layoutVersion == (try LayoutCodingTests.layout()).version)
        #expect(report.storage.clusterID == String(repeating: "ab", count: 16))
        #expect(report.storage.partitionCount == Self.partitions)
        #expect(report.storage.lastStop == .clean)
        #expect(report.storage.worst == .note)
        // With three members and N = 3 it holds everything, and nothing was written yet.
        #expect(report.storage.findings(of: .note).map(\.matter) == [.partitionsAbsent])
    }

    @Test func saysThatANodeIsNoMember() async throws {
        let report = try self.examine(try await self.directory(of: LayoutCodingTests.member(9)))
        #expect(report.isMember == false)
        #expect(report.storage.findings(of: .note).map(\.matter).contains(.membership))
    }

    @Test(arguments: [
        ("node.json", DirectoryFinding.Matter.node), ("layout.db", .layout), ("layout.db-wal", .layout),
    ])
    func namesADamagedFileAndRepairsNothing(_ name: String, _ matter: DirectoryFinding.Matter) async throws {
        let scratch = try await self.directory()
        let url = URL(fileURLWithPath: "\(scratch.path)/\(name)")
        var bytes = try Data(contentsOf: url)
        bytes[name == "layout.db" ? 3 : 10] ^= 0xFF
        try bytes.write(to: url)
        // Else the WAL has the page that was damaged.
        if name == "layout.db" { try Data().write(to: URL(fileURLWithPath: "\(scratch.path)/layout.db-wal")) }
        let report = try self.examine(scratch)
        let damage = report.storage.findings(of: .damage)
        #expect(damage.map(\.matter) == [matter])
        #expect(damage.first?.next == "the node refuses to start")
        let examination = try NodeExamination(of: scratch.path)
        #expect(examination.repair(report, .init(scratchDirectory: NSTemporaryDirectory())) == [])
    }

    @Test(arguments: ["node.json", "layout.db"])
    func namesAFileThatIsMissing(_ name: String) async throws {
        let scratch = try await self.directory()
        for suffix in ["", "-wal"] { try? FileManager.default.removeItem(atPath: "\(scratch.path)/\(name)\(suffix)") }
        let damage = try self.examine(scratch).storage.findings(of: .damage)
        #expect(damage.map(\.file) == [name])
    }

    @Test func refusesADirectoryOnWhichANodeRuns() throws {
        let scratch = try ScratchDirectory()
        let holder = try NodeDirectory(
            configuration: NodeConfiguration(dataDirectory: scratch.path, clusterKey: Array(repeating: 7, count: 32))
        )
        defer { holder.release() }
        let error = #expect(throws: NodeError.self) { try NodeExamination(of: scratch.path) }
        #expect(error?.code == .dataDirectoryInUse)
    }

    @Test func takesANewNodeForWhatItIs() throws {
        let scratch = try ScratchDirectory()
        try NodeDirectory(
            configuration: NodeConfiguration(dataDirectory: scratch.path, clusterKey: Array(repeating: 7, count: 32))
        ).release()
        let report = try self.examine(scratch)
        #expect(report.storage.worst == .ok && report.storage.lastStop == .never && report.isMember == nil)
    }
}
