import QuireCore

/// Watches a run from outside and notes what must never happen.
///
/// It knows causality by its own means: for each version the dots that its write really superseded, taken from what
/// the writer had read or replaced, not from vectors. A dot is *accounted for* by a record when it can be reached
/// from the record's siblings over those steps.
///
/// Always: no dot for two versions; no value that nobody wrote; W durable copies at each acknowledgement; a quorum
/// read that begins after an acknowledgement accounts for it; a plain read shows no value that an acknowledged plain
/// write replaced; one layout per version. At the end: every replica accounts for every acknowledged write.
package final class Checker {
    private struct Acknowledged {
        let dots: [Dot]
        let number: UInt64
        let at: Duration
        /// No stand-in was needed, so R + W > N promises that every later quorum read sees it.
        let isStrict: Bool
    }

    private struct PlainWrite {
        let number: UInt64
        let began: Duration
        let ended: Duration
    }

    private struct History {
        var minted: [Dot: Version] = [:]
        var superseded: [Dot: [Dot]] = [:]
        /// What a reader knew whose context is this vector.
        var known: [VersionVector: Set<Dot>] = [:]
        var acknowledged: [Acknowledged] = []
        var plainWrites: [PlainWrite] = []
        /// When the value of an operation was acknowledged.
        var acknowledgedAt: [UInt64: Duration] = [:]
    }

    package private(set) var violations: [String] = []
    package private(set) var acknowledgedWrites = 0
    package private(set) var quorumReads = 0
    /// Of reads and writes; all of them are results that a client may get.
    package private(set) var failures = 0
    private let writeQuorum: Int
    private var histories: [Key: History] = [:]
    private var dots: [Dot: Version] = [:]
    private var begun: Set<UInt64> = []
    private var layouts: [LayoutVersion: [UInt8]] = [:]
    private var changes: [String: (moved: Int, rows: [[NodeID]])] = [:]

    init(writeQuorum: Int) {
        self.writeQuorum = writeQuorum
    }

    func violated(_ what: String) {
        self.violations.append(what)
    }

    // MARK: Versions

    func minted(_ minting: SimulatedStorage.Minting, at node: NodeID) {
        let dot = minting.version.dot
        if let earlier = self.dots.updateValue(minting.version, forKey: dot), earlier != minting.version {
            self.violated("node \(node) bound \(dot) to two versions")
        }
        var history = self.histories[minting.key] ?? History()
        history.minted[dot] = minting.version
        switch minting.supersession {
        case .context(let vector):
            history.superseded[dot] = (history.known[vector] ?? []).sorted()
        case .older:
            let older = minting.before.siblings.filter { $0.timestamp < minting.version.timestamp }
            history.superseded[dot] = older.map(\.dot)
        }
        self.histories[minting.key] = history
    }

    /// Every dot that `record` holds or really supersedes.
    private func accounted(_ record: Record, in history: History) -> Set<Dot> {
        var result: Set<Dot> = []
        var open = record.siblings.map(\.dot)
        while let dot = open.popLast() {
            if result.insert(dot).inserted {
                open += history.superseded[dot] ?? []
            }
        }
        return result
    }

    private func checkSiblings(of record: Record, in history: History, _ place: String) {
        for sibling in record.siblings where history.minted[sibling.dot] != sibling {
            self.violated("\(place) shows a version that nobody minted: \(sibling)")
        }
    }

    // MARK: Clients

    func began(_ operation: Workload.Operation) {
        self.begun.insert(operation.number)
    }

    func ended(_ operation: Workload.Operation, _ result: ClientResult, now: Duration) {
        guard let key = operation.key else {
            self.checkPage(operation, result)
            return
        }
        switch (operation.request, result) {
        case (.get, .record(let record, let evidence)):
            self.read(operation, key, record, isStrict: evidence.standIns == 0)
        case (.put(let put), .stored(let record, _, let standIns)) where !record.isEmpty:
            self.acknowledgedWrites += 1
            var history = self.histories[key] ?? History()
            let dots = record.siblings.map(\.dot)
            history.acknowledged.append(
                Acknowledged(dots: dots, number: operation.number, at: now, isStrict: standIns == 0)
            )
            // What only stand-ins have is met by a later put only when it has been delivered.
            guard standIns == 0 else {
                self.histories[key] = history
                return
            }
            history.acknowledgedAt[operation.number] = now
            if put.supersession == .older {
                let write = PlainWrite(number: operation.number, began: operation.began, ended: now)
                history.plainWrites.append(write)
            }
            self.histories[key] = history
        case (_, .failed):
            self.failures += 1
        default:
            return
        }
    }

    private func read(_ operation: Workload.Operation, _ key: Key, _ record: Record, isStrict: Bool) {
        self.quorumReads += 1
        var history = self.histories[key] ?? History()
        let place = "read \(operation.number) at \(operation.began)"
        self.checkSiblings(of: record, in: history, place)
        let accounted = self.accounted(record, in: history)
        history.known[record.vector] = history.known[record.vector] ?? accounted
        self.histories[key] = history
        guard isStrict else { return }
        for write in history.acknowledged where write.at < operation.began && write.isStrict {
            if let missing = write.dots.first(where: { !accounted.contains($0) }) {
                self.violated("\(place) misses \(missing) of write \(write.number), acknowledged at \(write.at)")
                return
            }
        }
        self.checkWinner(of: record, operation, history)
    }

    private func checkWinner(of record: Record, _ operation: Workload.Operation, _ history: History) {
        guard let value = record.winner?.value else { return }
        let shown = value.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard self.begun.contains(shown) else {
            self.violated("read \(operation.number) shows a value that nobody wrote")
            return
        }
        guard let acknowledged = history.acknowledgedAt[shown] else { return }
        for write in history.plainWrites where write.began > acknowledged && write.ended < operation.began {
            self.violated(
                "plain read \(operation.number) shows write \(shown), which the later plain write \(write.number) replaced"
            )
            return
        }
    }

    private func checkPage(_ operation: Workload.Operation, _ result: ClientResult) {
        if case .keys(let keys, _) = result, Set(keys).count != keys.count {
            self.violated("scan \(operation.number) names a key twice")
        }
    }

    func acknowledged(_ operation: Workload.Operation, copies: Int) {
        if copies < self.writeQuorum {
            self.violated("write \(operation.number) was acknowledged with \(copies) durable copies")
        }
    }

    // MARK: Layouts

    func adopted(_ layout: Layout, as bytes: [UInt8], by node: NodeID) {
        if let other = self.layouts.updateValue(bytes, forKey: layout.version), other != bytes {
            self.violated("node \(node) adopted a second layout of version \(layout.version)")
        }
        guard let change = layout.change else { return }
        if change.beganAt == layout.version {
            let moved = layout.moves.reduce(0) { $0 + $1.newcomers.count }
            if moved != change.movedReplicas {
                self.violated("change \(change.planID) moves \(moved) replicas, planned were \(change.movedReplicas)")
            }
            self.changes[change.planID] = (moved, layout.targetRows)
        } else if change.isFinished, let planned = self.changes[change.planID], layout.staged.isEmpty,
            planned.rows != layout.rows
        {
            self.violated("change \(change.planID) ended with other rows than planned")
        }
    }

    /// Reads turn to a new row: each read quorum of it must meet every write that was acknowledged (SAFETY rule 11).
    ///
    /// - Parameter records: What each node of the new row has on disk.
    func readsTurned(to records: [Record], of key: Key, readQuorum: Int) {
        guard let history = self.histories[key] else { return }
        let accounted = records.map { self.accounted($0, in: history) }
        for write in history.acknowledged where write.isStrict {
            let copies = accounted.count { held in write.dots.allSatisfy { held.contains($0) } }
            if copies + readQuorum <= records.count {
                self.violated("reads of \(key) turn to a row that has write \(write.number) \(copies) times")
                return
            }
        }
    }

    // MARK: The end

    func finallyHeld(_ record: Record, of key: Key, by node: NodeID) {
        let history = self.histories[key] ?? History()
        self.checkSiblings(of: record, in: history, "node \(node)")
        let accounted = self.accounted(record, in: history)
        for write in history.acknowledged {
            if let missing = write.dots.first(where: { !accounted.contains($0) }) {
                self.violated("node \(node) has lost \(missing) of write \(write.number) to \(key)")
                return
            }
        }
    }
}
