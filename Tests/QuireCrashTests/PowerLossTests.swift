import Foundation
import QuireCore
import Testing

@testable import QuireCrash

/// Journals are made by hand here; those of the library are what `Ops/crash` lives on.
@Suite struct PowerLossTests {
    private static func entry(
        _ kind: LossyJournal.Kind,
        inode: UInt64 = 0,
        _ range: Range<UInt64> = 0..<0,
        size: UInt64 = 0,
        path: String = "/d/a",
        second: String = "",
        before: String = ""
    ) -> LossyJournal.Entry {
        LossyJournal.Entry(
            kind: kind,
            inode: inode,
            offset: range.lowerBound,
            bytes: UInt64(range.count),
            size: size,
            path: path,
            second: second,
            before: Data(before.utf8)
        )
    }

    private static func encoded(_ entries: [LossyJournal.Entry]) -> Data {
        var data = Data()
        for entry in entries {
            for value in [0x4A44_4C51, entry.kind.rawValue] {
                withUnsafeBytes(of: value) { data.append(contentsOf: $0) }
            }
            for value in [entry.inode, entry.offset, entry.bytes, entry.size] {
                withUnsafeBytes(of: value) { data.append(contentsOf: $0) }
            }
            for count in [entry.path.utf8.count, entry.second.utf8.count, entry.before.count] {
                withUnsafeBytes(of: UInt32(count)) { data.append(contentsOf: $0) }
            }
            data += Data(entry.path.utf8) + Data(entry.second.utf8) + entry.before
        }
        return data
    }

    // MARK: What is lost

    @Test func aSyncSavesWhatWasWrittenBeforeIt() {
        let entries = [
            Self.entry(.write, inode: 1, 0..<10), Self.entry(.sync, inode: 1), Self.entry(.write, inode: 1, 10..<20),
            Self.entry(.write, inode: 2, 0..<5),
        ]
        let lost = PowerLoss.unsynced(entries)
        #expect(lost.map(\.entry.inode) == [1, 2])
        #expect(lost.map(\.entry.offset) == [10, 0])
    }

    @Test func whatAFailedSyncLeftBehindNoLaterSyncSaves() {
        let entries = [
            Self.entry(.write, inode: 1, 0..<10), Self.entry(.syncFailed, inode: 1),
            Self.entry(.write, inode: 1, 5..<20), Self.entry(.sync, inode: 1),
        ]
        let lost = PowerLoss.unsynced(entries)
        #expect(lost.count == 1)
        #expect(lost.first?.entry.offset == 0)
        #expect(lost.first?.later == [5..<20])
    }

    @Test func aDirectorySavesItsNamesAndARenameIsOneOfItsNewName() {
        let entries = [
            Self.entry(.create, inode: 1, path: "/d/a"),
            Self.entry(.rename, inode: 1, path: "/d/a", second: "/e/a"),
            Self.entry(.syncDirectory, path: "/e"), Self.entry(.remove, inode: 2, path: "/e/b"),
        ]
        #expect(PowerLoss.unsynced(entries).map(\.entry.kind) == [.create, .remove])
    }

    @Test func aJournalThatEndsWithinAnEntryEndsBeforeIt() throws {
        let path = NSTemporaryDirectory() + "/quire-journal-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let whole = Self.encoded([Self.entry(.create, inode: 7), Self.entry(.write, inode: 7, 0..<3, before: "abc")])
        try whole.dropLast(1).write(to: URL(fileURLWithPath: path))
        #expect(try LossyJournal(path: path).entries.map(\.kind) == [.create])
        try whole.write(to: URL(fileURLWithPath: path))
        #expect(try LossyJournal(path: path).entries.map(\.before) == [Data(), Data("abc".utf8)])
        try (Data([1]) + whole).write(to: URL(fileURLWithPath: path))
        #expect(throws: CrashError.self) { try LossyJournal(path: path) }
    }

    // MARK: Taking back

    /// A directory with a file, and a journal beside it that keeps its content.
    private struct Disk {
        let path = NSTemporaryDirectory() + "/quire-lossy-\(UInt64.random(in: 0...UInt64.max))"
        var file: String { self.path + "/data/file" }

        init(_ content: String) throws {
            for name in ["data", "journal"] {
                try FileManager.default.createDirectory(
                    atPath: "\(self.path)/\(name)",
                    withIntermediateDirectories: true
                )
            }
            try content.write(toFile: self.file, atomically: false, encoding: .utf8)
            try FileManager.default.linkItem(atPath: self.file, toPath: "\(self.path)/journal/\(self.inode)")
        }

        var inode: UInt64 {
            get throws {
                let attributes = try FileManager.default.attributesOfItem(atPath: self.file)
                return try #require(attributes[.systemFileNumber] as? UInt64)
            }
        }

        func content(_ name: String = "file") throws -> String? {
            FileManager.default.contents(atPath: "\(self.path)/data/\(name)").map {
                String(decoding: $0, as: UTF8.self)
            }
        }

        func strike(_ entries: [LossyJournal.Entry]) throws -> Int {
            try PowerLossTests.encoded(entries).write(to: URL(fileURLWithPath: self.path + "/journal/journal"))
            var loss = PowerLoss(
                journalDirectory: self.path + "/journal",
                isStrict: true,
                random: SeededGenerator(seed: 1)
            )
            return try loss.strike()
        }

        func remove() { try? FileManager.default.removeItem(atPath: self.path) }
    }

    @Test func aStrictLossBringsBytesAndSizesBack() throws {
        let disk = try Disk("newer and longer")
        defer { disk.remove() }
        let inode = try disk.inode
        let undone = try disk.strike([
            Self.entry(.write, inode: inode, 0..<5, size: 9, path: disk.file, before: "older"),
            Self.entry(.write, inode: inode, 9..<16, size: 9, path: disk.file),
        ])
        #expect(undone == 2)
        #expect(try disk.content() == "older and")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path + "/journal").isEmpty)
    }

    @Test func whatWasSyncedLaterIsNotTakenBackWithWhatWasLost() throws {
        let disk = try Disk(String(repeating: "n", count: 1024))
        defer { disk.remove() }
        let inode = try disk.inode
        let before = String(repeating: "o", count: 1024)
        _ = try disk.strike([
            Self.entry(.write, inode: inode, 0..<1024, size: 1024, path: disk.file, before: before),
            Self.entry(.syncFailed, inode: inode),
            Self.entry(.write, inode: inode, 512..<1024, size: 1024, path: disk.file, before: before),
            Self.entry(.sync, inode: inode),
        ])
        let half = 512
        #expect(try disk.content() == String(repeating: "o", count: half) + String(repeating: "n", count: half))
    }

    @Test func namesComeBackInTheirOrder() throws {
        let disk = try Disk("content")
        defer { disk.remove() }
        let inode = try disk.inode
        let renamed = disk.path + "/data/renamed"
        try FileManager.default.moveItem(atPath: disk.file, toPath: renamed)
        try FileManager.default.removeItem(atPath: renamed)
        let undone = try disk.strike([
            Self.entry(.rename, inode: inode, path: disk.file, second: renamed),
            Self.entry(.remove, inode: inode, path: renamed),
        ])
        #expect(undone == 2)
        #expect(try disk.content() == "content")
        #expect(try disk.content("renamed") == nil)
    }

    @Test func aNewFileWhoseNameWasNotSyncedIsGone() throws {
        let disk = try Disk("content")
        defer { disk.remove() }
        _ = try disk.strike([Self.entry(.create, inode: try disk.inode, path: disk.file)])
        #expect(try disk.content() == nil)
    }
}
