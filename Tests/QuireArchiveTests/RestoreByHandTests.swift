import Foundation
import QuireCore
import Testing

@testable import QuireArchive

/// The script of `Archives/`, which restores with stock tools what Quire wrote.
@Suite struct RestoreByHandTests {
    private static let script = "\(ShellResult.archives)/restore-by-hand"

    @Test(arguments: ["tar", "zstd", "sqlite3", "jq", "sha256sum"])
    func findsItsTools(tool: String) throws {
        #expect(try ShellResult(["sh", "-c", "command -v \(tool)"]).exitCode == 0, "install \(tool)")
    }

    @Test(arguments: [false, true])
    func printsWhatAPlainReadShows(isExported: Bool) throws {
        let fixture = try SnapshotFixture(keyCount: 100)
        var source = fixture.repository.root
        if isExported {
            source = fixture.directory("snapshot.tar")
            try fixture.repository.export(fixture.manifest.snapshot, to: source)
        }
        for partition in SnapshotFixture.partitionCount.partitions {
            let result = try ShellResult([Self.script, source, "latest", "\(partition)"])
            #expect(result.exitCode == 0, "\(result.errors)")
            #expect(result.output == Self.expectedText(fixture.records[partition] ?? []))
        }
    }

    @Test func printsJSONOfTheWholeKeyspace() throws {
        let fixture = try SnapshotFixture(keyCount: 60)
        let id = fixture.manifest.snapshot.text
        let result = try ShellResult([Self.script, "--json", fixture.repository.root, id, "all"])
        #expect(result.exitCode == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)
        let expected = fixture.records.sorted { $0.key < $1.key }.flatMap { partition, records in
            Self.live(records).map { key, winner in
                #"{"partition":\#(partition),"key":"\#(hexadecimal(key.bytes))","value":"\#(hexadecimal(winner.value ?? []))","#
                    + #""timestampMilliseconds":\#(winner.timestamp.wallMilliseconds),"#
                    + #""expiryMilliseconds":\#(winner.expiryMilliseconds.map { "\($0)" } ?? "null")}"#
            }
        }
        #expect(expected.count > 30)
        #expect(lines == expected)
    }

    @Test func hidesWhatHasExpired() throws {
        let directory = try TemporaryDirectory()
        let repository = try DirectoryRepository.open(at: directory("repository"), createIfMissing: true)
        let key = try #require(Key("gone"))
        var record = Record()
        record.mint(
            Version(
                dot: Dot(actor: ActorID(rawValue: 1), counter: 1),
                timestamp: HybridTimestamp(wallMilliseconds: 1000),
                request: RequestID(high: 1, low: 1),
                value: [0x61],
                expiryMilliseconds: 2000
            ),
            superseding: .older
        )
        let partition = SnapshotFixture.partitionCount.partition(of: key)
        _ = try SnapshotFixture.publish(
            [partition: [KeyedRecord(key: key, record: record)]],
            in: repository,
            scratch: directory.path
        )
        let result = try ShellResult([Self.script, repository.root, "latest", "\(partition)"])
        #expect(result.exitCode == 0 && result.output.isEmpty, "\(result.errors)")
    }

    @Test func putsTheVerifiedImageWhereItIsWanted() throws {
        let fixture = try SnapshotFixture()
        let output = fixture.directory("out.db")
        let arguments = [Self.script, fixture.repository.root, "2026", "2", output]
        #expect(try ShellResult(arguments).exitCode == 0)
        #expect(try readBytes(output) == readBytes(fixture.directory("2.image")))
        #expect(try ShellResult(arguments).exitCode == 1, "it must not overwrite")
    }

    @Test(arguments: ["object", "manifest.json", "SHA256SUMS", "layout.json"])
    func refusesADamagedFile(name: String) throws {
        let fixture = try SnapshotFixture()
        let object = try #require(fixture.manifest.partitions[2].object)
        let directory = fixture.repository.directory(of: fixture.manifest.snapshot)
        let path = name == "object" ? fixture.repository.path(of: object) : "\(directory)/\(name)"
        var bytes = try readBytes(path)
        bytes[min(bytes.count - 1, 40)] ^= 1
        try writeBytes(bytes, path)
        let result = try ShellResult([Self.script, fixture.repository.root, "latest", "2"])
        #expect(result.exitCode == 1)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains("restore-by-hand: "))
    }

    @Test(arguments: [[], ["x"], ["--what", "a", "b", "0"], ["/nonexistent", "latest", "1x"]])
    func explainsWrongUsage(arguments: [String]) throws {
        let result = try ShellResult([Self.script] + arguments)
        #expect(result.exitCode == 2)
        #expect(result.errors.contains("--help"))
    }

    @Test func theCommandsOfTheReadmeWork() throws {
        let fixture = try SnapshotFixture()
        let id = fixture.manifest.snapshot.text
        let checks = try ShellResult(["sha256sum", "-c", "snapshots/\(id)/SHA256SUMS"], in: fixture.repository.root)
        #expect(checks.exitCode == 0, "\(checks.output)")
        try fixture.repository.export(fixture.manifest.snapshot, to: fixture.directory("s.tar"))
        let unpack = try ShellResult(
            [
                "sh", "-c",
                "mkdir u && cd u && tar -xf ../s.tar && sha256sum -c SHA256SUMS && zstd -q -t objects/*/*.zst",
            ],
            in: fixture.directory.path
        )
        #expect(unpack.exitCode == 0, "\(unpack.output)\(unpack.errors)")
        let command = """
            tar -xOf ../s.tar "$(jq -r '.partitions[2].object.imageHash
                | "objects/\\(.[:2])/\\(.).db.zst"' manifest.json)" | zstd -d > p2.db
            sqlite3 p2.db 'PRAGMA integrity_check; SELECT count(*) FROM entries;'
            """
        #expect(ExportReadme.text.contains(#"| "objects/\(.[:2])/\(.).db.zst"' manifest.json)" | zstd -d > p42.db"#))
        let rows = try ShellResult(["sh", "-c", command], in: fixture.directory("u"))
        #expect(rows.output == "ok\n\(fixture.records[PartitionID(2)]?.count ?? 0)\n", "\(rows.errors)")
    }

    private static func live(_ records: [KeyedRecord]) -> [(Key, Version)] {
        records.sorted { ScanPosition(key: $0.key) < ScanPosition(key: $1.key) }.compactMap { entry in
            entry.record.winner.flatMap { $0.isTombstone ? nil : (entry.key, $0) }
        }
    }

    private static func expectedText(_ records: [KeyedRecord]) -> String {
        self.live(records).map { "\(self.shown($0.0.bytes))\t\(self.shown($0.1.value ?? []))\n" }.joined()
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        let isPrintable = bytes.allSatisfy { (0x20...0x7E).contains($0) }
        return isPrintable ? String(decoding: bytes, as: UTF8.self) : "\\x" + hexadecimal(bytes)
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
