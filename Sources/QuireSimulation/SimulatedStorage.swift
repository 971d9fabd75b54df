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
        let store: StoreID
        let keys: [Key]
    }

    private struct Actor {
        var id: ActorID
        var counter: UInt64
    }

    private(set) var live: [StoreID: [Key: Record]] = [:]
    private(set) var synced: [StoreID: [Key: Record]] = [:]
    private(set) var mintings: [Minting] = []
    private var actors: [StoreID: Actor] = [:]
    private var minted: [RequestID: Dot] = [:]
    private var waiting: [(answer: Answer, write: Write)] = []
    /// What the sync that runs will have made durable; `nil` for a key that was dropped.
    private var syncing: (answers: [Answer], image: [StoreID: [Key: Record?]])?
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
        case .read(let store, let key):
            return answer(.record(self.live[store]?[key]))
        case .mint(let store, let request):
            let (record, dot) = self.mint(request, in: store)
            let durable = self.durable([request.key], in: store, latest: record.latestTimestamp, token: token)
            return answer(.minted(record, dot: dot)) + durable
        case .merge(let store, let key, let record, let sync):
            let latest = self.merge(record, into: key, in: store).latestTimestamp
            let durable = self.durable([key], in: store, latest: latest, token: sync ? token : 0)
            return sync ? durable : answer(.merged(latestTimestamp: latest))
        case .mergeBatch(let store, let entries):
            for entry in entries {
                _ = self.merge(entry.record, into: entry.key, in: store)
            }
            return self.durable(entries.map(\.key), in: store, latest: .zero, token: token)
        case .dropBatch(let store, let entries):
            self.drop(entries, in: store)
            return self.durable(entries.map(\.key), in: store, latest: .zero, token: token)
        case .scan(let store, let position, let limit):
            return answer(self.page(of: store, leaf: nil, after: position, limit))
        case .leafEntries(let store, let leaf, let position, let limit):
            return answer(self.page(of: store, leaf: leaf, after: position, limit))
        case .leaves(let store):
            return answer(.leaves(self.leaves(of: store)))
        case .count(let store):
            let records = self.live[store] ?? [:]
            let liveKeys = records.values.count { $0.isLive(atMilliseconds: 0) }
            return answer(.counts(PartitionCounts(records: records.count, liveKeys: liveKeys, bytes: 0)))
        }
    }

    private mutating func mint(_ request: MintRequest, in store: StoreID) -> (Record, Dot) {
        var record = self.live[store]?[request.key] ?? Record()
        if let dot = self.minted[request.request], record.vector.covers(dot) { return (record, dot) }
        if let version = record.version(of: request.request) { return (record, version.dot) }
        var actor = self.actors[store] ?? Actor(id: ActorID(rawValue: self.random.next()), counter: 0)
        actor.counter += 1
        self.actors[store] = actor
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
        self.live[store, default: [:]][request.key] = record
        self.minted[request.request] = version.dot
        return (record, version.dot)
    }

    private mutating func merge(_ record: Record, into key: Key, in store: StoreID) -> Record {
        var merged = (self.live[store]?[key] ?? Record()).merging(record)
        if self.mutation == .keepsNewestSiblingOnly, let winner = merged.winner {
            merged = Record(vector: merged.vector, siblings: [winner]) ?? merged
        }
        self.live[store, default: [:]][key] = merged
        return merged
    }

    /// What was minted for a delivered and dropped hint is no longer held: the actor's life ends (SAFETY rule 3).
    private mutating func drop(_ entries: [KeyedRecord], in store: StoreID) {
        for entry in entries {
            guard let present = self.live[store]?[entry.key], entry.record.descends(from: present) else { continue }
            self.live[store]?[entry.key] = nil
            if case .hints = store {
                self.actors[store] = nil
            }
        }
    }

    private mutating func durable(
        _ keys: [Key],
        in store: StoreID,
        latest: HybridTimestamp,
        token: UInt64
    ) -> [Answer] {
        let receipt = DurableReceipt(syncedWithLatestTimestamp: latest)
        let answer = Answer(token: token, outcome: .durable(receipt))
        let isEarly = self.mutation == .acknowledgesBeforeSync
        let synced = Answer(token: 0, outcome: .durable(receipt))
        self.waiting.append((isEarly ? synced : answer, Write(store: store, keys: keys)))
        return isEarly ? [answer] : []
    }

    // MARK: Reading

    func entries(of store: StoreID) -> [KeyedRecord] {
        (self.live[store] ?? [:]).map { KeyedRecord(key: $0.key, record: $0.value) }
            .map { (ScanPosition(key: $0.key), $0) }
            .sorted { $0.0 < $1.0 }
            .map(\.1)
    }

    private func page(
        of store: StoreID,
        leaf: Int?,
        after position: ScanPosition?,
        _ limit: PageLimit
    ) -> StorageOutcome {
        let all = self.entries(of: store).filter { entry in
            let own = ScanPosition(key: entry.key)
            return position.map { own > $0 } ?? true && leaf.map { MerkleLeaves.leaf(of: own.hash) == $0 } ?? true
        }
        return .page(Array(all.prefix(limit.records)), isLast: all.count <= limit.records)
    }

    private func leaves(of store: StoreID) -> MerkleLeaves {
        var leaves = MerkleLeaves()
        for entry in self.entries(of: store) {
            let digest = self.digester.digest(key: entry.key, encodedRecord: entry.record.encoded())
            leaves.replace(0, with: digest, at: entry.key.hash)
        }
        return leaves
    }

    // MARK: Syncing

    mutating func syncBegan() {
        var image: [StoreID: [Key: Record?]] = [:]
        for (_, write) in self.waiting {
            for key in write.keys {
                image[write.store, default: [:]].updateValue(self.live[write.store]?[key], forKey: key)
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
        for (store, records) in image {
            for (key, record) in records {
                self.synced[store, default: [:]][key] = record
            }
        }
        return answers
    }

    /// An image is synced before it is installed; what was written meanwhile is kept.
    mutating func install(_ entries: [KeyedRecord], in partition: PartitionID) {
        let store = StoreID.replica(partition)
        for entry in entries {
            let before = self.synced[store]?[entry.key] ?? Record()
            self.synced[store, default: [:]][entry.key] = before.merging(entry.record)
            _ = self.merge(entry.record, into: entry.key, in: store)
        }
        self.actors[store] = nil
    }

    /// Moves away what belongs elsewhere.
    mutating func keepOnly(_ partitions: [PartitionID]) {
        let isKept = { (store: StoreID) in store == .hints(store.partition) || partitions.contains(store.partition) }
        self.live = self.live.filter { isKept($0.key) }
        self.synced = self.synced.filter { isKept($0.key) }
        self.actors = self.actors.filter { isKept($0.key) }
    }

    // MARK: Crash

    mutating func crashed() {
        self.live = self.synced
        self.waiting = []
        self.syncing = nil
        self.minted = [:]
        if self.mutation == .reusesActorAfterCrash {
            for (store, actor) in self.actors {
                let vectors = (self.synced[store] ?? [:]).values.map(\.vector)
                self.actors[store]?.counter = vectors.map { $0.counter(of: actor.id) }.max() ?? 0
            }
        } else {
            self.actors = [:]
        }
    }
}
