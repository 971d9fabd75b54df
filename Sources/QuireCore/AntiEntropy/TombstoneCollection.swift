/// Lets tombstones of one partition go, once every member of the cluster has attested twice that nothing is left which
/// they would have to cover (SAFETY rule 9). Run by the first node of the partition's row.
///
/// ```
/// scanning → [repairing] → attesting (round 1) → waiting → attesting (round 2) → dropping → over
/// ```
///
/// Why two rounds suffice. Take a value that a tombstone covers. Round 1 finds it in no store of any member at the
/// moment when that member attests; so afterwards it exists at most *under way*: in a message, or in the memory of a
/// request that began before. If it lands at a replica of the row, the tombstone there makes nothing of it. If it lands
/// anywhere else before round 2 (a hint store, a stray copy), the epoch or the record of that member says so, and nothing
/// is dropped. Under way without landing it stays no longer than `TombstoneRules.distance`, which is how long after the
/// last answer of round 1 round 2 begins. So after round 2 no copy is left that anybody would take, and none can
/// come to be: the drops may be late, partial or repeated.
///
/// Background work (transfers, repair, deliveries, restores) may hold what it read for longer than any timeout; so a
/// member on which it works on the partition does not attest, in either round.
///
/// - A *client's old context* only covers. It names dots that were issued; the value written with it is a new one.
/// - A *retried or forwarded put* that was minted, deleted and dropped, and then arrives once more: its request began
///   before the delete, hence before round 1. A forward of it is refused for its age before round 2 begins; one that
///   is executed earlier leaves a record that differs, and is an exception of round 2.
/// - *Re-creating the key* mints a greater counter of a living actor, or under a fresh actor (rule 2): a replica's
///   counter belongs to the replica, not to the key, and a drop leaves it alone. So no tombstone that a replica kept, or
///   that a node brings back, can cover the new version. What the new entry claims of its actor's earlier dots
///   holds: they were covered by the tombstone, and exist nowhere.
/// - *Plain writes* of later lose to no leftover of the tombstone by its timestamp: every member's clock was past it.
///
/// Whatever fails on the way, nothing more is dropped and it is tried again later. The own replica drops last, so that
/// this node goes on seeing what others may have kept, and restores it to those that have not.
package struct TombstoneCollection: Sendable {
    package enum Action: Equatable, Sendable {
        case store(StorageCommand)
        /// May name the node itself, which then answers like any other member.
        case ask(NodeID, PeerMessage)
        /// Call `timePassed` then.
        case wait(until: Duration)
        case finish(Outcome)
    }

    package enum Answer: Sendable {
        case peer(PeerMessage)
        case storage(StorageOutcome)
        case unreachable
    }

    /// What a pass has come to.
    package struct Outcome: Equatable, Sendable {
        package struct Kept: Equatable, Sendable {
            package let node: NodeID
            package let obstacle: TombstoneObstacle

            package init(node: NodeID, obstacle: TombstoneObstacle) {
                self.node = node
                self.obstacle = obstacle
            }
        }

        package var scanned = 0
        /// Tombstones that were old enough.
        package var found = 0
        package var dropped = 0
        /// Where the next pass begins; `nil`: from the start.
        package var next: ScanPosition?
        package var kept: Kept?

        package init() {}
    }

    /// How much one pass takes on.
    package struct Limits: Sendable {
        package var scannedMax = 8192
        package var countMax = TombstoneBatch.countMax
        package var bytesMax = 1 << 18
        package var page = PageLimit(records: 512)

        package init() {}
    }

    private enum State {
        case scanning
        case attesting(isFirstRound: Bool, index: Int)
        case repairing(index: Int)
        case waiting(until: Duration)
        case dropping(index: Int)
        case over
    }

    package let partition: PartitionID
    private let node: NodeID
    private let version: LayoutVersion
    private let members: [NodeID]
    /// The row, this node last.
    private let row: [NodeID]
    private let rules: TombstoneRules
    private let limits: Limits
    private let digester: RecordDigester
    private var outcome = Outcome()
    private var state = State.over
    private var records: [KeyedRecord] = []
    private var bytes = 0
    private var settledMilliseconds: UInt64 = 0
    private var epochs: [NodeID: UInt64] = [:]
    /// Whom to send which records, because they lack them.
    private var repairs: [(node: NodeID, records: [KeyedRecord])] = []

    /// - Parameters:
    ///   - node: The first of the partition's row under `layout`, in which the partition does not move.
    ///   - position: Where the scan begins.
    package init(
        partition: PartitionID,
        node: NodeID,
        layout: Layout,
        after position: ScanPosition? = nil,
        rules: TombstoneRules,
        limits: Limits = Limits(),
        digester: RecordDigester
    ) {
        precondition(layout.readRow(of: partition).first == node, "\(node) does not hold the token of \(partition)")
        precondition(limits.countMax <= TombstoneBatch.countMax, "\(limits.countMax) tombstones in one batch")
        self.partition = partition
        self.node = node
        self.version = layout.version
        self.members = layout.members.map(\.id)
        self.row = layout.readRow(of: partition).filter { $0 != node } + [node]
        self.rules = rules
        self.limits = limits
        self.digester = digester
        self.outcome.next = position
    }

    package mutating func start() -> Action {
        self.state = .scanning
        return .store(.scan(.replica(self.partition), after: self.outcome.next, limit: self.limits.page))
    }

    package mutating func answered(_ answer: Answer, now: Moment) -> Action {
        switch (self.state, answer) {
        case (.scanning, .storage(.page(let entries, let isLast))):
            return self.scanned(entries, isLast: isLast, now: now)
        case (.scanning, _):
            return self.keep(self.node, .storage)
        case (.attesting(let isFirstRound, let index), _):
            return self.attested(isFirstRound: isFirstRound, index, answer, now: now)
        case (.repairing(let index), _):
            // Whoever could not be repaired is an exception of the next pass too.
            return self.repair(index + 1, now: now)
        case (.dropping(let index), _):
            return self.dropped(index, answer)
        case (.waiting, _), (.over, _):
            preconditionFailure("an answer that nobody asked for")
        }
    }

    package mutating func timePassed(now: Moment) -> Action {
        guard case .waiting(let until) = self.state else { preconditionFailure("nothing was waited for") }
        return now.elapsed < until ? .wait(until: until) : self.attest(isFirstRound: false, 0, now: now)
    }

    // MARK: Scanning

    private mutating func scanned(_ entries: [KeyedRecord], isLast: Bool, now: Moment) -> Action {
        let age = self.rules.ageMin.stampMilliseconds
        for entry in entries {
            guard self.records.count < self.limits.countMax, self.bytes < self.limits.bytesMax else {
                return self.attest(isFirstRound: true, 0, now: now)
            }
            self.outcome.scanned += 1
            self.outcome.next = ScanPosition(key: entry.key)
            guard let settled = entry.record.settledMilliseconds, settled + age <= now.wallMilliseconds else {
                continue
            }
            self.outcome.found += 1
            self.records.append(entry)
            self.bytes += entry.key.bytes.count + entry.record.encodedBytes
            self.settledMilliseconds = max(self.settledMilliseconds, settled)
        }
        if isLast {
            self.outcome.next = nil
        } else if self.outcome.scanned < self.limits.scannedMax {
            return self.start()
        }
        return self.attest(isFirstRound: true, 0, now: now)
    }

    private var batch: TombstoneBatch {
        TombstoneBatch(
            partition: self.partition,
            version: self.version,
            settledMilliseconds: self.settledMilliseconds,
            distanceMilliseconds: self.rules.distance.stampMilliseconds,
            items: self.records.map { entry in
                let digest = self.digester.digest(key: entry.key, encodedRecord: entry.record.encoded())
                return TombstoneBatch.Item(key: entry.key, digest: digest)
            }
        )
    }

    // MARK: Rounds

    private mutating func attest(isFirstRound: Bool, _ index: Int, now: Moment) -> Action {
        if index == 0, self.records.isEmpty { return self.finish() }
        guard index < self.members.count else {
            guard isFirstRound else { return self.drop(0) }
            return self.repair(0, now: now)
        }
        self.state = .attesting(isFirstRound: isFirstRound, index: index)
        return .ask(self.members[index], .control(.attestTombstones(self.batch)))
    }

    private mutating func attested(isFirstRound: Bool, _ index: Int, _ answer: Answer, now: Moment) -> Action {
        let member = self.members[index]
        switch self.granted(answer) {
        case .failure(let obstacle):
            return self.keep(member, obstacle)
        case .success((let epoch, let exceptions)):
            if isFirstRound {
                self.epochs[member] = epoch
                if !exceptions.isEmpty, member != self.node {
                    self.repairs.append((member, exceptions.map { self.records[$0] }))
                }
            } else if self.epochs[member] != epoch {
                return self.keep(member, .disturbed)
            }
            self.remove(exceptions)
            if !isFirstRound, self.records.isEmpty { return self.finish() }
            return self.attest(isFirstRound: isFirstRound, index + 1, now: now)
        }
    }

    private mutating func repair(_ index: Int, now: Moment) -> Action {
        guard index < self.repairs.count else {
            if self.records.isEmpty { return self.finish() }
            let until = now.elapsed + self.rules.distance
            self.state = .waiting(until: until)
            return .wait(until: until)
        }
        self.state = .repairing(index: index)
        return .ask(self.repairs[index].node, .putBatch(self.partition, self.repairs[index].records))
    }

    // MARK: Dropping

    private mutating func drop(_ index: Int) -> Action {
        guard index < self.row.count, !self.records.isEmpty else {
            self.outcome.dropped = self.records.count
            return self.finish()
        }
        self.state = .dropping(index: index)
        return .ask(self.row[index], .control(.dropTombstones(self.batch)))
    }

    private mutating func dropped(_ index: Int, _ answer: Answer) -> Action {
        switch self.granted(answer) {
        case .failure(let obstacle):
            return self.keep(self.row[index], obstacle)
        case .success((_, let exceptions)):
            self.remove(exceptions)
            return self.drop(index + 1)
        }
    }

    // MARK: Ends

    private func granted(_ answer: Answer) -> Result<(epoch: UInt64, exceptions: [Int]), TombstoneObstacle> {
        guard case .peer(.control(.tombstonesAnswered(let answer))) = answer else { return .failure(.unreachable) }
        switch answer {
        case .refused(let obstacle):
            return .failure(obstacle)
        case .granted(let epoch, let exceptions):
            guard exceptions.allSatisfy(self.records.indices.contains) else { return .failure(.unreachable) }
            return .success((epoch, exceptions))
        }
    }

    private mutating func remove(_ exceptions: [Int]) {
        guard !exceptions.isEmpty else { return }
        let removed = Set(exceptions)
        self.records = self.records.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
    }

    private mutating func keep(_ node: NodeID, _ obstacle: TombstoneObstacle) -> Action {
        self.outcome.kept = Outcome.Kept(node: node, obstacle: obstacle)
        return self.finish()
    }

    private mutating func finish() -> Action {
        self.state = .over
        self.records = []
        return .finish(self.outcome)
    }
}
