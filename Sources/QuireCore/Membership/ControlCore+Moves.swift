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
        for member in layout.members where member.id != self.node {
            self.ask(member.id, .collectReceipts, for: .receipts, into: &effects)
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
