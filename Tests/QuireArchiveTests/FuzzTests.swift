import Foundation
import QuireCore
import Testing

@testable import QuireArchive

/// Seeded mutations of everything that is parsed: never a crash, never other content than what was written.
@Suite struct FuzzTests {
    @Test(arguments: 0..<4 as Range<UInt64>)
    func acceptsNoMutatedManifest(seed: UInt64) throws {
        let original = try SnapshotFixture(keyCount: 12).manifest.rendered()
        var generator = SeededGenerator(seed: seed)
        for round in 0..<400 {
            let mutated = Self.mutated(original, &generator)
            guard mutated != original else { continue }
            #expect(throws: ArchiveError.self, "seed \(seed) round \(round)") {
                try Manifest(rendered: mutated, path: "m")
            }
        }
    }

    /// With a digest that fits, a mutation may be another valid manifest; it must then be equal to what it renders.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func readsNoNonsenseBehindAFittingDigest(seed: UInt64) throws {
        let manifest = try SnapshotFixture(keyCount: 12).manifest
        var generator = SeededGenerator(seed: seed ^ 0xF00D)
        var refusals = 0
        for round in 0..<300 {
            let bytes = try ManifestTests.edited(manifest) { text in
                String(decoding: Self.mutated(Array(text.utf8), &generator), as: UTF8.self)
            }
            do {
                let read = try Manifest(rendered: bytes, path: "m")
                #expect(try Manifest(rendered: read.rendered(), path: "m") == read, "seed \(seed) round \(round)")
            } catch is ArchiveError {
                refusals += 1
            }
        }
        #expect(refusals > 100)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func acceptsNoMutatedMarker(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        _ = try DirectoryRepository.open(at: directory("r"), createIfMissing: true)
        let original = Array(DirectoryRepository.marker.utf8)
        var generator = SeededGenerator(seed: seed ^ 0xBEEF)
        for round in 0..<200 {
            let mutated = Self.mutated(original, &generator)
            guard mutated != original else { continue }
            try writeBytes(mutated, directory("r/repo.json"))
            #expect(throws: ArchiveError.self, "seed \(seed) round \(round)") {
                try DirectoryRepository.open(at: directory("r"))
            }
        }
    }

    /// Bytes between members carry nothing, so a mutation there may go unseen; what is imported is then the original.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func importsNothingElseFromAMutatedTar(seed: UInt64) throws {
        let fixture = try SnapshotFixture(keyCount: 6)
        try fixture.repository.export(fixture.manifest.snapshot, to: fixture.directory("s.tar"))
        let original = try readBytes(fixture.directory("s.tar"))
        var generator = SeededGenerator(seed: seed ^ 0x7A12)
        var refusals = 0
        for round in 0..<60 {
            try writeBytes(Self.mutated(original, &generator), fixture.directory("s.tar"))
            let target = try DirectoryRepository.open(at: fixture.directory("t\(round)"), createIfMissing: true)
            do {
                #expect(try target.importSnapshot(from: fixture.directory("s.tar")) == fixture.manifest)
                #expect(try target.verify(fixture.manifest.snapshot).isIntact, "seed \(seed) round \(round)")
            } catch is ArchiveError {
                refusals += 1
                #expect(try target.list().isEmpty, "seed \(seed) round \(round)")
            }
        }
        #expect(refusals > 30)
    }

    /// Flips, cuts, repeats, swaps or overwrites a few places.
    private static func mutated(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0...2, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 1...600, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 4: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return bytes
    }
}
