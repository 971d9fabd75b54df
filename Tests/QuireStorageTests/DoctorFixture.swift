import Crypto
import Foundation
import QuireCore
import QuireStorage
import Testing

/// A stopped data directory with records in every partition and hints, to be damaged and examined.
final class DoctorFixture {
    static let recordsPerPartition = 40
    let storage: StorageFixture
    let now: UInt64 = 1_700_000_100_000
    private var keys: [Int: [Key]] = [:]

    /// - Parameter isClean: Whether the engine stops, or ends as by a kill, with WALs and a log.
    init(isClean: Bool = true) async throws {
        self.storage = try StorageFixture { $0.shardCount = 2 }
        for partition in 0..<8 {
            let keys = (0..<Self.recordsPerPartition).map { self.storage.key($0, in: partition) }
            self.keys[partition] = keys
            _ = await self.storage.run(
                keys.enumerated().map {
                    self.storage.mint($1, "value \($0) " + String(repeating: "v", count: 600), request: UInt64($0 + 1))
                }
            )
        }
        _ = await self.storage.run(.merge(.hints(PartitionID(3)), self.storage.key(0, in: 3), foreignRecord("hint")))
        for partition in 0..<8 { try await self.storage.engine.flush(PartitionID(partition)) }
        try await self.storage.engine.flush(.hints(PartitionID(3)))
        if isClean {
            try await self.storage.engine.stop()
        } else {
            _ = await self.storage.run(self.storage.mint(self.keys[1]![0], "later", request: 900))
            self.storage.engine.abandon()
        }
    }

    var directory: String { self.storage.directory }

    func key(_ number: Int, in partition: Int) -> Key { self.keys[partition]![number] }

    func path(_ relative: String) -> String { "\(self.directory)/\(relative)" }

    // MARK: Examination

    func examine(
        isQuick: Bool = false,
        hasKey: Bool = true,
        isOfKnownCluster: Bool = true
    ) throws -> DirectoryReport {
        var examination = DirectoryExamination(
            path: self.directory,
            scratchDirectory: NSTemporaryDirectory(),
            now: self.now
        )
        if isOfKnownCluster { examination.cluster = (StorageFixture.clusterID, self.storage.partitionCount) }
        examination.isQuick = isQuick
        examination.digester = hasKey ? StorageFixture.digester : nil
        let lease = try DirectoryLease(of: self.directory)
        return try withExtendedLifetime(lease) { try examination.run() }
    }

    /// Examines, and asserts that this changed nothing in the directory.
    func examineUnchanged(isQuick: Bool = false, hasKey: Bool = true) throws -> DirectoryReport {
        let before = try self.listing()
        let report = try self.examine(isQuick: isQuick, hasKey: hasKey)
        #expect(try self.listing() == before)
        return report
    }

    func repair(_ report: DirectoryReport, hasKey: Bool = true) throws -> [DirectoryRepair.Outcome] {
        let lease = try DirectoryLease(of: self.directory)
        return withExtendedLifetime(lease) {
            DirectoryRepair(
                path: self.directory,
                scratchDirectory: NSTemporaryDirectory(),
                digester: hasKey ? StorageFixture.digester : nil,
                now: self.now
            ).run(report)
        }
    }

    /// Every file below the directory with its size, its hash and the time of its last change.
    func listing() throws -> [String: String] {
        var listing: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: self.directory) {
            let attributes = try FileManager.default.attributesOfItem(atPath: self.path(name))
            let changed = attributes[.modificationDate].map { "\($0)" } ?? "?"
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                listing[name] = "directory, \(changed)"
                continue
            }
            let bytes = try Data(contentsOf: URL(fileURLWithPath: self.path(name)))
            listing[name] = "\(bytes.count) bytes, \(SHA256.hash(data: bytes)), \(changed)"
        }
        return listing
    }

    // MARK: Damage

    func change(_ relative: String, _ body: (inout [UInt8]) throws -> Void) throws {
        let url = URL(fileURLWithPath: self.path(relative))
        var bytes = [UInt8](try Data(contentsOf: url))
        try body(&bytes)
        try Data(bytes).write(to: url)
    }

    /// The first page of a B-tree of the database, 1 for the schema's.
    func rootPage(of name: String, in relative: String) throws -> Int {
        let database = try SQLiteDatabase(path: self.path(relative), mode: .immutable)
        return Int(try #require(try database.integer("SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'")))
    }

    /// Flips a byte within the record of a key, where it lies in the file.
    func flipValue(in partition: Int) throws {
        try self.change("partitions/\(partition).db") { bytes in
            let needle = Array("value 7 vvvv".utf8)
            let place = try #require(
                bytes.indices.first {
                    $0 + needle.count <= bytes.count && bytes[$0..<$0 + needle.count].elementsEqual(needle)
                }
            )
            bytes[place] ^= 0x20
        }
    }

    /// Changes one hash in the index: the tree stays well-formed, but a key is not found any more.
    func flipIndexEntry(in partition: Int) throws {
        let relative = "partitions/\(partition).db"
        let start = (try self.rootPage(of: "entries_hash", in: relative) - 1) * 4096
        try self.change(relative) { bytes in
            try #require(bytes[start] == 10, "the index is one leaf page")
            let cell = start + Int(bytes[start + 8]) << 8 + Int(bytes[start + 9])
            // The last byte of the 8-byte hash, behind payload size, header size and two types.
            bytes[cell + 4 + 7] ^= 1
        }
    }
}
