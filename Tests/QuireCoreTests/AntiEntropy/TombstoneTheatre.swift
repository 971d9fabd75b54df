import QuireCore
import Testing

/// A cluster of four members, each a few dictionaries and the real `TombstoneWitness`, and one partition with three
/// replicas: what a `TombstoneCollection` talks to.
struct TombstoneTheatre {
    struct Stage {
        var records: [StoreID: [Key: Record]] = [:]
        var surroundings = PartitionSurroundings(epoch: 1)
        var layout: Layout
        var isReachable = true
        var isQuarantined = false
        var wallMilliseconds: UInt64 = 1_000_000
    }

    static let rules = TombstoneRules(
        messageLifetime: .seconds(10),
        operationTimeout: .seconds(2),
        ageMin: .seconds(60)
    )
    static let digester = RecordDigester(secret: Array(repeating: 1, count: 32))

    let layout: Layout
    let partition: PartitionID
    var members: [NodeID: Stage] = [:]
    var elapsed = Duration.zero
    /// Whom the machine asked what, in order: `attest 1`, `repair 2`, `drop 3`.
    private(set) var trace: [String] = []

    init() throws {
        let layout = try Layout.initial(Member.inZones([4]), partitions: 8)
        self.layout = layout
        self.partition = PartitionID(0)
        for member in layout.members {
            self.members[member.id] = Stage(layout: layout)
        }
    }

    var row: [NodeID] { self.layout.readRow(of: self.partition) }
    var holder: NodeID { self.row[0] }
    var outsider: NodeID {
        get throws { try #require(self.layout.members.map(\.id).first { !self.row.contains($0) }) }
    }

    var moment: Moment { Moment(elapsed: self.elapsed, wallMilliseconds: 1_000_000) }

    static func key(_ number: Int = 0) throws -> Key { try #require(Key("key\(number)")) }

    /// A value of actor 1, and the tombstone of actor 2 that covers it.
    static func deleted(at milliseconds: UInt64 = 100_000) -> (value: Record, tombstone: Record) {
        let value = Record.minted(1, 5)
        var tombstone = value
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 2), counter: 3),
            timestamp: HybridTimestamp(wallMilliseconds: milliseconds),
            request: RequestID(high: 2, low: 3),
            value: nil
        )
        tombstone.mint(version, superseding: .context(value.vector))
        return (value, tombstone)
    }

    mutating func place(_ record: Record, of key: Key, at nodes: [NodeID]) {
        for node in nodes { self.members[node]?.records[.replica(self.partition), default: [:]][key] = record }
    }

    func record(of key: Key, at node: NodeID) -> Record? {
        self.members[node]?.records[.replica(self.partition)]?[key]
    }

    func machine(limits: TombstoneCollection.Limits = .init()) -> TombstoneCollection {
        TombstoneCollection(
            partition: self.partition,
            node: self.holder,
            layout: self.layout,
            rules: Self.rules,
            limits: limits,
            digester: Self.digester
        )
    }

    /// One pass.
    ///
    /// - Parameters:
    ///   - between: What happens while the machine waits between the rounds.
    ///   - beforeDrop: What happens when both rounds are over, before the first drop.
    mutating func pass(
        between: (inout TombstoneTheatre) throws -> Void = { _ in },
        beforeDrop: (inout TombstoneTheatre) throws -> Void = { _ in }
    ) throws -> TombstoneCollection.Outcome {
        var machine = self.machine()
        var action = machine.start()
        var hasDropped = false
        while true {
            switch action {
            case .finish(let outcome):
                return outcome
            case .wait(let until):
                try between(&self)
                self.elapsed = until
                action = machine.timePassed(now: self.moment)
            case .store(let command):
                action = machine.answered(.storage(self.execute(command, at: self.holder)), now: self.moment)
            case .ask(let node, let message):
                if case .control(.dropTombstones) = message, !hasDropped {
                    hasDropped = true
                    try beforeDrop(&self)
                }
                action = machine.answered(self.ask(node, message), now: self.moment)
            }
        }
    }

    private mutating func ask(_ node: NodeID, _ message: PeerMessage) -> TombstoneCollection.Answer {
        let number = "\(node.rawValue)"
        switch message {
        case .control(.attestTombstones(let batch)):
            self.trace.append("attest \(number)")
            return self.witness(.attest, batch, at: node)
        case .control(.dropTombstones(let batch)):
            self.trace.append("drop \(number)")
            return self.witness(.drop, batch, at: node)
        case .putBatch(let partition, let records):
            self.trace.append("repair \(number)")
            guard self.members[node]?.isReachable == true else { return .unreachable }
            _ = self.execute(.mergeBatch(.replica(partition), records), at: node)
            return .peer(.acknowledged(latestTimestamp: .zero))
        default:
            Issue.record("nobody asks \(message)")
            return .unreachable
        }
    }

    private mutating func witness(
        _ purpose: TombstoneWitness.Purpose,
        _ batch: TombstoneBatch,
        at node: NodeID
    ) -> TombstoneCollection.Answer {
        guard let stage = self.members[node], stage.isReachable else { return .unreachable }
        var witness = TombstoneWitness(
            purpose,
            batch,
            in: .init(
                node: node,
                layout: stage.layout,
                surroundings: stage.surroundings,
                wallMilliseconds: stage.wallMilliseconds,
                rules: Self.rules,
                digester: Self.digester
            )
        )
        var action = witness.start()
        while true {
            switch action {
            case .store(let command): action = witness.answered(self.execute(command, at: node))
            case .answer(let answer): return .peer(.control(.tombstonesAnswered(answer)))
            }
        }
    }

    mutating func execute(_ command: StorageCommand, at node: NodeID) -> StorageOutcome {
        if self.members[node]?.isQuarantined == true { return .failed(.quarantined(self.partition, "test")) }
        let durable = StorageOutcome.durable(DurableReceipt(syncedWithLatestTimestamp: .zero))
        let held = self.members[node]?.records[command.store] ?? [:]
        switch command {
        case .read(_, let key):
            return .record(held[key])
        case .scan(_, let after, let limit):
            let entries = held.map { KeyedRecord(key: $0.key, record: $0.value) }
                .filter { entry in after.map { ScanPosition(key: entry.key) > $0 } ?? true }
                .sorted { ScanPosition(key: $0.key) < ScanPosition(key: $1.key) }
            return .page(Array(entries.prefix(limit.records)), isLast: entries.count <= limit.records)
        case .mergeBatch(let store, let entries):
            for entry in entries {
                self.members[node]?.records[store, default: [:]][entry.key, default: Record()].merge(entry.record)
            }
            return durable
        case .dropBatch(let store, let entries):
            for entry in entries {
                guard let present = held[entry.key], entry.record.descends(from: present) else { continue }
                self.members[node]?.records[store]?[entry.key] = nil
            }
            return durable
        default:
            Issue.record("nobody executes \(command)")
            return .failed(.stopping)
        }
    }
}
