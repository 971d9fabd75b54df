/// How one node sees another, for operators. Nobody else is told to believe it (Dynamo §4.8.3).
package struct PeerView: Hashable, Sendable {
    package enum State: String, Sendable, Hashable {
        case reachable
        /// Linked, but it has not answered for a while.
        case silent
        case unreachable
    }

    package let state: State
    /// Since when it is so.
    package let since: Duration
    /// `nil`: never since this node started.
    package let lastHeard: Duration?

    package init(state: State, since: Duration, lastHeard: Duration?) {
        self.state = state
        self.since = since
        self.lastHeard = lastHeard
    }
}

/// Watches the other nodes through the control path's own traffic: its links, and the answers to its gossip.
struct PeerWatch: Sendable {
    private struct Sight {
        var isLinked = false
        var changedAt: Duration
        var lastHeard: Duration?
        /// When gossip was sent that nothing has been heard after.
        var waitingSince: Duration?
    }

    /// Gossip is answered from memory: whoever needs longer is not well.
    static let silenceMax = Duration.seconds(5)

    private var sights: [NodeID: Sight] = [:]
    private var startedAt = Duration.zero

    mutating func started(at now: Duration) {
        self.startedAt = now
    }

    mutating func connected(_ node: NodeID, at now: Duration) {
        self.sights[node] = Sight(isLinked: true, changedAt: now, lastHeard: now)
    }

    mutating func lost(_ node: NodeID, at now: Duration) {
        guard let sight = self.sights[node], sight.isLinked else { return }
        // A node that fell silent has been out of reach since then, not only since its link was given up.
        let isSilent = sight.waitingSince.map { now - $0 > Self.silenceMax } ?? false
        let changedAt = isSilent ? sight.lastHeard ?? now : now
        self.sights[node] = Sight(isLinked: false, changedAt: changedAt, lastHeard: sight.lastHeard)
    }

    mutating func gossiped(with node: NodeID, at now: Duration) {
        guard let sight = self.sights[node], sight.isLinked, sight.waitingSince == nil else { return }
        self.sights[node]?.waitingSince = now
    }

    mutating func heard(_ node: NodeID, at now: Duration) {
        self.sights[node]?.lastHeard = now
        self.sights[node]?.waitingSince = nil
    }

    mutating func forget(allBut nodes: Set<NodeID>) {
        self.sights = self.sights.filter { $0.value.isLinked || nodes.contains($0.key) }
    }

    /// - Parameter lastReceived: When anything came from it on the link, as far as the shell knows.
    func view(of node: NodeID, at now: Duration, lastReceived: Duration?) -> PeerView {
        guard let sight = self.sights[node] else {
            return PeerView(state: .unreachable, since: self.startedAt, lastHeard: nil)
        }
        let lastHeard = [sight.lastHeard, lastReceived].compactMap { $0 }.max()
        guard sight.isLinked else {
            return PeerView(state: .unreachable, since: sight.changedAt, lastHeard: lastHeard)
        }
        if let since = sight.waitingSince, now - max(since, lastHeard ?? since) > Self.silenceMax {
            return PeerView(state: .silent, since: lastHeard ?? since, lastHeard: lastHeard)
        }
        return PeerView(state: .reachable, since: sight.changedAt, lastHeard: lastHeard)
    }
}
