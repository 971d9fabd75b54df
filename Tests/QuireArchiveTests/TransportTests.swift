import Foundation
import Glibc
import QuireCore
import Testing

@testable import QuireArchive

@Suite struct TransportTests {
    private let fixture: SnapshotFixture
    private let tar: String

    init() throws {
        self.fixture = try SnapshotFixture()
        self.tar = self.fixture.directory("snapshot.tar")
        try self.fixture.repository.export(self.fixture.manifest.snapshot, to: self.tar)
    }

    @Test func carriesASnapshotToAnotherRepository() throws {
        let target = try self.target()
        #expect(try target.importSnapshot(from: self.tar) == self.fixture.manifest)
        #expect(try target.verify(self.fixture.manifest.snapshot).isIntact)
        for name in fileNames(below: self.fixture.repository.root) {
            #expect(try readBytes("\(target.root)/\(name)") == readBytes("\(self.fixture.repository.root)/\(name)"))
        }
        #expect(fileNames(below: target.root) == fileNames(below: self.fixture.repository.root))
    }

    @Test func importsTheSameTwice() throws {
        let target = try self.target()
        try target.importSnapshot(from: self.tar)
        let before = fileNames(below: target.root)
        try target.importSnapshot(from: self.tar)
        #expect(fileNames(below: target.root) == before)
    }

    @Test func writesTheSameBytesEveryTime() throws {
        try self.fixture.repository.export(self.fixture.manifest.snapshot, to: self.fixture.directory("again.tar"))
        #expect(try readBytes(self.fixture.directory("again.tar")) == readBytes(self.tar))
    }

    @Test func streamsThroughAPipe() throws {
        let path = self.fixture.directory("piped.tar")
        let descriptor = open(path, O_CREAT | O_RDWR, 0o600)
        try self.fixture.repository.export(self.fixture.manifest.snapshot, toDescriptor: descriptor)
        lseek(descriptor, 0, SEEK_SET)
        let target = try self.target()
        #expect(try target.importSnapshot(fromDescriptor: descriptor) == self.fixture.manifest)
        close(descriptor)
        #expect(try readBytes(path) == readBytes(self.tar))
    }

    @Test func listsItsMembersInTheOrderOfTheFormat() throws {
        let listing = try ShellResult(["tar", "-tf", self.tar])
        let names = ["README.txt", "manifest.json", "SHA256SUMS", "layout.json"]
        #expect(
            listing.output == (names + self.fixture.manifest.objects.map(\.relativePath)).map { $0 + "\n" }.joined()
        )
        #expect(try readBytes(self.tar).count % 512 == 0)
    }

    @Test func exportsNothingFromADamagedRepository() throws {
        let path = self.fixture.repository.path(of: self.fixture.manifest.objects[1])
        var bytes = try readBytes(path)
        bytes[10] ^= 1
        try writeBytes(bytes, path)
        let output = self.fixture.directory("damaged.tar")
        let error = try #require(throws: ArchiveError.self) {
            try self.fixture.repository.export(self.fixture.manifest.snapshot, to: output)
        }
        #expect(error.path == path)
        #expect(!FileManager.default.fileExists(atPath: output))
    }

    /// What an attacker may try, as an edit of the members.
    enum Attack: CaseIterable {
        case traversal, absolutePath, symbolicLink, hardLink, directory, duplicate, extraMember, missingMember
        case otherOrder, longerMember, otherContent, otherLayout, otherReadme, otherChecksums, dotSlash

        func apply(to members: inout [RawTar.Member]) {
            let last = members.count - 1
            switch self {
            case .traversal: members[last].name = "../" + members[last].name
            case .absolutePath: members[last].name = "/tmp/" + members[last].name
            case .symbolicLink:
                members[last].type = "2"
                members[last].link = "/etc/passwd"
                members[last].content = []
            case .hardLink:
                members[last].type = "1"
                members[last].link = "manifest.json"
                members[last].content = []
            case .directory:
                members[last].type = "5"
                members[last].content = []
            case .duplicate: members.append(members[last])
            case .extraMember: members.append(RawTar.Member(name: "objects/evil", content: [1]))
            case .missingMember: members.removeLast()
            case .otherOrder: members.swapAt(last, last - 1)
            case .longerMember: members[last].content += [0]
            case .otherContent: members[last].content[20] ^= 1
            case .otherLayout: members[3].content[5] ^= 1
            case .otherReadme: members[0].content[5] ^= 1
            case .otherChecksums: members[2].content[5] ^= 1
            case .dotSlash: members[1].name = "./manifest.json"
            }
        }
    }

    @Test(arguments: Attack.allCases)
    func refusesAHostileTar(attack: Attack) throws {
        var members = RawTar.members(of: try readBytes(self.tar))
        attack.apply(to: &members)
        try writeBytes(RawTar.bytes(members), self.tar)
        let target = try self.target()
        #expect(throws: ArchiveError.self) { try target.importSnapshot(from: self.tar) }
        #expect(try target.list().isEmpty)
        #expect(fileNames(below: target.temporaryDirectory).isEmpty)
        let names = fileNames(below: target.root).filter { !$0.hasPrefix("objects/") }
        #expect(names == ["README.txt", "repo.json"])
    }

    @Test func acceptsTheSameMembersFromAnotherTarProgram() throws {
        try writeBytes(RawTar.bytes(RawTar.members(of: try readBytes(self.tar))), self.tar)
        #expect(try self.target().importSnapshot(from: self.tar) == self.fixture.manifest)
    }

    @Test func refusesACompressedTar() throws {
        #expect(try ShellResult(["zstd", "-q", self.tar]).exitCode == 0)
        let target = try self.target()
        let error = try #require(throws: ArchiveError.self) { try target.importSnapshot(from: self.tar + ".zst") }
        #expect(error.code == .malformedExport)
    }

    @Test func neverReplacesAnObjectThatAnotherSnapshotStates() throws {
        let target = try self.target()
        let other = try SnapshotFixture.publish(
            self.fixture.records,
            in: target,
            scratch: self.fixture.directory.path,
            salt: 1,
            level: 19
        )
        #expect(other.objects[0].imageHash == self.fixture.manifest.objects[0].imageHash)
        try #require(other.objects[0].storedHash != self.fixture.manifest.objects[0].storedHash)
        let error = try #require(throws: ArchiveError.self) { try target.importSnapshot(from: self.tar) }
        #expect(error.code == .invalidContent)
        #expect(try target.verify(other.snapshot).isIntact)
        #expect(try target.list().count == 1)
    }

    @Test func importReplacesADamagedObject() throws {
        let target = try self.target()
        try target.importSnapshot(from: self.tar)
        let object = self.fixture.manifest.objects[0]
        try writeBytes([UInt8](repeating: 7, count: object.storedBytes), target.path(of: object))
        try target.importSnapshot(from: self.tar)
        #expect(try target.verify(self.fixture.manifest.snapshot).isIntact)
    }

    @Test func refusesEveryTruncation() throws {
        let bytes = try readBytes(self.tar)
        let target = try self.target()
        for count in stride(from: 0, to: bytes.count - 1024, by: 509) {
            try writeBytes(bytes.prefix(count), self.tar)
            #expect(throws: ArchiveError.self, "\(count) bytes") { try target.importSnapshot(from: self.tar) }
        }
        #expect(try target.list().isEmpty)
    }

    private func target() throws -> DirectoryRepository {
        try DirectoryRepository.open(at: self.fixture.directory("target"), createIfMissing: true)
    }
}
