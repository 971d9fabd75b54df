package import QuireCore

/// Watches a run from outside and notes what must never happen.
///
/// Always: no dot for two versions; no value that nobody wrote; a causal write minted once; a write that was surely
/// refused never visible; W durable copies at each acknowledgement, and no fewer later but for a budgeted loss; a
/// strict read accounts for every write acknowledged before it began, and shows nothing that one of them superseded;
/// a plain read shows no value that an acknowledged plain write replaced; a replica forgets nothing that it has
/// synced; scans show what was live throughout; one layout per version. At the end: every replica accounts for every
/// acknowledged write, and sets, counters and carts add up.
package final class Checker {
    private struct PlainWrite {
        let number: UInt64
        let began: Duration
        let ended: Duration
    }

    /// What is asked of an operation's result, fixed when it begins.
    private struct Begun {
        var visible = VersionSet()
        var overwritten = VersionSet()
        /// Whoever reads it now, with whatever quorum, must not see it.
        var forgotten = VersionSet()
        var isCausalWrite = false
        var mintings = 0
    }

    package private(set) var violations: [String] = []
    package private(set) var acknowledgedWrites = 0
    package private(set) var quorumReads = 0
    package private(set) var strictReads = 0
    /// Of reads and writes; all of them are results that a client may get.
    package private(set) var failures = 0
    package private(set) var siblingsMax = 0
    package private(set) var vectorEntriesMax = 0
    /// Records of nothing but tombstones, and of expired values, that replicas dropped.
    package private(set) var collectedRecords = 0
    package private(set) var collectedBeforeHealing = 0
    /// How often tombstones were kept, and why.
    package private(set) var obstacles: [TombstoneObstacle: Int] = [:]
    /// Of keys that only plain verbs wrote.
    package private(set) var plainSiblingsMax = 0
    private var causalKeys: Set<Key> = []
    private let configuration: SimulationConfiguration
    private(set) var histories: [Key: KeyHistory] = [:]
    private var plainWrites: [Key: [PlainWrite]] = [:]
    /// When the value of an operation was acknowledged.
    private var acknowledgedAt: [UInt64: Duration] = [:]
    private var dots: [Dot: Version] = [:]
    private var issued: [ActorID: UInt64] = [:]
    private var begun: [UInt64: Begun] = [:]
    private var latestBegun: UInt64 = 0
    private var refused: Set<UInt64> = []
    private var layouts: LayoutHistory
    private var sums: PayloadChecker

    init(configuration: SimulationConfiguration) {
        self.configuration = configuration
        self.layouts = LayoutHistory()
        self.sums = PayloadChecker()
    }

    func violated(_ what: String) {
        self.violations.append(what)
    }

    private func check(_ violation: String?) {
        if let violation {
            self.violated(violation)
        }
    }

    // MARK: Versions

    func minted(_ minting: SimulatedStorage.Minting, at node: NodeID) {
        let version = minting.version
        if let earlier = self.dots.updateValue(version, forKey: version.dot), earlier != version {
            self.violated("node \(node) bound \(version.dot) to two versions")
        }
        self.issued[version.dot.actor] = max(self.issued[version.dot.actor] ?? 0, version.dot.counter)
        if minting.supersession != .older { self.causalKeys.insert(minting.key) }
        self.histories[minting.key, default: KeyHistory()]
            .minted(version, superseding: minting.supersession, before: minting.before)
        guard let value = version.value else { return }
        let number = Payload.number(in: value)
        if self.refused.contains(number) {
            self.violated("write \(number) was refused for sure, and node \(node) minted it")
        }
        guard self.begun[number]?.isCausalWrite == true else { return }
        self.begun[number]?.mintings += 1
        if self.begun[number]?.mintings == 2 {
            self.violated("causal write \(number) was executed twice, at last by node \(node)")
        }
    }

    /// The most siblings that a key of plain verbs alone may show: a plain write leaves only siblings that its replica
    /// did not have, or whose timestamp is greater. So each is the last write of a store that had not heard of the
    /// others, or one that has still to be written again above them: one for each node and one for each client.
    private var plainSiblingsBound: Int {
        self.configuration.founders + self.configuration.spares + self.configuration.workload.clients
    }

    /// Each start, each refetched replica and each delivered hint begins an actor: a run of seconds stays below this
    /// by far.
    private static let vectorEntriesBound = 128

    private func checkSize(of record: Record, _ key: Key, in history: KeyHistory, _ place: String) {
        self.siblingsMax = max(self.siblingsMax, record.siblings.count)
        self.vectorEntriesMax = max(self.vectorEntriesMax, record.vector.entries.count)
        if record.vector.entries.count > Self.vectorEntriesBound {
            self.violated("\(place) has a vector of \(record.vector.entries.count) entries")
        }
        if let stranger = record.vector.entries.first(where: { !history.actors.contains($0.actor) }) {
            self.violated("\(place) claims dots of \(stranger.actor), which never wrote the key")
        }
        guard !self.causalKeys.contains(key) else { return }
        self.plainSiblingsMax = max(self.plainSiblingsMax, record.siblings.count)
        if record.siblings.count > self.plainSiblingsBound {
            self.violated("\(place) shows \(record.siblings.count) siblings of plain writes")
        }
    }

    private func checkSiblings(of record: Record, _ key: Key, in history: KeyHistory, _ place: String) {
        for sibling in record.siblings where !history.isGenuine(sibling) {
            self.violated("\(place) shows a version that nobody minted: \(sibling)")
        }
        for entry in record.vector.entries where entry.counter > self.issued[entry.actor] ?? 0 {
            self.violated("\(place) claims \(entry.actor):\(entry.counter), which was never issued")
        }
        self.checkSize(of: record, key, in: history, place)
    }

    /// A replica has synced `after` where it had synced `before`.
    func synced(_ key: Key, _ before: Record, _ after: Record, at node: NodeID) {
        self.checkForgotten(after, of: key, at: node)
        guard !before.isEmpty, let history = self.histories[key] else { return }
        let kept = history.accounted(after).union(history.collected)
        if let missing = history.accounted(before).first(missingFrom: kept) {
            self.violated("node \(node) forgot \(history.versions[missing].dot) of \(key.name)")
        }
    }

    /// What a collected tombstone had superseded is nowhere, in replicas and in hints (SAFETY rule 9).
    func checkForgotten(_ record: Record, of key: Key, at node: NodeID) {
        guard let history = self.histories[key], !history.forgotten.isEmpty else { return }
        if let revived = history.shown(record).intersection(history.forgotten).first {
            self.violated("node \(node) has \(history.versions[revived].dot) of \(key.name), deleted and forgotten")
        }
    }

    // MARK: Clients

    func began(_ operation: Workload.Operation) {
        self.latestBegun = max(self.latestBegun, operation.number)
        var begun = Begun()
        switch operation.request {
        case .get(let key, let readQuorum):
            let quorums = self.configuration.quorums
            if let history = self.histories[key] {
                let asked = readQuorum ?? quorums.readQuorum
                begun.forgotten = history.forgotten
                (begun.visible, begun.overwritten) = history.due(toReadQuorum: asked, of: quorums.replicaCount)
            }
        case .put(let put):
            begun.isCausalWrite = put.supersession != .older
            self.sums.began(operation, put.key)
        case .scan(let cursor, _):
            self.sums.scanned(operation.client, from: cursor, at: operation.began)
        case .countKeys:
            break
        }
        self.begun[operation.number] = begun
    }

    /// - Parameter lostCopy: Whether a copy of the key was taken away on purpose while the operation ran: then one of the
    ///   W may be missing already, and no read need see it before repair.
    func ended(_ operation: Workload.Operation, _ result: ClientResult, lostCopy: Bool, now: Duration) {
        switch (operation.request, result) {
        case (.get(let key, _), .record(let record, let evidence)):
            self.read(operation, key, record, evidence)
        case (.put(let put), .stored(let record, _, let standIns)) where !record.isEmpty:
            self.stored(operation, put, record, isStrict: standIns == 0 && !lostCopy, now: now)
        case (.scan, .keys(let keys, let next)):
            self.check(self.sums.page(of: operation.client, keys, isLast: next == .end))
        case (.put, .failed(let failure)):
            self.failures += 1
            if failure.isSure {
                self.refused.insert(operation.number)
                if self.begun[operation.number]?.mintings ?? 0 > 0 {
                    self.violated("write \(operation.number) was minted and then refused for sure")
                }
            }
        case (_, .failed):
            self.failures += 1
        default:
            return
        }
    }

    private func stored(
        _ operation: Workload.Operation,
        _ put: PutRequest,
        _ record: Record,
        isStrict: Bool,
        now: Duration
    ) {
        self.acknowledgedWrites += 1
        let durability = put.durability ?? .all
        var history = self.histories[put.key] ?? KeyHistory()
        history.learned(record)
        if self.configuration.isKept(durability) {
            let writeQuorum = put.writeQuorum ?? self.configuration.quorums.writeQuorum
            let isStrict = isStrict && self.configuration.isStrict(durability)
            history.acknowledged(
                record,
                writeQuorum: isStrict ? writeQuorum : nil,
                isDurable: durability == .all
            )
            let quorums = self.configuration.quorums
            // Scans ask R members for each page.
            let isScanned = isStrict && quorums.readQuorum + writeQuorum > quorums.replicaCount
            self.sums.acknowledged(operation, put.key, isScanned: isScanned, now: now)
            if isStrict {
                self.acknowledgedAt[operation.number] = now
                if put.supersession == .older {
                    let write = PlainWrite(number: operation.number, began: operation.began, ended: now)
                    self.plainWrites[put.key, default: []].append(write)
                }
            }
        }
        self.histories[put.key] = history
    }

    private func read(_ operation: Workload.Operation, _ key: Key, _ record: Record, _ evidence: ReadEvidence) {
        self.quorumReads += 1
        var history = self.histories[key] ?? KeyHistory()
        let forgotten = self.begun[operation.number]?.forgotten ?? VersionSet()
        let place = "read \(operation.number) of \(key.name) at \(operation.began)"
        self.checkSiblings(of: record, key, in: history, place)
        history.learned(record)
        self.histories[key] = history
        if let revived = history.shown(record).intersection(forgotten).first {
            self.violated("\(place) shows \(history.versions[revived].dot), deleted and forgotten before")
        }
        guard evidence.standIns == 0, let begun = self.begun[operation.number] else { return }
        self.strictReads += 1
        let accounted = history.accounted(record).union(history.collected)
        if let missing = begun.visible.first(missingFrom: accounted) {
            self.violated("\(place) misses \(history.versions[missing].dot), acknowledged before")
        }
        if let revived = history.shown(record).intersection(begun.overwritten).first {
            self.violated("\(place) shows \(history.versions[revived].dot), overwritten before")
        }
        if self.showsTheLastPlainWrite(operation.request) {
            self.checkWinner(of: record, operation, key)
        }
    }

    /// Whether the read meets every acknowledged write, and those meet each other: with less than that, which of two
    /// plain writes is the later one is a question of clocks.
    private func showsTheLastPlainWrite(_ request: ClientOperation) -> Bool {
        guard case .get(_, let readQuorum) = request else { return false }
        let quorums = self.configuration.quorums
        let read = readQuorum ?? quorums.readQuorum
        return min(read, quorums.writeQuorum) + quorums.writeQuorum > quorums.replicaCount
    }

    private func checkWinner(of record: Record, _ operation: Workload.Operation, _ key: Key) {
        guard let value = record.winner?.value else { return }
        let shown = Payload.number(in: value)
        guard shown <= self.latestBegun else {
            self.violated("read \(operation.number) shows a value that nobody wrote")
            return
        }
        guard let acknowledged = self.acknowledgedAt[shown] else { return }
        for write in self.plainWrites[key] ?? [] where write.began > acknowledged && write.ended < operation.began {
            guard !self.wasReplacedCausally(write.number, key, in: record) else { continue }
            self.violated(
                "plain read \(operation.number) shows write \(shown), which plain write \(write.number) replaced"
            )
            return
        }
    }

    /// A causal write that had seen the later of two plain writes, and not the earlier one, leaves the earlier: whether a
    /// plain read shows that or the causal one is a question of clocks again.
    private func wasReplacedCausally(_ number: UInt64, _ key: Key, in record: Record) -> Bool {
        guard self.causalKeys.contains(key), let history = self.histories[key] else { return false }
        let replaced = history.accounted(record).subtracting(history.shown(record))
        return history.versions.indices.contains { index in
            guard replaced.contains(index), let value = history.versions[index].value else { return false }
            return Payload.number(in: value) == number
        }
    }

    // MARK: Copies

    /// - Parameter missing: What the copies lack at the instant of the acknowledgement, for people; `nil` if nothing.
    func acknowledged(_ operation: Workload.Operation, copies missing: String?) {
        if let missing {
            self.violated("write \(operation.number) was acknowledged with \(missing)")
        }
    }

    /// A replica or a hint store gives up a record that is durable there.
    func gaveUp(_ record: Record, of key: Key, at node: NodeID, left: VersionSet) {
        guard let history = self.histories[key] else { return }
        let due = history.accounted(record).intersection(history.durable).subtracting(history.collected)
        if let missing = due.first(missingFrom: left) {
            self.violated(
                "node \(node) dropped \(history.versions[missing].dot) of \(key.name), leaving too few copies"
            )
        }
    }

    /// Every sibling of the record is a tombstone, and a replica dropped it.
    func collected(_ record: Record, of key: Key) {
        self.collectedRecords += 1
        self.histories[key]?.dropped(record)
    }

    func healed() {
        self.collectedBeforeHealing = self.collectedRecords
    }

    func keptTombstones(because obstacle: TombstoneObstacle) {
        self.obstacles[obstacle, default: 0] += 1
    }

    // MARK: Layouts

    package var changesEnded: [LayoutChange.Kind: Int] { self.layouts.ended }

    func adopted(_ layout: Layout, as bytes: [UInt8], by node: NodeID) {
        self.check(self.layouts.adopted(layout, as: bytes, by: node))
    }

    /// Reads turn to a new row: each read quorum of it must meet every write that was acknowledged (SAFETY rule 11).
    ///
    /// - Parameters:
    ///   - held: What each node of the new row accounts for on its disk.
    ///   - readQuorum: R of the new row.
    func readsTurned(to held: [VersionSet], of key: Key, readQuorum: Int) {
        guard let history = self.histories[key] else { return }
        let quorums = self.configuration.quorums
        guard held.count >= readQuorum else { return }
        var count = VersionCount(upTo: held.count)
        held.forEach { count.add($0) }
        let met = count.atLeast(held.count - readQuorum + 1).union(history.collected)
        let visible = history.due(toReadQuorum: quorums.readQuorum, of: quorums.replicaCount).visible
        let due = visible.intersection(history.durable)
        if let missing = due.first(missingFrom: met) {
            self.violated("reads of \(key.name) turn to a row that has too little of \(history.versions[missing].dot)")
        }
    }

    // MARK: The end

    func finallyHeld(_ record: Record, of key: Key, by node: NodeID) {
        let history = self.histories[key] ?? KeyHistory()
        self.checkSiblings(of: record, key, in: history, "node \(node)")
        let accounted = history.accounted(record).union(history.collected)
        if let missing = history.promised.first(missingFrom: accounted) {
            self.violated("node \(node) has lost \(history.versions[missing].dot) of \(key.name)")
        }
        if let revived = history.shown(record).intersection(history.overwritten.union(history.forgotten)).first {
            self.violated("node \(node) has revived \(history.versions[revived].dot) of \(key.name)")
        }
        self.check(self.sums.finallyHeld(record, of: key))
    }
}

extension Key {
    /// For people.
    var name: String { String(decoding: self.bytes, as: UTF8.self) }
}

extension ClientFailure {
    /// Nothing was stored, and nothing of it will ever be seen.
    var isSure: Bool {
        switch self {
        case .notInitialised, .starting, .draining, .overloaded, .invalid: true
        case .quorumLost, .notDurable: false
        }
    }
}
