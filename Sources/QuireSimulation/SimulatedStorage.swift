import QuireCore

/// A model of the storage of one node: a dictionary per record store, of which a crash leaves what was synced.
///
/// As in the real shard: `.minted` comes before `.durable`; one sync at a time takes all that was written before it
/// began; a start after a crash mints under fresh actors; a request that was minted already is answered with its dot;
/// a damaged partition refuses everything until it has been fetched again.
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

    /// What the checkers want to know.
    enum Note {
        case minted(Minting)
        case synced(StoreID, Key, before: Record, after: Record)
        /// A record was given up, durably.
        case dropped(StoreID, Key, Record)
        /// A replica dropped a record of nothing but tombstones.
        case collected(Key, Record)
    }

    struct Write {
        let store: StoreID
        let keys: [Key]
    }

    struct Image {
        let store: StoreID
        let key: Key
        let record: Record?
    }

    struct Actor {
        var id: ActorID
        var counter: UInt64
    }

    var live: [StoreID: [Key: Record]] = [:]
    var synced: [StoreID: [Key: Record]] = [:]
    /// Files of partitions that belong elsewhere now.
    var retired: [PartitionID: Retired] = [:]
    /// Partitions whose replica is set aside until it has been fetched again.
    var quarantined: Set<PartitionID> = []
    /// Writes are refused.
    var isFull = false
    var notes: [Note] = []
    var actors: [StoreID: Actor] = [:]
    var minted: [RequestID: Dot] = [:]
    var waiting: [(answer: Answer, write: Write)] = []
    /// What the sync that runs will have made durable; `nil` for a key that was dropped.
    var syncing: (answers: [(answer: Answer, store: StoreID)], image: [Image])?
    /// Of live records, as far as they were asked for.
    var digests: [StoreID: [Key: UInt128]] = [:]
    static let digester = RecordDigester(secret: Array(repeating: 7, count: 32))
    let mutation: Mutation?
    let order: KeyOrder
    private var random: SeededGenerator

    init(seed: UInt64, order: KeyOrder, mutation: Mutation?) {
        self.random = SeededGenerator(seed: seed)
        self.order = order
        self.mutation = mutation
    }

    var hasUnsynced: Bool { !self.waiting.isEmpty && self.syncing == nil }

    /// Keys that the node holds as a stand-in.
    var hintCount: Int {
        self.live.reduce(0) { $0 + ($1.key == .hints($1.key.partition) ? $1.value.count : 0) }
    }

    var partitionsWithHints: Set<PartitionID> {
        var partitions: Set<PartitionID> = []
        for case (.hints(let partition), let records) in self.live where !records.isEmpty {
            partitions.insert(partition)
        }
        return partitions
    }

    mutating func takeNotes() -> [Note] {
        guard !self.notes.isEmpty else { return [] }
        defer { self.notes = [] }
        return self.notes
    }

    // MARK: Commands

    /// - Parameter isRefetch: The command fills a replica that is set aside.
    /// - Returns: what can be answered without a sync.
    mutating func execute(_ command: StorageCommand, token: UInt64, isRefetch: Bool = false) -> [Answer] {
        if let failure = self.refusal(of: command, isRefetch: isRefetch) {
            return [Answer(token: token, outcome: .failed(failure))]
        }
        let answer = { (outcome: StorageOutcome) in [Answer(token: token, outcome: outcome)] }
        if self.isFull, case .merge = command {
            return answer(.durable(DurableReceipt(syncedWithLatestTimestamp: .zero)))
        }
        switch command {
        case .read(let store, let key):
            return answer(.record(self.live[store]?[key]))
        case .mint(let store, let request):
            if self.hasHandedOn(request, in: store) {
                return answer(.failed(.notDurable("this write was executed here before, and handed on")))
            }
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
            let isEarly = self.mutation == .acknowledgesBatchesBeforeSync
            return self.durable(entries.map(\.key), in: store, latest: .zero, token: token, isEarly: isEarly)
        case .dropBatch(let store, let entries):
            self.drop(entries, in: store)
            return self.durable(entries.map(\.key), in: store, latest: .zero, token: token)
        case .scan(let store, let position, let limit):
            return answer(self.page(of: store, leaf: nil, after: position, limit))
        case .leafEntries(let store, let leaf, let position, let limit):
            return answer(self.page(of: store, leaf: leaf, after: position, limit))
        case .leaves(let store):
            return answer(.leaves(self.leaves(of: store)))
        case .sums(let store, let nodes):
            return answer(.sums(MerkleReading.childSums(of: nodes, in: self.digests(of: store))))
        case .digests(let store, let nodes):
            let all = self.digests(of: store)
            let below = all.filter { digest in nodes.contains { $0.hashes.contains(digest.hash) } }
            return answer(.digests(below, covered: nodes.count))
        case .records(let store, let hashes, _):
            let wanted = Set(hashes)
            return answer(.page(self.entries(of: store).filter { wanted.contains($0.key.hash) }, isLast: true))
        case .lacking(let store, let digests):
            return self.lacking(digests, in: store, token: token)
        case .count(let store):
            let records = self.live[store] ?? [:]
            let liveKeys = records.values.count { $0.isLive(atMilliseconds: 0) }
            return answer(.counts(PartitionCounts(records: records.count, liveKeys: liveKeys, bytes: 0)))
        }
    }

    private func refusal(of command: StorageCommand, isRefetch: Bool) -> StorageFailure? {
        if case .replica(let partition) = command.store, self.quarantined.contains(partition), !isRefetch {
            return .quarantined(partition, "simulated damage")
        }
        guard self.isFull, self.mutation != .acknowledgesOnAFullDisk else { return nil }
        switch command {
        case .mint, .merge, .mergeBatch: return .notDurable("simulated full disk")
        default: return nil
        }
    }

    private func hasHandedOn(_ request: MintRequest, in store: StoreID) -> Bool {
        guard self.mutation != .forgetsRequests, let dot = self.minted[request.request] else { return false }
        return !(self.live[store]?[request.key]?.vector.covers(dot) ?? false)
    }

    private mutating func mint(_ request: MintRequest, in store: StoreID) -> (Record, Dot) {
        var record = self.live[store]?[request.key] ?? Record()
        if self.mutation != .forgetsRequests {
            if let dot = self.minted[request.request], record.vector.covers(dot) { return (record, dot) }
            if let version = record.version(of: request.request) { return (record, version.dot) }
        }
        var actor = self.actors[store] ?? Actor(id: ActorID(rawValue: self.random.next()), counter: 0)
        actor.counter += 1
        self.actors[store] = actor
        let version = Version(
            dot: Dot(actor: actor.id, counter: actor.counter),
            timestamp: request.timestamp,
            request: request.request,
            value: request.value,
            expiryMilliseconds: request.expiryMilliseconds
        )
        let minting = Minting(
            key: request.key,
            version: version,
            supersession: request.supersession,
            before: record
        )
        self.notes.append(.minted(minting))
        if self.mutation == .mintsWithoutItsRecord, case .context = request.supersession {
            record = Record()
        }
        // Only a mutation issues a dot twice; the oracle has seen it, so go on with what is there.
        guard !record.vector.covers(version.dot) else { return (record, version.dot) }
        let isBlunt = self.mutation == .supersedesWhatWasNotRead
        record.mint(version, superseding: isBlunt ? .context(record.vector) : request.supersession)
        self.set(record, of: request.key, in: store)
        self.minted[request.request] = version.dot
        return (record, version.dot)
    }

    private mutating func merge(_ record: Record, into key: Key, in store: StoreID) -> Record {
        let present = self.live[store]?[key] ?? Record()
        var merged: Record
        switch self.mutation {
        case .keepsNewestRecordOnly:
            merged = record.latestTimestamp >= present.latestTimestamp ? record : present
        case .overwritesWithWhatArrives:
            merged = record
        case .keepsNewestSiblingOnly:
            merged = present.merging(record)
            if let winner = merged.winner {
                merged = Record(vector: merged.vector, siblings: [winner]) ?? merged
            }
        default:
            merged = present.merging(record)
        }
        self.set(merged, of: key, in: store)
        if self.mutation == .evictsHints, case .hints = store, let records = self.live[store], records.count > 2 {
            let oldest = records.keys.filter { $0 != key }.min { self.order.place(of: $0) < self.order.place(of: $1) }
            oldest.map { self.set(nil, of: $0, in: store) }
        }
        return merged
    }

    private mutating func set(_ record: Record?, of key: Key, in store: StoreID) {
        self.live[store, default: [:]][key] = record
        if self.digests[store] != nil {
            self.digests[store]?[key] = nil
        }
    }

    /// What was minted for a delivered and dropped hint is no longer held: the actor's life ends (SAFETY rule 3).
    private mutating func drop(_ entries: [KeyedRecord], in store: StoreID) {
        for entry in entries {
            guard let present = self.live[store]?[entry.key] else { continue }
            guard entry.record.descends(from: present) || self.mutation == .dropsHintsThatHaveLearned else { continue }
            self.set(nil, of: entry.key, in: store)
            switch store {
            case .hints where self.mutation != .keepsTheActorOfDroppedHints: self.actors[store] = nil
            case .hints: continue
            case .replica: self.notes.append(.collected(entry.key, present))
            }
        }
    }

    private mutating func durable(
        _ keys: [Key],
        in store: StoreID,
        latest: HybridTimestamp,
        token: UInt64,
        isEarly: Bool = false
    ) -> [Answer] {
        let receipt = DurableReceipt(
            syncedWithLatestTimestamp: self.mutation == .hidesLaterTimestamps ? .zero : latest
        )
        return self.answeredAfterSync(.durable(receipt), of: keys, in: store, token: token, isEarly: isEarly)
    }

    mutating func answeredAfterSync(
        _ outcome: StorageOutcome,
        of keys: [Key],
        in store: StoreID,
        token: UInt64,
        isEarly: Bool = false
    ) -> [Answer] {
        let answer = Answer(token: token, outcome: outcome)
        let silent = Answer(token: 0, outcome: outcome)
        var isEarly = isEarly || self.mutation == .acknowledgesBeforeSync
        if case .hints = store, self.mutation == .acknowledgesHintsBeforeSync {
            isEarly = true
        }
        if self.mutation == .joinsTheRunningSync, self.syncing != nil {
            self.syncing?.answers.append((answer, store))
            self.waiting.append((silent, Write(store: store, keys: keys)))
            return []
        }
        self.waiting.append((isEarly ? silent : answer, Write(store: store, keys: keys)))
        return isEarly ? [answer] : []
    }

    // MARK: Reading

    func record(of key: Key, in store: StoreID) -> Record {
        self.live[store]?[key] ?? Record()
    }

    func syncedRecord(of key: Key, in store: StoreID) -> Record {
        self.synced[store]?[key] ?? Record()
    }

    private func placed(in store: StoreID) -> [(place: KeyOrder.Place, record: Record)] {
        guard let records = self.live[store] else { return [] }
        return records.map { (self.order.place(of: $0.key), $0.value) }.sorted { $0.0 < $1.0 }
    }

    func entries(of store: StoreID) -> [KeyedRecord] {
        self.placed(in: store).map { KeyedRecord(key: $0.place.position.key, record: $0.record) }
    }

    private func page(
        of store: StoreID,
        leaf: Int?,
        after position: ScanPosition?,
        _ limit: PageLimit
    ) -> StorageOutcome {
        let all = self.placed(in: store).filter { entry in
            let own = entry.place.position
            return position.map { own > $0 } ?? true && leaf.map { MerkleLeaves.leaf(of: own.hash) == $0 } ?? true
        }
        let page = all.prefix(limit.records).map { KeyedRecord(key: $0.place.position.key, record: $0.record) }
        return .page(page, isLast: all.count <= limit.records)
    }

    private mutating func leaves(of store: StoreID) -> MerkleLeaves {
        var leaves = MerkleLeaves()
        for entry in self.digests(of: store) {
            leaves.replace(0, with: entry.digest, at: entry.hash)
        }
        return leaves
    }

    /// In scan order.
    mutating func digests(of store: StoreID) -> [HashDigest] {
        self.placed(in: store).map { entry in
            HashDigest(hash: entry.place.position.hash, digest: self.digest(of: entry.place.position.key, in: store))
        }
    }

    /// Of the record as it is; 0 for none.
    mutating func digest(of key: Key, in store: StoreID) -> UInt128 {
        if let known = self.digests[store]?[key] { return known }
        guard let record = self.live[store]?[key] else { return 0 }
        let digest = Self.digester.digest(key: key, encodedRecord: record.encoded())
        self.digests[store, default: [:]][key] = digest
        return digest
    }

    // MARK: Syncing

    mutating func syncBegan() {
        var image: [Image] = []
        for (_, write) in self.waiting {
            for key in write.keys {
                image.append(Image(store: write.store, key: key, record: self.live[write.store]?[key]))
            }
        }
        self.syncing = (self.waiting.map { ($0.answer, $0.write.store) }, image)
        self.waiting = []
    }

    /// - Parameter isGood: `false`: the disk refused; what was written stays in memory, unacknowledged.
    mutating func syncEnded(isGood: Bool) -> [Answer] {
        guard let (answers, image) = self.syncing else { return [] }
        self.syncing = nil
        guard isGood else {
            if self.mutation == .ignoresFailedSyncs { return answers.map(\.answer) }
            // The log begins anew with all that is only in memory: the next good sync takes it.
            let silent = Answer(token: 0, outcome: .merged(latestTimestamp: .zero))
            for entry in image {
                self.waiting.append((silent, Write(store: entry.store, keys: [entry.key])))
            }
            return answers.map { Answer(token: $0.answer.token, outcome: .failed(.notDurable("simulated disk error"))) }
        }
        for entry in image {
            if let record = entry.record {
                let before = self.synced[entry.store, default: [:]].updateValue(record, forKey: entry.key)
                if before != record {
                    let before = before ?? Record()
                    self.notes.append(.synced(entry.store, entry.key, before: before, after: record))
                }
            } else if let before = self.synced[entry.store]?.removeValue(forKey: entry.key) {
                self.notes.append(.dropped(entry.store, entry.key, before))
            }
        }
        return answers.map(\.answer)
    }

    /// An image is synced before it is installed; what was written meanwhile is kept.
    mutating func install(_ entries: [KeyedRecord], in partition: PartitionID) {
        let store = StoreID.replica(partition)
        let present = self.synced[store] ?? [:]
        if self.mutation == .installsOverLiveWrites {
            self.live[store] = nil
            self.synced[store] = nil
            self.digests = [:]
        }
        for entry in entries {
            let before = self.synced[store]?[entry.key] ?? Record()
            self.synced[store, default: [:]][entry.key] = before.merging(entry.record)
            _ = self.merge(entry.record, into: entry.key, in: store)
        }
        for key in present.keys.sorted(by: { self.order.place(of: $0) < self.order.place(of: $1) }) {
            let after = self.syncedRecord(of: key, in: store)
            self.notes.append(.synced(store, key, before: present[key] ?? Record(), after: after))
        }
        if let (answers, image) = self.syncing {
            // What the running sync will have made durable comes on top of the installed file.
            let onTop = image.map { entry in
                let present = entry.store == store ? self.synced[store]?[entry.key] : nil
                return Image(
                    store: entry.store,
                    key: entry.key,
                    record: present?.merging(entry.record ?? Record()) ?? entry.record
                )
            }
            self.syncing = (answers, onTop)
        }
        self.actors[store] = nil
    }
}
