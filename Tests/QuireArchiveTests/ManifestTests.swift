import Foundation
import QuireCore
import Testing

@testable import QuireArchive

@Suite struct ManifestTests {
    @Test func readsWhatItWrote() throws {
        let manifest = try SnapshotFixture().manifest
        let bytes = try manifest.rendered()
        #expect(try Manifest(rendered: bytes, path: "m") == manifest)
        #expect(try manifest.rendered() == bytes)
    }

    @Test func hasOneLinePerPartition() throws {
        let manifest = try SnapshotFixture().manifest
        let text = String(decoding: try manifest.rendered(), as: UTF8.self)
        let lines = text.split(separator: "\n").filter { $0.contains(#""partition":"#) && $0.hasPrefix("    {") }
        #expect(lines.count == 8)
        #expect(lines[3].contains(#""partition":3"#))
    }

    /// The schema of `Archives/` and the code name the same members.
    @Test func hasTheMembersOfItsSchema() throws {
        let schema = try Self.object(try readBytes("\(ShellResult.archives)/manifest.schema.json"))
        let manifest = try Self.object(try SnapshotFixture().manifest.rendered())
        #expect(Set(try #require(schema["properties"] as? [String: Any]).keys) == Set(manifest.keys))
        #expect(Set(try #require(schema["required"] as? [String])) == Set(manifest.keys))
        let partition = try #require((manifest["partitions"] as? [[String: Any]])?.first)
        let object = try #require(partition["object"] as? [String: Any])
        let definitions = try #require(schema["$defs"] as? [String: [String: Any]])
        for (name, value) in [("partition", partition), ("object", object)] {
            let properties = try #require(definitions[name]?["properties"] as? [String: Any])
            #expect(Set(properties.keys) == Set(value.keys))
        }
    }

    @Test func findsAFlipOfEveryByte() throws {
        let bytes = try SnapshotFixture(keyCount: 3).manifest.rendered()
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << (index % 8)
            #expect(throws: ArchiveError.self, "byte \(index)") { try Manifest(rendered: damaged, path: "m") }
        }
    }

    @Test func ignoresMembersOfLaterWriters() throws {
        let manifest = try SnapshotFixture(keyCount: 3).manifest
        let later = try Self.edited(manifest) {
            $0.replacing("  \"totals\":", with: "  \"future\": {\"a\":[1]},\n  \"totals\":")
        }
        #expect(try Manifest(rendered: later, path: "m") == manifest)
    }

    @Test(arguments: [
        ("\"quire-snapshot\"", "\"other\"", ArchiveError.Code.unsupportedFormat),
        ("\"minimumReader\": 1", "\"minimumReader\": 2", .unsupportedFormat),
        ("\"isReused\":false", "\"isReused\":0", .damagedManifest),
        ("\"partition\":3}", "\"partition\":2}", .damagedManifest),
        ("\"reusedObjects\":0", "\"reusedObjects\":1", .damagedManifest),
        ("\"partitionCount\": 8", "\"partitionCount\": 9", .damagedManifest),
        ("\"level\":\"quorum\"", "\"level\":\"fuzzy\"", .damagedManifest),
        ("2026-11-21T", "2026-11-31T", .damagedManifest),
    ])
    func refusesContentThatBreaksARule(original: String, changed: String, code: ArchiveError.Code) throws {
        let bytes = try Self.edited(try SnapshotFixture(keyCount: 20).manifest) {
            $0.replacing(original, with: changed)
        }
        let error = try #require(throws: ArchiveError.self) { try Manifest(rendered: bytes, path: "the/manifest.json") }
        #expect(error.code == code)
        #expect(error.path == "the/manifest.json")
    }

    @Test func refusesAHashThatIsAPath() throws {
        let manifest = try SnapshotFixture(keyCount: 20).manifest
        let hash = try #require(manifest.objects.first).imageHash.text
        let bytes = try Self.edited(manifest) { $0.replacing(hash, with: "../" + hash.dropFirst(3)) }
        #expect(throws: ArchiveError.self) { try Manifest(rendered: bytes, path: "m") }
    }

    @Test func promisesQuorumOnlyWhileFewerThanWAreMissing() throws {
        var manifest = try SnapshotFixture(keyCount: 3).manifest
        func miss(_ nodes: [UInt64]) {
            manifest.partitions = manifest.partitions.enumerated().map { index, entry in
                let missing = index < nodes.count ? [NodeID(rawValue: nodes[index])] : []
                return Manifest.Partition(partition: entry.partition, object: entry.object, missing: missing)
            }
        }
        miss([1, 1])
        try manifest.validate()
        miss([1, 2])
        #expect(throws: ArchiveError.self) { try manifest.validate() }
        manifest.promise = .fuzzy(["two nodes are unreachable"])
        try manifest.validate()
    }

    @Test func refusesTheSameObjectForTwoPartitions() throws {
        var manifest = try SnapshotFixture(keyCount: 40).manifest
        let object = try #require(manifest.partitions[0].object)
        let copy = StoredObject(
            partition: PartitionID(1),
            imageHash: object.imageHash,
            imageBytes: object.imageBytes,
            storedHash: object.storedHash,
            storedBytes: object.storedBytes,
            logicalRoot: object.logicalRoot,
            keyedRoot: object.keyedRoot,
            recordCount: object.recordCount,
            liveKeyCount: object.liveKeyCount
        )
        manifest.partitions[1] = Manifest.Partition(partition: PartitionID(1), object: copy)
        #expect(throws: ArchiveError.self) { try manifest.rendered() }
    }

    @Test(arguments: [
        "2026-11-21T09:31:28.042Z", "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2024-02-29T12:00:00.001Z",
    ])
    func readsTimesAsItWritesThem(text: String) throws {
        #expect(try #require(UTCTime(text)).description == text)
    }

    @Test(arguments: [
        "2026-11-21T09:31:28Z", "2026-02-30T00:00:00.000Z", "2026-11-21 09:31:28.042Z", "2026-11-21T09:31:60.000Z",
        "1969-12-31T23:59:59.999Z", "", "２026-11-21T09:31:28.042Z", "2026-11-21T09:31:28.0420",
    ])
    func refusesOtherTimes(text: String) {
        #expect(UTCTime(text) == nil)
    }

    @Test(arguments: [
        "20261121T093128Z-1a2b3c4", "20261121T093128Z-1A2B3C4D", "../1121T093128Z-1a2b3c4d", "latest", "",
    ])
    func refusesOtherSnapshotIDs(text: String) {
        #expect(SnapshotID(text) == nil)
    }

    @Test func namesASnapshotByItsBeginning() {
        let time = UTCTime(milliseconds: 1_795_253_488_042)
        #expect(SnapshotID(beganAt: time, salt: 0xAB).text == "20261121T093128Z-000000ab")
        #expect(SnapshotID("20261121T093128Z-000000ab") != nil)
    }

    private static func object(_ json: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    /// A manifest with changed text and the digest that fits it; none if the edit removed its line.
    static func edited(_ manifest: Manifest, _ edit: (String) -> String) throws -> [UInt8] {
        let text = edit(String(decoding: try manifest.rendered(), as: UTF8.self))
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let place = lines.firstIndex(where: { $0.hasPrefix("  \"digest\": ") }) else { return Array(text.utf8) }
        lines.remove(at: place)
        let digest = ContentHash(of: Array(lines.joined(separator: "\n").utf8))
        lines.insert("  \"digest\": \"\(digest)\",", at: place)
        return Array(lines.joined(separator: "\n").utf8)
    }
}
