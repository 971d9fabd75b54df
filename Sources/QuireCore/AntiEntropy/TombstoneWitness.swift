/// What one member's shell has found out about a partition besides its records.
package struct PartitionSurroundings: Sendable, Hashable {
    /// Changes whenever hints of the partition are written, a copy is installed, retired or deleted, and with every
    /// start of the node.
    package var epoch: UInt64
    /// Whether something is at work that reads records of the partition here and stores or sends them later.
    package var isBusy: Bool
    package var hasRetiredCopy: Bool
    package var hasIncomingCopy: Bool

    package init(epoch: UInt64, isBusy: Bool = false, hasRetiredCopy: Bool = false, hasIncomingCopy: Bool = false) {
        self.epoch = epoch
        self.isBusy = isBusy
        self.hasRetiredCopy = hasRetiredCopy
        self.hasIncomingCopy = hasIncomingCopy
    }
}

/// Answers, as one member of the cluster, whether tombstones may go; and lets them go (SAFETY rule 9).
///
/// To attest is to say: under this layout and with no move of the partition, my replica holds exactly this record,
/// synced, or I am no replica and hold none; and I have no hint, no retired or incoming copy of the partition, and
/// nothing at work on it. A record that the replica lacks is not attested: an old value could arrive there and be given
/// away again between the rounds, while a replica that holds the tombstone makes nothing of it.
///
/// The shell asks every request core to expire overdue operations, and submits what they want stored, *before* it finds
/// out the surroundings and starts this machine: so whatever was accepted before the attestation is seen by it.
///
/// Transitions: `start()`, then `answered(_:)` for each store action, until `.answer`.
package struct TombstoneWitness: Sendable {
    package enum Purpose: Sendable, Hashable {
        case attest
        case drop
    }

    package enum Action: Equatable, Sendable {
        case store(StorageCommand)
        case answer(TombstoneAnswer)
    }

    /// What the member knows when it is asked.
    package struct Circumstances: Sendable {
        package let node: NodeID
        package let layout: Layout?
        package let surroundings: PartitionSurroundings
        package let wallMilliseconds: UInt64
        package let rules: TombstoneRules
        package let digester: RecordDigester

        package init(
            node: NodeID,
            layout: Layout?,
            surroundings: PartitionSurroundings,
            wallMilliseconds: UInt64,
            rules: TombstoneRules,
            digester: RecordDigester
        ) {
            self.node = node
            self.layout = layout
            self.surroundings = surroundings
            self.wallMilliseconds = wallMilliseconds
            self.rules = rules
            self.digester = digester
        }
    }

    private enum State {
        case lookingForHints
        case reading(index: Int)
        case syncing
        case over
    }

    private let purpose: Purpose
    private let batch: TombstoneBatch
    private let circumstances: Circumstances
    private let isReplica: Bool
    private var state = State.over
    private var matching: [KeyedRecord] = []
    private var exceptions: [Int] = []

    package init(_ purpose: Purpose, _ batch: TombstoneBatch, in circumstances: Circumstances) {
        self.purpose = purpose
        self.batch = batch
        self.circumstances = circumstances
        let row = circumstances.layout.flatMap { layout in
            batch.partition.rawValue < layout.rows.count ? layout.readRow(of: batch.partition) : nil
        }
        self.isReplica = row?.contains(circumstances.node) ?? false
    }

    package mutating func start() -> Action {
        if let obstacle = self.obstacle {
            return self.end(.refused(obstacle))
        }
        switch self.purpose {
        case .attest:
            self.state = .lookingForHints
            return .store(.scan(.hints(self.batch.partition), after: nil, limit: PageLimit(records: 1)))
        case .drop:
            return self.read(0)
        }
    }

    package mutating func answered(_ outcome: StorageOutcome) -> Action {
        switch (self.state, outcome) {
        case (.lookingForHints, .page(let hints, _)):
            return hints.isEmpty ? self.read(0) : self.end(.refused(.hints))
        case (.reading(let index), .record(let record)):
            if !self.isReplica, record != nil {
                return self.end(.refused(.strayCopy))
            }
            self.compare(record, at: index)
            return self.read(index + 1)
        case (.syncing, .durable):
            return self.end(.granted(epoch: self.circumstances.surroundings.epoch, exceptions: self.exceptions))
        default:
            return self.end(.refused(.storage))
        }
    }

    /// What speaks against it before anything is read.
    private var obstacle: TombstoneObstacle? {
        let own = self.circumstances
        guard let layout = own.layout, layout.version == self.batch.version, layout.member(own.node) != nil,
            self.batch.partition.rawValue < layout.rows.count
        else { return .otherLayout }
        if layout.isInMotion(self.batch.partition) { return .moving }
        // To drop, it is enough that both rounds are over: no older value is left anywhere to come back.
        guard self.purpose == .attest else { return self.isReplica ? nil : .otherLayout }
        if self.batch.distanceMilliseconds < own.rules.distance.stampMilliseconds { return .otherRules }
        let margin = own.rules.clockMargin.stampMilliseconds
        if self.batch.settledMilliseconds >= own.wallMilliseconds - min(own.wallMilliseconds, margin) {
            return .clockBehind
        }
        if own.surroundings.isBusy { return .busy }
        if own.surroundings.hasRetiredCopy { return .retiredCopy }
        return own.surroundings.hasIncomingCopy ? .incomingCopy : nil
    }

    private mutating func compare(_ record: Record?, at index: Int) {
        guard self.isReplica else { return }
        let item = self.batch.items[index]
        guard let record,
            self.circumstances.digester.digest(key: item.key, encodedRecord: record.encoded()) == item.digest
        else {
            self.exceptions.append(index)
            return
        }
        self.matching.append(KeyedRecord(key: item.key, record: record))
    }

    /// Reads the next record; after the last one, has everything synced.
    private mutating func read(_ index: Int) -> Action {
        guard index < self.batch.items.count else { return self.sync() }
        self.state = .reading(index: index)
        return .store(.read(.replica(self.batch.partition), self.batch.items[index].key))
    }

    /// What was read must not be lost by a crash: neither the tombstone here, nor that a hint is gone. A merge that
    /// changes nothing is answered only when all that the shard took before it is synced.
    private mutating func sync() -> Action {
        self.state = .syncing
        let partition = self.batch.partition
        switch self.purpose {
        case .attest where self.isReplica: return .store(.mergeBatch(.replica(partition), self.matching))
        case .attest: return .store(.mergeBatch(.hints(partition), []))
        case .drop: return .store(.dropBatch(.replica(partition), self.matching))
        }
    }

    private mutating func end(_ answer: TombstoneAnswer) -> Action {
        self.state = .over
        return .answer(answer)
    }
}
