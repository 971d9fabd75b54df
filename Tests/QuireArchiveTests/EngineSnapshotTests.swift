import Foundation
import QuireArchive
import QuireCore
import QuireStorage
import Testing

/// From the storage engine of one node through an archive into the storage engine of another.
@Suite struct EngineSnapshotTests {
    private static let secret = Array("cluster secret".utf8)

    private let directory: TemporaryDirectory

    init() throws {
        self.directory = try TemporaryDirectory()
    }

    @Test func carriesEveryRecordFromOneEngineToAnother() async throws {
        let source = try self.engine("source")
        let records = SnapshotFixture.records(keyCount: 300)
        for (partition, entries) in records {
            try await Self.merge(entries, into: partition, of: source)
        }
        let repository = try DirectoryRepository.open(at: self.directory("repository"), createIfMissing: true)
        let manifest = try await self.snapshot(source, into: repository)
        try await source.stop()
        #expect(manifest.totals.records == records.values.reduce(0) { $0 + $1.count })

        let snapshot = try VerifiedSnapshot(manifest.snapshot, in: repository)
        let target = try self.engine("target")
        for partition in try snapshot.partitions() {
            let path = target.incomingPath(named: "\(partition).archive")
            try FileManager.default.copyItem(atPath: try #require(try snapshot.imagePath(of: partition)), toPath: path)
            try await target.install(partition, imageAt: path)
        }
        for object in manifest.objects {
            let seal = try #require(try await target.seal(object.partition))
            #expect(ContentHash(digestBytes: seal.leaves.root) == object.keyedRoot)
            #expect(seal.tally.records == object.recordCount && seal.tally.live == object.liveKeyCount)
        }
        try await target.stop()
    }

    @Test func reusesTheObjectsOfPartitionsThatDidNotChange() async throws {
        let engine = try self.engine("source")
        let records = SnapshotFixture.records(keyCount: 100)
        for (partition, entries) in records {
            try await Self.merge(entries, into: partition, of: engine)
        }
        let repository = try DirectoryRepository.open(at: self.directory("repository"), createIfMissing: true)
        let first = try await self.snapshot(engine, into: repository)
        let changed = PartitionID(3)
        var record = Record()
        record.mint(Self.version, superseding: .older)
        let entry = KeyedRecord(key: try #require(Self.key(of: changed)), record: record)
        try await Self.merge([entry], into: changed, of: engine)
        let second = try await self.snapshot(engine, into: repository, beganAt: 1_795_253_600_000)
        try await engine.stop()
        #expect(second.parent == first.snapshot)
        #expect(second.partitions.filter { $0.object != nil && !$0.isReused }.map(\.partition) == [changed])
        #expect(try repository.verify(second.snapshot).isIntact)
    }

    /// What a node does, with one replica to consult.
    private func snapshot(
        _ engine: StorageEngine,
        into repository: DirectoryRepository,
        beganAt: UInt64 = 1_795_253_488_000
    ) async throws -> Manifest {
        let previous = try PreviousObjects(in: repository, clusterID: SnapshotFixture.clusterID)
        var entries: [Manifest.Partition] = []
        for partition in SnapshotFixture.partitionCount.partitions {
            guard let seal = try await engine.seal(partition) else {
                entries.append(Manifest.Partition(partition: partition, object: nil))
                continue
            }
            let root = try #require(ContentHash(digestBytes: seal.leaves.root))
            let reused = try previous.previousObject(
                for: partition,
                keyedRoot: root,
                recordCount: seal.tally.records
            )
            let object = if let reused { reused } else { try await Self.store(seal, of: engine, in: repository) }
            #expect(object.keyedRoot == root)
            let consulted = [Manifest.Consulted(node: SnapshotFixture.node, root: root)]
            entries.append(
                Manifest.Partition(partition: partition, object: object, isReused: reused != nil, consulted: consulted)
            )
            try await engine.unseal(seal)
        }
        var manifest = SnapshotFixture.manifest(entries, beganAt: UTCTime(milliseconds: beganAt), salt: 1)
        manifest.parent = previous.parent
        try repository.publish(manifest, layoutJSON: SnapshotFixture.layoutJSON)
        return manifest
    }

    private static func store(
        _ seal: SealedImage,
        of engine: StorageEngine,
        in repository: DirectoryRepository
    ) async throws -> StoredObject {
        let intake = try ImageIntake(for: repository)
        for index in 0..<seal.blockCount {
            try intake.append(try await engine.readBlock(seal, index))
        }
        return try #require(try intake.store(as: SnapshotFixture.identity(seal.partition)))
    }

    private func engine(_ name: String) throws -> StorageEngine {
        let random = SequenceOfNumbers()
        return try StorageEngine(
            StorageConfiguration(
                directory: self.directory(name),
                clusterID: SnapshotFixture.clusterID,
                partitionCount: SnapshotFixture.partitionCount,
                digester: RecordDigester(secret: Self.secret),
                now: { 1_795_253_488_000 },
                random: { random.next() }
            )
        )
    }

    private static func merge(
        _ entries: [KeyedRecord],
        into partition: PartitionID,
        of engine: StorageEngine
    ) async throws {
        let sink = FirstOutcome()
        let outcome = await withCheckedContinuation { continuation in
            sink.continuation = continuation
            engine.submit([(token: 1, command: .mergeBatch(.replica(partition), entries))], sink: sink)
        }
        guard case .durable = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    private static let version = Version(
        dot: Dot(actor: ActorID(rawValue: 77), counter: 1),
        timestamp: HybridTimestamp(wallMilliseconds: 1_795_253_500_000),
        request: RequestID(high: 7, low: 7),
        value: Array("changed".utf8)
    )

    private static func key(of partition: PartitionID) -> Key? {
        (0..<1000).lazy.compactMap { Key("new-\($0 * 7919)") }
            .first { SnapshotFixture.partitionCount.partition(of: $0) == partition }
    }
}

/// Gives the outcome of one command to the one who waits.
private final class FirstOutcome: StorageSink, @unchecked Sendable {
    // `@unchecked`: set before the command is submitted, used once by the shard that completes it.
    var continuation: CheckedContinuation<StorageOutcome, Never>?

    func deliver(_ completions: [StorageCompletion]) {
        guard let outcome = completions.first?.outcome else { return }
        self.continuation?.resume(returning: outcome)
        self.continuation = nil
    }
}

/// Numbers for actors: distinct, and the same in every run.
private final class SequenceOfNumbers: @unchecked Sendable {
    // `@unchecked`: only touched under the lock.
    private let lock = NSLock()
    private var last: UInt64 = 0x5EED

    func next() -> UInt64 {
        self.lock.withLock {
            self.last += 0x0101_0101
            return self.last
        }
    }
}
