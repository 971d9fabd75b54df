import Foundation
import QuireCore
import QuireStorage
import Testing

/// Single flipped bits at many places, drawn from a seed: each is reported by name, or changes nothing that was stored.
@Suite struct DoctorFlipTests {
    private static func rows(of path: String) throws -> [PartitionRow] {
        var rows: [PartitionRow] = []
        try PartitionImageReader(path: path).forEachRow { rows.append($0) }
        return rows
    }

    @Test func everyFlipInAPartitionFileIsNamedOrHarmless() async throws {
        let fixture = try await DoctorFixture()
        defer { fixture.storage.remove() }
        let file = "partitions/5.db"
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture.path(file))))
        let rows = try Self.rows(of: fixture.path(file))
        var generator = SplitMix(seed: 20_261_125)
        var named = 0
        for _ in 0..<120 {
            let place = Int.random(in: whole.indices, using: &generator)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            try fixture.change(file) { bytes in
                bytes = whole
                bytes[place] ^= bit
            }
            let report = try fixture.examine()
            let damage = report.findings(of: .damage)
            if damage.isEmpty {
                #expect(report.replicas.sound == 8)
                #expect(try Self.rows(of: fixture.path(file)) == rows, "byte \(place), bit \(bit)")
            } else {
                #expect(damage.map(\.file) == [file], "byte \(place), bit \(bit)")
                named += 1
            }
        }
        // Most of a file is rows.
        #expect(named > 60, "\(named) of 120")
    }

    @Test func everyFlipInTheLogIsNamed() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        let name = try #require(try fixture.storage.names(in: "log").last { $0.hasPrefix("1-") })
        let file = "log/\(name)"
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture.path(file))))
        var generator = SplitMix(seed: 20_261_126)
        for _ in 0..<120 {
            let place = Int.random(in: whole.indices, using: &generator)
            try fixture.change(file) { bytes in
                bytes = whole
                bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            }
            let findings = try fixture.examine(isQuick: true).findings.filter { $0.file == file }
            #expect(findings.count == 1, "byte \(place)")
            let matters: [DirectoryFinding.Matter] = [.logDamaged, .logTornTail]
            #expect(findings.allSatisfy { matters.contains($0.matter) }, "byte \(place)")
        }
    }

    @Test func everyFlipInAWALIsNamedOrHarmless() async throws {
        let fixture = try await DoctorFixture(isClean: false)
        defer { fixture.storage.remove() }
        try fixture.storage.start()
        for request in 901...904 {
            _ = await fixture.storage.run(fixture.storage.mint(fixture.key(2, in: 5), "v", request: UInt64(request)))
            try await fixture.storage.engine.flush(PartitionID(5))
        }
        fixture.storage.engine.abandon()
        let file = "partitions/5.db-wal"
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture.path(file))))
        var generator = SplitMix(seed: 20_261_127)
        // The last commit is not told from one that was never synced.
        let lastCommitBytes = 8 * (4096 + 24)
        for _ in 0..<60 {
            let place = Int.random(in: 0..<whole.count - lastCommitBytes, using: &generator)
            try fixture.change(file) { bytes in
                bytes = whole
                bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            }
            let damage = try fixture.examine().findings(of: .damage)
            // The sequence number of checkpoints in the header is covered by its checksum, too.
            #expect(damage.map(\.file) == ["partitions/5.db"], "byte \(place) of \(whole.count)")
        }
    }
}
