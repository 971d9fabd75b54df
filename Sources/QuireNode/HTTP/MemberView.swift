import QuireCore
import QuireWire

/// How this node sees the members at one moment, in the words of the HTTP API.
struct MemberView: Sendable {
    private let node: NodeID
    private let sights: [NodeID: ControlLoop.Sight]
    /// What turns the times of the control path into milliseconds since 1970.
    private let epoch: Duration
    private let now: Duration

    init(of members: [Member], at control: ControlLoop) async throws {
        let (now, sights) = try await control.sights(of: members.map(\.id))
        self.node = control.node.member.id
        self.sights = sights
        self.now = now
        self.epoch = .milliseconds(Int64(MachineClock.wallMilliseconds)) - now
    }

    /// - Returns: `nil` for this node itself.
    func seen(_ member: NodeID) -> ClusterAPI.Sighting? {
        guard member != self.node, let view = self.sights[member]?.view else { return nil }
        return ClusterAPI.Sighting(
            state: view.state.rawValue,
            sinceMilliseconds: self.milliseconds(view.since),
            lastHeardMilliseconds: view.lastHeard.map(self.milliseconds)
        )
    }

    /// For how long a member has not answered; `nil` while it does, and for this node itself.
    func silentSeconds(of member: NodeID) -> Int? {
        guard member != self.node, let view = self.sights[member]?.view, view.state != .reachable else { return nil }
        let since = view.lastHeard ?? view.since
        return max(0, Int((self.now - since) / .seconds(1)))
    }

    func told(by member: NodeID) -> ClusterAPI.Gossip? {
        guard let entry = self.sights[member]?.entry else { return nil }
        return ClusterAPI.Gossip(
            incarnation: entry.stamp.incarnation,
            version: entry.stamp.version,
            layoutVersion: entry.layoutVersion.rawValue,
            peer: entry.member.peer.description,
            proxy: entry.member.proxy.description,
            http: entry.member.http.description,
            figures: entry.figures.values
        )
    }

    private func milliseconds(_ time: Duration) -> Int {
        Int((self.epoch + time) / .milliseconds(1))
    }
}
