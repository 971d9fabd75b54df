import Crypto
import QuireCore
import Testing

@Suite struct MerkleLeavesTests {
    private let digester = RecordDigester(secret: Array(1...32))

    private func entries(_ count: Int) throws -> [(hash: KeyHash, digest: UInt128)] {
        try (0..<count).map { index in
            let key = try #require(Key("key\(index)"))
            var record = Record()
            record.mint(.of(1, UInt64(index) + 1), superseding: .older)
            return (key.hash, self.digester.digest(key: key, encodedRecord: record.encoded()))
        }
    }

    @Test func theOrderOfUpdatesDoesNotMatter() throws {
        let entries = try self.entries(500)
        var random = SeededGenerator(seed: 3)
        var forwards = MerkleLeaves()
        var shuffled = MerkleLeaves()
        for entry in entries { forwards.replace(0, with: entry.digest, at: entry.hash) }
        for entry in entries.shuffled(using: &random) { shuffled.replace(0, with: entry.digest, at: entry.hash) }
        #expect(forwards == shuffled)
        #expect(forwards.root == shuffled.root)
        #expect(forwards.root != MerkleLeaves().root)
    }

    @Test func removingARecordLeavesNoTrace() throws {
        let entries = try self.entries(10)
        var leaves = MerkleLeaves()
        for entry in entries { leaves.replace(0, with: entry.digest, at: entry.hash) }
        for entry in entries { leaves.replace(entry.digest, with: 0, at: entry.hash) }
        #expect(leaves == MerkleLeaves())
    }

    @Test func differencesNameExactlyTheLeavesOfTheKeysThatDiffer() throws {
        let entries = try self.entries(300)
        var here = MerkleLeaves()
        var there = MerkleLeaves()
        for (index, entry) in entries.enumerated() {
            here.replace(0, with: entry.digest, at: entry.hash)
            if index % 50 != 0 { there.replace(0, with: entry.digest, at: entry.hash) }
        }
        let missing = entries.indices.filter { $0 % 50 == 0 }.map { MerkleLeaves.leaf(of: entries[$0].hash) }
        #expect(here.differences(from: there) == Set(missing).sorted())
        #expect(here.differences(from: here).isEmpty)
    }

    /// SAFETY rule 19: without the cluster's secret nobody predicts a digest.
    @Test func digestsDependOnTheSecretTheKeyAndTheRecord() throws {
        let key = try #require(Key("k"))
        let digest = self.digester.digest(key: key, encodedRecord: [1, 2])
        #expect(RecordDigester(secret: Array(2...33)).digest(key: key, encodedRecord: [1, 2]) != digest)
        #expect(self.digester.digest(key: try #require(Key("l")), encodedRecord: [1, 2]) != digest)
        #expect(self.digester.digest(key: try #require(Key([UInt8(ascii: "k"), 1])), encodedRecord: [2]) != digest)
        #expect(self.digester.digest(key: key, encodedRecord: [1, 2]) == digest)
    }

    @Test(arguments: [0, 1, 32, 63, 64, 65, 200]) func digestsAreTheFirstHalfOfHMACSHA256(secretBytes: Int) throws {
        let secret = (0..<secretBytes).map { UInt8(truncatingIfNeeded: $0 * 3 + 1) }
        let key = try #require(Key("some key"))
        for record in [[], [7], [UInt8](repeating: 3, count: 5000)] {
            let code = HMAC<SHA256>.authenticationCode(
                for: [0, 8] + key.bytes + record,
                using: SymmetricKey(data: secret)
            )
            let expected = code.prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
            #expect(RecordDigester(secret: secret).digest(key: key, encodedRecord: record) == expected)
        }
    }

    @Test func leavesCutTheHashesIntoEqualRanges() {
        #expect(MerkleLeaves.leaf(of: KeyHash(rawValue: 0)) == 0)
        #expect(MerkleLeaves.leaf(of: KeyHash(rawValue: .max)) == 1023)
        #expect(MerkleLeaves.leaf(of: KeyHash(rawValue: 1 << 54)) == 1)
        #expect(MerkleLeaves(sums: [1]) == nil)
    }
}
