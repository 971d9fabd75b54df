/// Driving moves: as newcomer, as new owner of a partition that is drained, and as LayoutCoordinator.
extension ControlCore {
    /// The member that proposes the next steps: the lowest id among the voters that it can reach. Two at the same time
    /// do no harm: the log decides between them, and all the state of a change is in it.
    package var isLayoutCoordinator: Bool {
        self.layout.map { self.layoutCoordinator(of: $0) == self.node } ?? false
    }

    /// As this node sees it.
    package func layoutCoordinator(of layout: Layout) -> NodeID? {
        layout.voters.first { $0 == self.node || self.connected.contains($0) }
    }

    mutating func collectReceipts(into effects: inout [Effect]) {
        guard let layout = self.layout, layout.change?.state == .running, self.isLayoutCoordinator else { return }
        let drivers = Set(layout.moves.flatMap { layout.receiptsDue(of: $0) }).union(layout.leaving)
        for node in drivers.sorted() where node != self.node && !layout.lost.contains(node) {
            self.ask(node, .collectReceipts, for: .receipts(layout.version), into: &effects)
        }
        if self.isLeaving, !self.isCountingOwnHints {
            self.isCountingOwnHints = true
            effects.append(.countHints)
        }
    }

    // MARK: Leaving

    /// A member that leaves delivers its hints first: the last step of the change waits for that (SAFETY rule 8).
    private var isLeaving: Bool { self.layout?.leaving.contains(self.node) ?? false }

    mutating func receiptsAsked(_ request: RequestCore.PeerRequestID, into effects: inout [Effect]) {
        guard self.isLeaving else {
            effects.append(.answerPeer(request, .receipts(self.moves.ownReceipts, hintsHeld: .max)))
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

    // MARK: Own work

    mutating func driveMoves(into effects: inout [Effect]) {
        guard let layout = self.layout else { return }
        self.proposeNextSteps(layout, into: &effects)
        guard layout.change?.state == .running else { return }
        for work in self.moves.work where self.moves.runningCount < layout.limits.fillsPerNodeMax {
            self.drive(work, layout, into: &effects)
        }
    }

    private mutating func drive(_ work: MoveProgress.Work, _ layout: Layout, into effects: inout [Effect]) {
        guard let move = layout.move(of: work.partition), !self.moves.hasOwnReceipt(for: move, of: self.node),
            !self.moves.isRunning(move), self.moves.mayTry(move, at: self.now),
            let sources = self.sources(of: move, first: work.source, layout)
        else { return }
        let order = CoverOrder(
            partition: move.partition,
            session: self.takeID(),
            sources: sources,
            reviveSince: layout.member(self.node)?.joinedAt ?? .none
        )
        self.moves.began(order, for: move)
        let isFilling = move.phase == .dualWrite && !move.from.contains(self.node)
        effects.append(isFilling ? .fill(order) : .takeOver(order))
    }

    /// Whom this node must cover for its receipt: in `dualWrite` exactly the fenced replicas, beginning with the one that
    /// `MoveOrder` has chosen, or else with another one for each partition, so that the load of copying spreads; in
    /// `draining` every former owner that can still be asked, once it lets no older request count.
    private func sources(of move: PartitionMove, first: NodeID?, _ layout: Layout) -> [NodeID]? {
        switch move.phase {
        case .readNew:
            return nil
        case .dualWrite:
            guard let fenced = self.fencedReplicas(of: move, in: layout) else { return nil }
            // One that died since is left out, as long as the others stop it from completing a quorum.
            let alive = fenced.filter { $0 == self.node || self.connected.contains($0) }
            let others = (alive.count >= layout.fenceQuorum(of: move) ? alive : fenced).filter { $0 != self.node }
            guard !others.isEmpty else { return [] }
            let start = others.firstIndex { $0 == first } ?? move.partition.rawValue % others.count
            return Array(others[start...] + others[..<start])
        case .draining:
            let leavers = layout.leaversAwaited(of: move)
            return leavers.allSatisfy { self.fences.isInstalled(move.fence, at: $0) } ? leavers : nil
        }
    }

    // MARK: Coordinating

    private mutating func proposeNextSteps(_ layout: Layout, into effects: inout [Effect]) {
        let isWaiting = self.wishes.contains { wish in
            if case .layoutCoordinator = wish.wisher { return true }
            return false
        }
        let pause =
            self.moves.isFilling(layout)
            ? self.configuration.stepPauseWhileFilling : self.configuration.stepPause
        guard !isWaiting, self.now >= self.stepAt + pause, self.isLayoutCoordinator,
            self.nextLayout(after: layout) != nil
        else { return }
        self.stepAt = self.now
        self.wishes.append(Wish(wisher: .layoutCoordinator))
        if self.decision == nil {
            self.pushDecision(into: &effects)
        }
    }

    /// The next step of the change that runs, or the end of the time in which the last one can be undone.
    func nextLayout(after layout: Layout) -> Layout? {
        guard let change = layout.change else { return nil }
        switch change.state {
        case .paused:
            return nil
        case .running:
            return self.moves.nextLayout(after: layout) { self.fencedReplicas(of: $0, in: layout) != nil }
        case .finished:
            guard change.origin != nil, self.now >= self.finishedAt + self.configuration.undoWindow else { return nil }
            // Nothing to be refused: it has finished and can be undone.
            return try? layout.closingUndo()
        }
    }
}
