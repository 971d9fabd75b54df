/// The spreading of decided layouts, and fences (SAFETY rule 11).
extension ControlCore {
    func answerToGossip(_ version: LayoutVersion) -> ControlMessage {
        let state = self.acceptor.state
        if let decided = state.decided, state.decidedVersion > version, version > .none, self.mayTell(decided) {
            return .layout(decided.layout)
        }
        return .nothingNewer(state.decidedVersion)
    }

    /// A node that has left may be the only one that knows it: the members wait for it to go on, and it does not know
    /// any more that it was one.
    private func mayTell(_ decided: AcceptedLayout) -> Bool {
        self.layout != nil || self.configuration.decode(decided.layout).map { $0.member(self.node) == nil } ?? false
    }

    /// Brings a member up to date. Strangers are only told of layouts that invite them.
    mutating func sendDecided(to node: NodeID, ifOlder version: LayoutVersion, into effects: inout [Effect]) {
        let state = self.acceptor.state
        guard let layout = self.layout, let decided = state.decided, version < state.decidedVersion else { return }
        let isInvited = layout.member(node) != nil || self.decision != nil
        guard version > .none || isInvited else { return }
        self.ask(node, .decided(decided.layout), for: .decided, into: &effects)
    }

    /// The data path has met a layout that this node does not have: voters know it, or will soon.
    mutating func layoutSeen(_ version: LayoutVersion, into effects: inout [Effect]) {
        guard version > self.acceptor.state.decidedVersion else { return }
        let partners = (self.layout?.voters ?? []).filter { self.connected.contains($0) }
        for node in partners.isEmpty ? self.connected.sorted() : partners {
            self.gossip(with: node, into: &effects)
        }
    }

    // MARK: Installing fences

    mutating func fenceAsked(
        _ request: RequestCore.PeerRequestID,
        _ version: LayoutVersion,
        into effects: inout [Effect]
    ) {
        if self.adoptedVersion >= version {
            effects.append(.answerPeer(request, .fenceInstalled(self.adoptedVersion)))
        } else {
            self.fenceWaiters.append((version, request))
        }
    }

    /// Every request core of this node counts by this version, which is on disk: the fences in it are installed here.
    mutating func adoptionConfirmed(_ version: LayoutVersion, into effects: inout [Effect]) {
        self.adoptedVersion = max(self.adoptedVersion, version)
        for waiter in self.fenceWaiters where waiter.version <= self.adoptedVersion {
            effects.append(.answerPeer(waiter.request, .fenceInstalled(self.adoptedVersion)))
        }
        self.fenceWaiters.removeAll { $0.version <= self.adoptedVersion }
        self.fences.installed(self.adoptedVersion, at: self.node)
    }

    // MARK: Asking for fences

    /// Asks the replicas whose fences this node waits for: those that it fills itself from, or whose row it lets go.
    mutating func askForFences(into effects: inout [Effect]) {
        guard let layout = self.layout, !layout.moves.isEmpty, layout.change?.state == .running else { return }
        var needed: [NodeID: LayoutVersion] = [:]
        let isCoordinator = self.isLayoutCoordinator
        for move in layout.moves {
            let isDriver =
                layout.receiptsDue(of: move).contains(self.node) && !self.moves.hasOwnReceipt(for: move, of: self.node)
            guard isDriver || (isCoordinator && move.phase == .readNew) else { continue }
            for node in move.from where !layout.lost.contains(node) && !self.fences.isInstalled(move.fence, at: node) {
                needed[node] = max(needed[node] ?? .none, move.fence)
            }
        }
        for node in needed.keys.sorted() where node != self.node {
            self.fences.asked(node, at: self.now)
            self.ask(node, .installFence(needed[node] ?? .none), for: .fence, into: &effects)
        }
    }

    /// Whose fence this move still waits for, ascending: for people.
    package func fencesMissing(of move: PartitionMove, in layout: Layout) -> [NodeID] {
        guard self.fencedReplicas(of: move, in: layout) == nil else { return [] }
        return move.from.filter { !layout.lost.contains($0) && !self.fences.isInstalled(move.fence, at: $0) }.sorted()
    }

    /// Which replicas of the old row have installed the move's fence, if they are enough to go on.
    ///
    /// Whoever can be reached is waited for, so that nothing is left out without need; whoever cannot, or keeps silent
    /// for too long, is not: enough others stop the rest from completing a quorum.
    package func fencedReplicas(of move: PartitionMove, in layout: Layout) -> [NodeID]? {
        let replicas = move.from.filter { !layout.lost.contains($0) }
        let fenced = replicas.filter { self.fences.isInstalled(move.fence, at: $0) }
        let isComplete = replicas.allSatisfy { node in
            fenced.contains(node)
                || !self.fences.isAwaited(node, isConnected: self.connected.contains(node), now: self.now)
        }
        return isComplete && fenced.count >= layout.fenceQuorum(of: move) ? fenced : nil
    }
}
