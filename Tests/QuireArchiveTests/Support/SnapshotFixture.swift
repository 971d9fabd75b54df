import QuireCore
import QuireStorage

@testable import QuireArchive

/// A repository with one snapshot of a small cluster, the same in every run.
struct SnapshotFixture {
    static let clusterID = "00112233445566778899aabbccddeeff"
    static let layoutJSON = Array(#"{"clusterID":"00112233445566778899aabbccddeeff","version":3}"#.utf8)
    static let node = NodeID(rawValue: 0xA1)

    let directory: TemporaryDirectory
    let repository: DirectoryRepository
    let manifest: Manifest
    let records: [PartitionID: [KeyedRecord]]

    /// - Parameter keyCount: Spread over 8 partitions by their slots.
    init(keyCount: Int = 40) throws {
        let directory = try TemporaryDirectory()
        let repository = try DirectoryRepository.open(at: directory("repository"), createIfMissing: true)
        let records = Self.records(keyCount: keyCount)
        self.directory = directory
        self.repository = repository
        self.records = records
        self.manifest = try Self.publish(records, in: repository, scratch: directory.path)
    }

    static let partitionCount = PartitionCount(8)!

    static func identity(_ partition: PartitionID) -> PartitionIdentity {
        PartitionIdentity(clusterID: Self.clusterID, partition: partition, partitionCount: Self.partitionCount)
    }

    /// Stores the images of these records and publishes a snapshot of them.
    static func publish(
        _ records: [PartitionID: [KeyedRecord]],
        in repository: DirectoryRepository,
        scratch: String,
        beganAt: UTCTime = UTCTime(milliseconds: 1_795_253_488_042),
        salt: UInt32 = 0x1A2B_3C4D,
        level: Int32 = Zstandard.standardLevel
    ) throws -> Manifest {
        let entries = try Self.partitionCount.partitions.map { partition in
            let path = "\(scratch)/\(partition).image"
            try Self.writeImage(records[partition] ?? [], partition, to: path)
            let object = try repository.storeImage(at: path, identity: Self.identity(partition), level: level)
            return Manifest.Partition(
                partition: partition,
                object: object,
                consulted: object.map { [Manifest.Consulted(node: Self.node, root: $0.keyedRoot)] } ?? []
            )
        }
        let manifest = Self.manifest(entries, beganAt: beganAt, salt: salt)
        try repository.publish(manifest, layoutJSON: Self.layoutJSON)
        return manifest
    }

    static func manifest(_ entries: [Manifest.Partition], beganAt: UTCTime, salt: UInt32) -> Manifest {
        let endpoint = Endpoint(host: "127.0.0.1", port: 7381)
        return Manifest(
            snapshot: SnapshotID(beganAt: beganAt, salt: salt),
            clusterID: Self.clusterID,
            quireVersion: "1.0.0",
            beganAt: beganAt,
            endedAt: UTCTime(milliseconds: beganAt.milliseconds + 1500),
            promise: .quorum,
            partitionCount: Self.partitionCount,
            quorums: QuorumSettings(),
            layout: Manifest.LayoutReference(version: LayoutVersion(3), json: Self.layoutJSON),
            members: [
                Member(id: Self.node, name: "one", zone: "a", peer: endpoint, proxy: endpoint, http: endpoint)
            ],
            partitions: entries,
            annotations: ["reason": "test / \"quoted\" ü"]
        )
    }

    /// Values, siblings, tombstones and expiries; some keys and values are not text; partition 7 stays empty.
    static func records(keyCount: Int) -> [PartitionID: [KeyedRecord]] {
        var records: [PartitionID: [KeyedRecord]] = [:]
        for index in 0..<keyCount {
            guard let key = Key(Array("\(index * 7919) key".utf8) + (index % 5 == 0 ? [0, 0xFF, 0x0A] : [])) else {
                continue
            }
            let partition = Self.partitionCount.partition(of: key)
            guard partition.rawValue != 7 else { continue }
            records[partition, default: []].append(KeyedRecord(key: key, record: Self.record(index)))
        }
        return records
    }

    private static func record(_ index: Int) -> Record {
        var record = Record()
        for sibling in 0...(index % 3) {
            let isTombstone = index % 7 == 6 && sibling == 0
            record.mint(
                Version(
                    dot: Dot(
                        actor: ActorID(rawValue: 0xF000_0000_0000_0001 + UInt64(sibling)),
                        counter: UInt64(index + 1)
                    ),
                    timestamp: HybridTimestamp(
                        wallMilliseconds: 1_795_253_000_000 + UInt64(index),
                        logical: UInt16(3 - sibling)
                    ),
                    request: RequestID(high: UInt64(index), low: UInt64(sibling)),
                    value: isTombstone
                        ? nil : index % 4 == 0 ? [0, 1, 0xFE, UInt8(sibling)] : Array("v\(index).\(sibling)".utf8),
                    expiryMilliseconds: index % 6 == 5 ? 253_000_000_000_000 : nil
                ),
                superseding: .context(VersionVector())
            )
        }
        return record
    }

    /// Writes an image as storage does: rows, Merkle leaves and counts in the schema of a partition file.
    static func writeImage(_ records: [KeyedRecord], _ partition: PartitionID, to path: String) throws {
        try Disk.remove(path)
        let database = try SQLiteDatabase(path: path, mode: .create)
        try database.execute("PRAGMA page_size=4096; PRAGMA journal_mode=DELETE; BEGIN")
        for statement in PartitionSchema.statements {
            try database.execute(statement)
        }
        let digester = RecordDigester(secret: Array("secret".utf8))
        var leaves = MerkleLeaves()
        var tally = RecordTally()
        let insert = try database.prepare("INSERT INTO entries(hash, key, record) VALUES (?1, ?2, ?3)")
        for entry in records {
            let encoded = entry.record.encoded()
            insert.bind(PartitionSchema.column(entry.key.hash), at: 1)
            try insert.bind(entry.key.bytes, at: 2)
            try insert.bind(encoded, at: 3)
            try insert.run()
            leaves.replace(0, with: digester.digest(key: entry.key, encodedRecord: encoded), at: entry.key.hash)
            tally += RecordTally(of: entry.record)
        }
        let leaf = try database.prepare("INSERT INTO leaves(leaf, sum) VALUES (?1, ?2)")
        for (index, sum) in leaves.sums.enumerated() where sum != 0 {
            var bytes: [UInt8] = []
            bytes.appendBigEndian(sum)
            leaf.bind(Int64(index), at: 1)
            try leaf.bind(bytes, at: 2)
            try leaf.run()
        }
        try database.execute(
            """
            INSERT INTO meta(name, value) VALUES ('format_version', 1), ('cluster_id', '\(Self.clusterID)'),
            ('partition', \(partition)), ('partition_count', \(Self.partitionCount.rawValue)), ('actor', ''),
            ('actor_counter', 0), ('actor_lineage', ''), ('record_count', \(tally.records)),
            ('live_count', \(tally.live)), ('expiring_count', \(tally.expiring)); COMMIT
            """
        )
        database.close()
    }
}
