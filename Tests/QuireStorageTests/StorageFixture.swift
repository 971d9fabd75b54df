import Foundation
import QuireCore
import QuireStorage

/// A data directory with an engine on it that can be stopped, killed and started again.
final class StorageFixture {
    let directory: String
    let faults = StorageFaults()
    let clock = ManualClock()
    let partitionCount: PartitionCount
    var adjust: (inout StorageConfiguration) -> Void
    private(set) var engine: StorageEngine
    private static let ids = Counter()

    static let clusterID = "0123456789abcdef0123456789abcdef"
    static let digester = RecordDigester(secret: Array("secret of the tests".utf8))

    init(
        partitionCount: Int = 8,
        adjust: @escaping (inout StorageConfiguration) -> Void = { _ in }
    ) throws {
        let name = "quire-storage-\(ProcessInfo.processInfo.processIdentifier)-\(Self.ids.next())"
        self.directory = NSTemporaryDirectory() + "/" + name
        self.partitionCount = PartitionCount(partitionCount)!
        self.adjust = adjust
        self.engine = try StorageEngine(
            Self.configuration(
                directory: self.directory,
                partitionCount: self.partitionCount,
                clock: self.clock,
                faults: self.faults,
                adjust: adjust
            )
        )
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: self.directory)
    }

    var configuration: StorageConfiguration {
        Self.configuration(
            directory: self.directory,
            partitionCount: self.partitionCount,
            clock: self.clock,
            faults: self.faults,
            adjust: self.adjust
        )
    }

    /// Starts an engine on the directory of the one that has ended.
    func start() throws {
        self.engine = try StorageEngine(self.configuration)
    }

    /// Ends as a crash would, then starts again.
    func crash() throws {
        self.engine.abandon()
        try self.start()
    }

    func restart() async throws {
        try await self.engine.stop()
        try self.start()
    }

    static func configuration(
        directory: String,
        partitionCount: PartitionCount,
        clock: ManualClock,
        faults: StorageFaults,
        adjust: (inout StorageConfiguration) -> Void
    ) -> StorageConfiguration {
        var configuration = StorageConfiguration(
            directory: directory,
            clusterID: Self.clusterID,
            partitionCount: partitionCount,
            digester: Self.digester,
            now: { clock.now },
            random: { UInt64.random(in: 1...UInt64.max) }
        )
        configuration.faults = faults
        configuration.retryMilliseconds = 0
        adjust(&configuration)
        return configuration
    }

    // MARK: Commands

    /// Submits commands together and waits for the last answer to each.
    func run(_ commands: [StorageCommand]) async -> [[StorageOutcome]] {
        await CollectingSink.run(commands, on: self.engine)
    }

    func run(_ command: StorageCommand) async -> StorageOutcome? {
        await self.run([command]).first?.last
    }

    func read(_ key: Key) async -> Record? {
        await self.read(key, in: .replica(self.partition(of: key)))
    }

    func read(_ key: Key, in store: StoreID) async -> Record? {
        guard case .record(let record) = await self.run(.read(store, key)) else { return nil }
        return record
    }

    func partition(of key: Key) -> PartitionID {
        self.partitionCount.partition(of: key)
    }

    func mint(_ key: Key, _ value: String?, request: UInt64, timestamp: UInt64? = nil) -> StorageCommand {
        self.mint(key, value, request: request, timestamp: timestamp, in: .replica(self.partition(of: key)))
    }

    func mint(
        _ key: Key,
        _ value: String?,
        request: UInt64,
        timestamp: UInt64? = nil,
        in store: StoreID
    ) -> StorageCommand {
        .mint(
            store,
            MintRequest(
                key: key,
                value: value.map { Array($0.utf8) },
                supersession: .older,
                timestamp: HybridTimestamp(rawValue: timestamp ?? request),
                request: RequestID(high: 1, low: request)
            )
        )
    }

    /// A key of the given partition.
    func key(_ number: Int, in partition: Int) -> Key {
        var salt = 0
        while true {
            let key = Key("key-\(number)-\(salt)")!
            if self.partition(of: key).rawValue == partition { return key }
            salt += 1
        }
    }

    /// Every record of a partition, by scanning with small pages.
    func scan(_ partition: Int, pageRecords: Int = 7) async -> [KeyedRecord] {
        await self.scan(.replica(PartitionID(partition)), pageRecords: pageRecords)
    }

    func scan(_ store: StoreID, pageRecords: Int = 7) async -> [KeyedRecord] {
        var records: [KeyedRecord] = []
        var position: ScanPosition?
        while true {
            let limit = PageLimit(records: pageRecords)
            let outcome = await self.run(.scan(store, after: position, limit: limit))
            guard case .page(let page, let isLast) = outcome else { return records }
            records += page
            position = page.last.map { ScanPosition(key: $0.key) }
            if isLast { return records }
        }
    }

    func leaves(_ partition: Int) async -> MerkleLeaves? {
        await self.leaves(of: .replica(PartitionID(partition)))
    }

    func leaves(of store: StoreID) async -> MerkleLeaves? {
        guard case .leaves(let leaves) = await self.run(.leaves(store)) else { return nil }
        return leaves
    }

    func drop(_ key: Key, _ record: Record, in store: StoreID) async -> StorageOutcome? {
        await self.run(.dropBatch(store, [KeyedRecord(key: key, record: record)]))
    }

    /// Names in a directory of the data directory.
    func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.directory + "/" + directory).sorted()
    }

    static func leaves(of records: [KeyedRecord]) -> MerkleLeaves {
        var leaves = MerkleLeaves()
        for keyed in records {
            let digest = Self.digester.digest(key: keyed.key, encodedRecord: keyed.record.encoded())
            leaves.replace(0, with: digest, at: keyed.key.hash)
        }
        return leaves
    }
}

