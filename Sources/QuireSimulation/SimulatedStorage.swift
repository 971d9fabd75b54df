import QuireCore

/// A model of the storage of one node: a dictionary per partition, of which a crash leaves what was synced.
///
/// As in the real shard: `.minted` comes before `.durable`; one sync at a time takes all that was written before it
/// began; a start after a crash mints under fresh actors; a request that was minted already is answered with its dot.
struct SimulatedStorage {
    /// A completion and when it may be told.
    struct Answer {
        let token: UInt64
        let outcome: StorageOutcome
    }

    /// A version came into being.
    struct Minting {
        let key: Key
        let version: Version
        let supersession: Record.Supersession
        let before: Record
    }

    private struct Write {
        let partition: PartitionID
        let keys: [Key]
    }

    private struct Actor {
        var id: ActorID
        var counter: UInt64
    }

    private(set) var live: [PartitionID: [Key: Record]] = [:]
    private(set) var synced: [PartitionID: [Key: Record]] = [:]
    private(set) var mintings: [Minting] = []
    private var actors: [PartitionID: Actor] = [:]
    private var minted: [RequestID: Dot] = [:]
    private var waiting: [(answer: Answer, write: Write)] = []
    private var syncing: (answers: [Answer], image: [PartitionID: [Key: Record]])?
    private let digester = RecordDigester(secret: Array(repeating: 7, count: 32))
    private let mutation: Mutation?
    private var random: SeededGenerator

    init(seed: UInt64, mutation: Mutation?) {
        self.random = SeededGenerator(seed: seed)
        self.mutation = mutation
    }

    var hasUnsynced: Bool { !self.waiting.isEmpty && self.syncing == nil }

    mutating func takeMintings() -> [Minting] {
        defer { self.mintings = [] }
        return self.mintings
    }

    // MARK: Commands

    /// - Returns: what can be answered without a sync.
    mutating func execute(_ command: StorageCommand, token: UInt64) -> [Answer] {
        let answer = { (outcome: StorageOutcome) in [Answer(token: token, outcome: outcome)] }
        switch command {
        case .read(let partition, let key):
            return answer(.record(self.live[partition]?[key]))
        case .mint(let partition, let request):
            let (record, dot) = self.mint(request, in: partition)
            let durable = self.durable([request.key], in: partition, latest: record.latestTimestamp, token: token)
            return answer(.minted(record, dot: dot)) + durable
        case .merge(let partition, let key, let record):
            let latest = self.merge(record, into: key, in: partition).latestTimestamp
            return self.durable([key], in: partition, latest: latest, token: token)
        case .mergeBatch(let partition, let entries):
            for entry in entries {
                _ = self.merge(entry.record, into: entry.key, in: partition)
            }
            return self.durable(entries.map(\.key), in: partition, latest: .zero, token: token)
        case .scan(let partition, let position, let limit):
            return answer(self.page(of: partition, leaf: nil, after: position, limit))
        case .leafEntries(let partition, let leaf, let position, let limit):
            return answer(self.page(of: partition, leaf: leaf, after: position, limit))
        case .leaves(let partition):
            return answer(.leaves(self.leaves(of: partition)))
        case .count(let partition):
            let records = self.live[partition] ?? [:]
            let liveKeys = records.values.count { $0.isLive(atMilliseconds: 0) }
            return answer(.counts(PartitionCounts(records: records.count, liveKeys: liveKeys, bytes: 0)))
        }
    }

    private mutating func mint(_ request: MintRequest, in partition: PartitionID) -> (Record, Dot) {
        var record = self.live[partition]?[request.key] ?? Record()
        if let dot = self.minted[request.request], record.vector.covers(dot) { return (record, dot) }
        if let version = record.version(of: request.request) { return (record, version.dot) }
        var actor = self.actors[partition] ?? Actor(id: ActorID(rawValue: self.random.next()), counter: 0)
        actor.counter += 1
        self.actors[partition] = actor
        let version = Version(
            dot: Dot(actor: actor.id, counter: actor.counter),
            timestamp: request.timestamp,
            request: request.request,
            value: request.value
        )
        self.mintings.append(
            Minting(key: request.key, version: version, supersession: request.supersession, before: record)
        )
        // Only a mutation issues a dot twice; the oracle has seen it, so go on with what is there.
        guard !record.vector.covers(version.dot) else { return (record, version.dot) }
        record.mint(version, superseding: request.supersession)
        self.live[partition, default: [:]][request.key] = record
        self.minted[request.request] = version.dot
        return (record, version.dot)
    }

