/// The spreading of decided layouts, and barriers: "everyone has adopted this version and finished what was older".
extension ControlCore {
    /// Which members have confirmed that they adopted a version and drained their older operations.
    struct Barrier: Sendable {
        var version = LayoutVersion.none
        var confirmed: Set<NodeID> = []
        var isAsked = false
    }

    func answerToGossip(_ version: LayoutVersion) -> ControlMessage {
        let state = self.acceptor.state
        if self.layout != nil, let decided = state.decided, state.decidedVersion > version, version > .none {
            return .layout(decided.layout)
        }
        return .nothingNewer(state.decidedVersion)
    }

    /// Brings a member up to date. Strangers are only told of layouts that invite them.
    mutating func sendDecided(to node: NodeID, ifOlder version: LayoutVersion, into effects: inout [Effect]) {
        let state = self.acceptor.state
        guard let layout = self.layout, let decided = state.decided, version < state.decidedVersion else { return }
        let isInvited = layout.member(node) != nil || self.decision != nil
        guard version > .none || isInvited else { return }
        self.ask(node, .decided(decided.layout), for: .decided, into: &effects)
    }

    // MARK: Draining

    mutating func drainAsked(
        _ request: RequestCore.PeerRequestID,
        _ version: LayoutVersion,
        into effects: inout [Effect]
    ) {
        if self.drainedVersion >= version {
            effects.append(.answerPeer(request, .drained(self.drainedVersion)))
        } else {
            self.drainWaiters.append((version, request))
        }
    }

    mutating func drained(_ version: LayoutVersion, into effects: inout [Effect]) {
        self.drainedVersion = max(self.drainedVersion, version)
        for waiter in self.drainWaiters where waiter.version <= self.drainedVersion {
            effects.append(.answerPeer(waiter.request, .drained(self.drainedVersion)))
        }
        self.drainWaiters.removeAll { $0.version <= self.drainedVersion }
        self.barrierConfirmed(by: self.node, self.drainedVersion)
    }

    // MARK: Barriers

    /// While partitions move, every member finds out for itself that all members have passed the version.
    mutating func askBarrier(into effects: inout [Effect]) {
        guard let layout = self.layout, !layout.moves.isEmpty else { return }
        self.barrier.isAsked = true
        for member in layout.members where !self.barrier.confirmed.contains(member.id) && member.id != self.node {
            self.ask(member.id, .drain(layout.version), for: .barrier(layout.version), into: &effects)
        }
    }

    mutating func barrierConfirmed(by node: NodeID, _ version: LayoutVersion) {
        guard version >= self.barrier.version else { return }
        self.barrier.confirmed.insert(node)
        guard let layout = self.layout, layout.version == self.barrier.version else { return }
        if layout.members.allSatisfy({ self.barrier.confirmed.contains($0.id) }) {
            self.moves.barrierPassed(layout)
        }
    }
}
