/// Driving moves: as newcomer, as new owner of a drained partition, and as LayoutCoordinator.
extension ControlCore {
    /// The member that proposes the next steps: the lowest id among those it can reach. Two at the same time do
    /// no harm; the log decides between them.
    package var isLayoutCoordinator: Bool {
        guard let layout = self.layout else { return false }
        return layout.members.map(\.id).first { $0 == self.node || self.connected.contains($0) } == self.node
    }

    mutating func collectReceipts(into effects: inout [Effect]) {
        guard let layout = self.layout, !layout.moves.isEmpty, self.isLayoutCoordinator else { return }
        let isPastBarrier = self.moves.isPastBarrier(layout)
        for member in layout.members where member.id != self.node {
            self.ask(member.id, .collectReceipts, for: .receipts(isPastBarrier: isPastBarrier), into: &effects)
        }
        if isPastBarrier, self.isLeaving, !self.isCountingOwnHints {
            self.isCountingOwnHints = true
            effects.append(.countHints)
        }
    }

    // MARK: Leaving

    /// A member that leaves delivers its hints first: the last step of the change waits for that (SAFETY rule 8).
    private var isLeaving: Bool {
        guard let layout = self.layout else { return false }
        return layout.leavingMembers.contains { $0.id == self.node }
    }

    mutating func receiptsAsked(_ request: RequestCore.PeerRequestID, into effects: inout [Effect]) {
        guard self.isLeaving else {
            effects.append(.answerPeer(request, .receipts(self.moves.ownReceipts, hintsHeld: 0)))
            return
        }
        self.receiptWaiters.append(request)
        effects.append(.countHints)
    }

    mutating func hintsCounted(_ count: Int, into effects: inout [Effect]) {
        for request in self.receiptWaiters {
            effects.append(.answerPeer(request, .receipts(self.moves.ownReceipts, hintsHeld: count)))
        }
        self.receiptWaiters = []
        if self.isCountingOwnHints {
            self.isCountingOwnHints = false
            self.moves.hintsCounted(count, at: self.node)
        }
    }

    mutating func driveMoves(into effects: inout [Effect]) {
        guard let layout = self.layout, !layout.moves.isEmpty else { return }
        if !self.barrier.isAsked {
            self.askBarrier(into: &effects)
        }
        for move in layout.moves where self.moves.running.count < self.configuration.transfersMax {
            self.driveMove(move, into: &effects)
        }
        self.proposeNextSteps(layout, into: &effects)
    }

    private mutating func driveMove(_ move: PartitionMove, into effects: inout [Effect]) {
        guard self.moves.passed[move.partition] == move.phase, move.receiptsDue.contains(self.node),
            !self.moves.hasOwnReceipt(for: move, of: self.node), !self.moves.running.contains(move.partition),
            self.moves.failures[move.partition].map({ $0.retryAt <= self.now }) ?? true
        else { return }
        switch move.phase {
        case .dualWrite where move.from.contains(self.node):
            self.moves.began(move.partition)
            effects.append(.takeOver(move.partition, from: move.leavers))
        case .dualWrite:
            self.moves.began(move.partition)
            effects.append(.fill(move.partition, from: Self.sources(of: move)))
        case .draining:
            self.moves.began(move.partition)
            effects.append(.takeOver(move.partition, from: move.leavers))
        case .readNew:
            return
        }
    }

    /// Covering the leavers is the same work in both phases; what it is a receipt for depends on when it was done.
    func phased(_ receipt: PartitionReceipt) -> PartitionReceipt {
        guard let move = self.layout?.move(of: receipt.partition), move.from.contains(self.node) else { return receipt }
        return PartitionReceipt(partition: receipt.partition, phase: move.phase, receipt: receipt.receipt)
    }

    /// All old replicas, beginning with another one for each partition, so that the load of copying spreads.
    private static func sources(of move: PartitionMove) -> [NodeID] {
        let first = move.partition.rawValue % move.from.count
        return Array(move.from[first...] + move.from[..<first])
    }

    private mutating func proposeNextSteps(_ layout: Layout, into effects: inout [Effect]) {
        let isWaiting = self.wishes.contains { wish in
            if case .layoutCoordinator = wish.wisher { return true }
            return false
        }
        guard self.isLayoutCoordinator, !isWaiting, self.now >= self.stepAt,
            self.moves.nextLayout(after: layout) != nil
        else { return }
        self.stepAt = self.now + .milliseconds(200)
        self.wishes.append(Wish(wisher: .layoutCoordinator))
        if self.decision == nil {
            self.pushDecision(into: &effects)
        }
    }
}