    private mutating func merge(_ record: Record, into key: Key, in partition: PartitionID) -> Record {
        var merged = (self.live[partition]?[key] ?? Record()).merging(record)
        if self.mutation == .keepsNewestSiblingOnly, let winner = merged.winner {
            merged = Record(vector: merged.vector, siblings: [winner]) ?? merged
        }
        self.live[partition, default: [:]][key] = merged
        return merged
    }

    private mutating func durable(
        _ keys: [Key],
        in partition: PartitionID,
        latest: HybridTimestamp,
        token: UInt64
    ) -> [Answer] {
        let receipt = DurableReceipt(syncedWithLatestTimestamp: latest)
        let answer = Answer(token: token, outcome: .durable(receipt))
        let isEarly = self.mutation == .acknowledgesBeforeSync
        let synced = Answer(token: 0, outcome: .durable(receipt))
        self.waiting.append((isEarly ? synced : answer, Write(partition: partition, keys: keys)))
        return isEarly ? [answer] : []
    }

    // MARK: Reading

    func entries(of partition: PartitionID) -> [KeyedRecord] {
        (self.live[partition] ?? [:]).map { KeyedRecord(key: $0.key, record: $0.value) }
            .map { (ScanPosition(key: $0.key), $0) }
            .sorted { $0.0 < $1.0 }
            .map(\.1)
    }

    private func page(
        of partition: PartitionID,
        leaf: Int?,
        after position: ScanPosition?,
        _ limit: PageLimit
    ) -> StorageOutcome {
        let all = self.entries(of: partition).filter { entry in
            let own = ScanPosition(key: entry.key)
            return position.map { own > $0 } ?? true && leaf.map { MerkleLeaves.leaf(of: own.hash) == $0 } ?? true
        }
        return .page(Array(all.prefix(limit.records)), isLast: all.count <= limit.records)
    }

    private func leaves(of partition: PartitionID) -> MerkleLeaves {
        var leaves = MerkleLeaves()
        for entry in self.entries(of: partition) {
            let digest = self.digester.digest(key: entry.key, encodedRecord: entry.record.encoded())
            leaves.replace(0, with: digest, at: entry.key.hash)
        }
        return leaves
    }

    // MARK: Syncing

    mutating func syncBegan() {
        var image: [PartitionID: [Key: Record]] = [:]
        for (_, write) in self.waiting {
            for key in write.keys {
                image[write.partition, default: [:]][key] = self.live[write.partition]?[key]
            }
        }
        self.syncing = (self.waiting.map(\.answer), image)
        self.waiting = []
    }

    /// - Parameter isGood: `false`: the disk refused; what was written stays in memory, unacknowledged.
    mutating func syncEnded(isGood: Bool) -> [Answer] {
        guard let (answers, image) = self.syncing else { return [] }
        self.syncing = nil
        guard isGood else {
            return answers.map { Answer(token: $0.token, outcome: .failed(.notDurable("simulated disk error"))) }
        }
        for (partition, records) in image {
            self.synced[partition, default: [:]].merge(records) { $1 }
        }
        return answers
    }

    /// An image is synced before it is installed; what was written meanwhile is kept.
    mutating func install(_ entries: [KeyedRecord], in partition: PartitionID) {
        for entry in entries {
            let before = self.synced[partition]?[entry.key] ?? Record()
            self.synced[partition, default: [:]][entry.key] = before.merging(entry.record)
            _ = self.merge(entry.record, into: entry.key, in: partition)
        }
        self.actors[partition] = nil
    }

    /// Moves away what belongs elsewhere.
    mutating func keepOnly(_ partitions: [PartitionID]) {
        self.live = self.live.filter { partitions.contains($0.key) }
        self.synced = self.synced.filter { partitions.contains($0.key) }
        self.actors = self.actors.filter { partitions.contains($0.key) }
    }

    // MARK: Crash

    mutating func crashed() {
        self.live = self.synced
        self.waiting = []
        self.syncing = nil
        self.minted = [:]
        if self.mutation == .reusesActorAfterCrash {
            for (partition, actor) in self.actors {
                let vectors = (self.synced[partition] ?? [:]).values.map(\.vector)
                self.actors[partition]?.counter = vectors.map { $0.counter(of: actor.id) }.max() ?? 0
            }
        } else {
            self.actors = [:]
        }
    }
}
