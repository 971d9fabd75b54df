/// What one member remembers, in memory, of the partitions in motion. All of it can be found out again: phases
/// and recorded receipts are in the layout, the rest is asked anew after a restart.
struct MoveProgress: Sendable {
    struct Failure: Sendable {
        var reason: String
        var retryAt: Duration
    }

    private struct Key: Hashable, Sendable {
        let partition: PartitionID
        let phase: PartitionMove.Phase
        let node: NodeID
    }

    /// The phase of each moving partition for which the barrier has passed.
    private(set) var passed: [PartitionID: PartitionMove.Phase] = [:]
    private(set) var running: Set<PartitionID> = []
    private(set) var failures: [PartitionID: Failure] = [:]
    private var own: [PartitionID: PartitionReceipt] = [:]
    private var collectedReceipts: [Key: PartitionMove.Receipt] = [:]
    /// Keys that members still held as stand-ins, counted since the barrier of the present version was passed.
    private var hintsHeld: [NodeID: Int] = [:]
    private var barrierVersion = LayoutVersion.none

    /// Receipts that the layout may not know yet, ascending by partition.
    var ownReceipts: [PartitionReceipt] {
        self.own.values.sorted { $0.partition < $1.partition }
    }

    mutating func adopted(_ layout: Layout) {
        var phases: [PartitionID: PartitionMove.Phase] = [:]
        for move in layout.moves {
            phases[move.partition] = move.phase
        }
        self.passed = self.passed.filter { phases[$0.key] == $0.value }
        self.own = self.own.filter { phases[$0.key] == $0.value.phase }
        self.collectedReceipts = self.collectedReceipts.filter { phases[$0.key.partition] == $0.key.phase }
        self.failures = self.failures.filter { phases[$0.key] != nil }
        self.hintsHeld = [:]
    }

    /// Everyone has adopted `layout` and finished what was older.
    mutating func barrierPassed(_ layout: Layout) {
        self.barrierVersion = layout.version
        for move in layout.moves {
            self.passed[move.partition] = move.phase
        }
    }

    func isPastBarrier(_ layout: Layout) -> Bool { self.barrierVersion == layout.version }

    mutating func hintsCounted(_ count: Int, at node: NodeID) {
        self.hintsHeld[node] = count
    }

    mutating func began(_ partition: PartitionID) {
        self.running.insert(partition)
        self.failures[partition] = nil
    }

    mutating func covered(_ receipt: PartitionReceipt) {
        self.running.remove(receipt.partition)
        self.own[receipt.partition] = receipt
        self.collected([receipt])
    }

    mutating func failed(_ partition: PartitionID, reason: String, retryAt: Duration) {
        self.running.remove(partition)
        self.failures[partition] = Failure(reason: reason, retryAt: retryAt)
    }

    mutating func collected(_ receipts: [PartitionReceipt]) {
        for receipt in receipts {
            let key = Key(partition: receipt.partition, phase: receipt.phase, node: receipt.receipt.node)
            self.collectedReceipts[key] = receipt.receipt
        }
    }

    func hasOwnReceipt(for move: PartitionMove, of node: NodeID) -> Bool {
        self.own[move.partition]?.phase == move.phase || move.receipts.contains { $0.node == node }
    }

    /// The layout in which everything that can go on has gone on by one step; `nil` when nothing can.
    func nextLayout(after layout: Layout) -> Layout? {
        var receipts: [PartitionID: [PartitionMove.Receipt]] = [:]
        var readNew: [PartitionID] = []
        var draining: [PartitionID] = []
        var finished: [PartitionID] = []
        for move in layout.moves {
            let due = move.receiptsDue
            let news = due.compactMap { node -> PartitionMove.Receipt? in
                guard !move.receipts.contains(where: { $0.node == node }) else { return nil }
                return self.collectedReceipts[Key(partition: move.partition, phase: move.phase, node: node)]
            }
            if !news.isEmpty {
                receipts[move.partition] = news
            }
            let isComplete = news.count + move.receipts.count == due.count
            guard self.passed[move.partition] == move.phase, isComplete else { continue }
            switch move.phase {
            case .dualWrite: readNew.append(move.partition)
            case .readNew: draining.append(move.partition)
            case .draining: finished.append(move.partition)
            }
        }
        // The last step drops the members that leave: what they hold for others must have been delivered.
        if finished.count == layout.moves.count, !layout.leavingMembers.allSatisfy({ self.hintsHeld[$0.id] == 0 }) {
            finished.removeLast()
        }
        guard !receipts.isEmpty || !readNew.isEmpty || !draining.isEmpty || !finished.isEmpty else { return nil }
        do throws(MoveRefusal) {
            var next = try layout.recording(receipts: receipts)
            next = try next.advancedToReadNew(readNew)
            next = try next.advancedToDraining(draining)
            next = try next.finished(finished)
            // Four steps, one decision.
            next.version = layout.version.next
            return next
        } catch {
            preconditionFailure("a step of a move was prepared against its own rules: \(error)")
        }
    }
}
