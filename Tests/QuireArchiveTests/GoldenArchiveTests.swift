import Foundation
import QuireCore
import QuireStorage
import Testing

@testable import QuireArchive

/// Archives of every released format version stay readable for ever.
///
/// The golden file was exported from `SnapshotFixture(keyCount: 60)`; `QUIRE_WRITE_GOLDEN=1 swift test --filter
/// GoldenArchiveTests` writes it anew, which only a format that was never released justifies.
@Suite struct GoldenArchiveTests {
    private static let golden = "\(ShellResult.archives)/golden/format-1.tar"
    private static let keyCount = 60

    @Test(.enabled(if: ProcessInfo.processInfo.environment["QUIRE_WRITE_GOLDEN"] != nil))
    func writesTheGoldenArchive() throws {
        let fixture = try SnapshotFixture(keyCount: Self.keyCount)
        try fixture.repository.export(fixture.manifest.snapshot, to: Self.golden)
        #expect(FileManager.default.fileExists(atPath: Self.golden))
    }

    @Test func readsFormatOne() throws {
        let fixture = try SnapshotFixture(keyCount: Self.keyCount)
        let target = try DirectoryRepository.open(at: fixture.directory("target"), createIfMissing: true)
        let manifest = try target.importSnapshot(from: Self.golden)
        #expect(try target.verify(manifest.snapshot).isIntact)
        #expect(manifest.clusterID == SnapshotFixture.clusterID)
        #expect(manifest.promise == .quorum)
        let snapshot = try VerifiedSnapshot(manifest.snapshot, in: target)
        #expect(snapshot.layoutJSON == SnapshotFixture.layoutJSON)
        #expect(manifest.totals.records == fixture.records.values.reduce(0) { $0 + $1.count })
        for partition in manifest.partitionCount.partitions {
            let page = try snapshot.page(of: partition, after: nil, limit: PageLimit(records: 1000))
            let expected = (fixture.records[partition] ?? []).sorted {
                ScanPosition(key: $0.key) < ScanPosition(key: $1.key)
            }
            #expect(page.rows.map(\.key) == expected.map(\.key))
            #expect(page.rows.map(\.record) == expected.map(\.record))
            #expect(page.isLast)
        }
    }

    @Test func readsFormatOneByHand() throws {
        let script = "\(ShellResult.archives)/restore-by-hand"
        let result = try ShellResult([script, Self.golden, "latest", "all"])
        #expect(result.exitCode == 0, "\(result.errors)")
        let fixture = try SnapshotFixture(keyCount: Self.keyCount)
        #expect(result.output.split(separator: "\n").count == fixture.manifest.totals.liveKeys)
    }
}
