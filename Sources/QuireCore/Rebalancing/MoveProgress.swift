/// What one member remembers, in memory, of the partitions in motion. All of it can be found out again: phases
/// and recorded receipts are in the layout, the rest is asked anew after a restart.
package struct MoveProgress: Sendable {
    package struct Failure: Sendable {
        package var reason: String
        var retryAt: Duration
        package var attempts: Int
    }

    /// A move in one of its phases: what is done for one of these is of no use to another.
    private struct Key: Hashable, Sendable {
        let partition: PartitionID
        let phase: PartitionMove.Phase
        let fence: LayoutVersion

        init(_ move: PartitionMove) {
            self.partition = move.partition
            self.phase = move.phase
            self.fence = move.fence
        }

        init(_ receipt: PartitionReceipt) {
            self.partition = receipt.partition
            self.phase = receipt.phase
            self.fence = receipt.fence
        }
    }

    private struct NodeKey: Hashable, Sendable {
        let move: Key
        let node: NodeID
    }

    /// A move that waits for a receipt of this node.
    struct Work: Hashable, Sendable {
        let partition: PartitionID
        /// The replica to copy from first, if it can be.
        let source: NodeID?
    }

    /// In the order in which this node begins them.
    private(set) var work: [Work] = []
    /// By session.
    private var running: [UInt64: (key: Key, order: ControlCore.CoverOrder)] = [:]
    package private(set) var failures: [PartitionID: Failure] = [:]
    private var own: [Key: PartitionReceipt] = [:]
    private var collectedReceipts: [NodeKey: PartitionMove.Receipt] = [:]
    /// Keys that leaving members still held as stand-ins, counted under the present version.
    private var hintsHeld: [NodeID: Int] = [:]

    /// Receipts that the layout may not know yet, ascending by partition.
    var ownReceipts: [PartitionReceipt] {
        self.own.values.sorted { ($0.partition, $0.fence) < ($1.partition, $1.fence) }
    }

    var runningCount: Int { self.running.count }

    /// - Returns: the sessions that are of no use any more.
    mutating func adopted(_ layout: Layout, at node: NodeID) -> [ControlCore.CoverOrder] {
        let isRunning = layout.change?.state == .running
        let alive = Set(layout.moves.map { Key($0) })
        let due = isRunning ? layout.moves.filter { layout.receiptsDue(of: $0).contains(node) } : []
        let wanted = Set(due.map { Key($0) })
        self.work = Self.ordered(due, layout, at: node)
        let stopped = self.running.filter { !wanted.contains($0.value.key) }.sorted { $0.key < $1.key }
        for (session, _) in stopped { self.running[session] = nil }
        self.own = self.own.filter { alive.contains($0.key) }
        self.collectedReceipts = self.collectedReceipts.filter { alive.contains($0.key.move) }
        let moving = Set(layout.moves.map(\.partition))
        self.failures = self.failures.filter { moving.contains($0.key) }
        self.hintsHeld = [:]
        return stopped.map(\.value.order)
    }

    /// First what ends moves, then fills in their order, then what is to be covered by those who have the partition.
    private static func ordered(_ due: [PartitionMove], _ layout: Layout, at node: NodeID) -> [Work] {
        let isFilling = due.contains { $0.phase == .dualWrite && $0.newcomers.contains(node) }
        let fills = isFilling ? MoveOrder.order(of: layout.moves, layout: layout).filter { $0.target == node } : []
        let filled = Set(fills.map(\.partition))
        let ending = due.filter { $0.phase == .draining }
        let others = due.filter { $0.phase != .draining && !filled.contains($0.partition) }
        return ending.map { Work(partition: $0.partition, source: nil) }
            + fills.map { Work(partition: $0.partition, source: $0.source) }
            + others.map { Work(partition: $0.partition, source: nil) }
    }

    mutating func hintsCounted(_ count: Int, at node: NodeID) {
        self.hintsHeld[node] = count
    }

    // MARK: Own work

    mutating func began(_ order: ControlCore.CoverOrder, for move: PartitionMove) {
        self.running[order.session] = (Key(move), order)
    }

    func isRunning(_ move: PartitionMove) -> Bool {
        let key = Key(move)
        return self.running.values.contains { $0.key == key }
    }

    func mayTry(_ move: PartitionMove, at now: Duration) -> Bool {
        self.failures[move.partition].map { $0.retryAt <= now } ?? true
    }

    /// Results of sessions that were stopped are void.
    mutating func covered(_ session: UInt64, _ receipt: PartitionMove.Receipt) {
        guard let (key, order) = self.running.removeValue(forKey: session) else { return }
        self.failures[key.partition] = nil
        var receipt = receipt
        receipt.sources = order.sources.sorted()
        let own = PartitionReceipt(partition: key.partition, phase: key.phase, fence: key.fence, receipt: receipt)
        self.own[key] = own
        self.collected([own])
    }

    mutating func failed(_ session: UInt64, reason: String, retryAt: Duration) {
        guard let (key, _) = self.running.removeValue(forKey: session) else { return }
        let attempts = (self.failures[key.partition]?.attempts ?? 0) + 1
        self.failures[key.partition] = Failure(reason: reason, retryAt: retryAt, attempts: attempts)
    }

    func hasOwnReceipt(for move: PartitionMove, of node: NodeID) -> Bool {
        self.own[Key(move)] != nil || move.receipts.contains { $0.node == node }
    }

    // MARK: As coordinator

    mutating func collected(_ receipts: [PartitionReceipt]) {
        for receipt in receipts {
            self.collectedReceipts[NodeKey(move: Key(receipt), node: receipt.receipt.node)] = receipt.receipt
        }
    }

    /// Whether newcomers still have to fill themselves, as far as is known here.
    func isFilling(_ layout: Layout) -> Bool {
        layout.moves.contains { move in
            move.phase == .dualWrite
                && layout.receiptsDue(of: move).contains { node in
                    self.collectedReceipts[NodeKey(move: Key(move), node: node)] == nil
                        && !move.receipts.contains { $0.node == node }
                }
        }
    }

    /// The layout in which everything that can go on has gone on by one step; `nil` when nothing can.
    ///
    /// - Parameter isFenced: Whether enough replicas of the old row have installed the fence of this move.
    func nextLayout(after layout: Layout, isFenced: (PartitionMove) -> Bool) -> Layout? {
        guard !layout.moves.isEmpty else {
            return self.areHintsDelivered(layout) ? try? layout.dismissingLeavers() : nil
        }
        var receipts: [PartitionID: [PartitionMove.Receipt]] = [:]
        var readNew: [PartitionID] = []
        var draining: [PartitionID] = []
        var finished: [PartitionID] = []
        for move in layout.moves {
            let due = layout.receiptsDue(of: move)
            let news = due.compactMap { node -> PartitionMove.Receipt? in
                guard !move.receipts.contains(where: { $0.node == node }) else { return nil }
                return self.collectedReceipts[NodeKey(move: Key(move), node: node)]
            }
            if !news.isEmpty {
                receipts[move.partition] = news
            }
            guard news.count + move.receipts.count(where: { due.contains($0.node) }) == due.count else { continue }
            switch move.phase {
            case .dualWrite: readNew.append(move.partition)
            case .readNew: if isFenced(move) { draining.append(move.partition) }
            case .draining: finished.append(move.partition)
            }
        }
        // The last step drops the members that leave: what they hold for others must have been delivered.
        if finished.count == layout.moves.count, !self.areHintsDelivered(layout) {
            finished.removeLast()
        }
        guard !receipts.isEmpty || !readNew.isEmpty || !draining.isEmpty || !finished.isEmpty else { return nil }
        do throws(MoveRefusal) {
            var next = try layout.recording(receipts: receipts)
            // Four steps, one decision: each is taken from the version before it.
            next.version = layout.version
            next = try next.advancedToReadNew(readNew)
            next.version = layout.version
            next = try next.advancedToDraining(draining)
            next.version = layout.version
            return try next.finished(finished)
        } catch {
            preconditionFailure("a step of a move was prepared against its own rules: \(error)")
        }
    }

    private func areHintsDelivered(_ layout: Layout) -> Bool {
        layout.leaving.allSatisfy { layout.lost.contains($0) || self.hintsHeld[$0] == 0 }
    }
}