/// A record with one version, as another replica would send it.
func foreignRecord(_ value: String, actor: UInt64 = 77, counter: UInt64 = 1) -> Record {
    var record = Record()
    record.mint(
        Version(
            dot: Dot(actor: ActorID(rawValue: actor), counter: counter),
            timestamp: HybridTimestamp(rawValue: counter),
            request: RequestID(high: actor, low: counter),
            value: Array(value.utf8)
        ),
        superseding: .older
    )
    return record
}

extension StorageOutcome {
    var isDurable: Bool {
        if case .durable = self { return true }
        return false
    }

    var mintedDot: Dot? {
        if case .minted(_, let dot) = self { return dot }
        return nil
    }

    var failure: StorageFailure? {
        if case .failed(let failure) = self { return failure }
        return nil
    }
}

/// Collects completions until each command has had its last one.
final class CollectingSink: StorageSink, @unchecked Sendable {
    // `@unchecked`: the stored properties are only touched under the lock.
    private let lock = NSLock()
    private var outcomes: [[StorageOutcome]]
    private var missing: Int
    private var continuation: CheckedContinuation<[[StorageOutcome]], Never>?

    private init(count: Int) {
        self.outcomes = Array(repeating: [], count: count)
        self.missing = count
    }

    static func run(_ commands: [StorageCommand], on engine: StorageEngine) async -> [[StorageOutcome]] {
        let requests = commands.enumerated().map { StorageRequest(token: UInt64($0.offset), command: $0.element) }
        return await self.run(requests, on: engine)
    }

    /// - Parameter requests: Their tokens count from 0.
    static func run(_ requests: [StorageRequest], on engine: StorageEngine) async -> [[StorageOutcome]] {
        let sink = CollectingSink(count: requests.count)
        return await withCheckedContinuation { continuation in
            sink.lock.withLock { sink.continuation = continuation }
            engine.submit(requests, sink: sink)
        }
    }

    func deliver(_ completions: [StorageCompletion]) {
        self.lock.withLock {
            for completion in completions {
                self.outcomes[Int(completion.token)].append(completion.outcome)
                if completion.outcome.mintedDot == nil { self.missing -= 1 }
            }
            if self.missing == 0 {
                self.continuation?.resume(returning: self.outcomes)
                self.continuation = nil
            }
        }
    }
}

/// Milliseconds that pass only when told.
final class ManualClock: @unchecked Sendable {
    // `@unchecked`: the stored property is only touched under the lock.
    private let lock = NSLock()
    private var milliseconds: UInt64 = 1_700_000_000_000

    var now: UInt64 { self.lock.withLock { self.milliseconds } }

    func advance(_ milliseconds: UInt64) {
        self.lock.withLock { self.milliseconds += milliseconds }
    }
}

final class Counter: @unchecked Sendable {
    // `@unchecked`: the stored property is only touched under the lock.
    private let lock = NSLock()
    private var value = 0

    func next() -> Int {
        self.lock.withLock {
            self.value += 1
            return self.value
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
