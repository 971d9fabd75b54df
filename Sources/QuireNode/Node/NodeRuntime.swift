import Logging
import NIOConcurrencyHelpers
import QuireCore
import QuireWire

/// What every part of a running node shares: who it is, the layout it has adopted, and where other nodes are.
final class NodeRuntime: Sendable {
    private struct State {
        var layout: Layout?
        var published: PublishedLayout?
        /// Of each event loop; the sum is told to whoever asks.
        var routing: [ObjectIdentifier: RoutingCounts] = [:]
        var targets: [NodeID: PeerTarget] = [:]
        var lastSnapshot: LastSnapshot?
        var isDraining = false
        var layoutAlarms = LayoutAlarms()
    }

    let member: Member
    let clusterKey: [UInt8]
    let configuration: NodeConfiguration
    let logger: Logger
    let activity = PartitionActivity(seed: SystemRandomNumberGenerator.seed())
    let admission: AdmissionGate
    private let state = NIOLockedValueBox(State())

    init(member: Member, configuration: NodeConfiguration, logger: Logger) {
        self.member = member
        self.clusterKey = configuration.clusterKey
        self.configuration = configuration
        self.logger = logger
        self.admission = AdmissionGate(.init(target: configuration.latencyTarget, step: .seconds(1), raise: 0.04))
        self.state.withLockedValue { $0.lastSnapshot = LastSnapshot.load(from: configuration.dataDirectory) }
    }

    /// Whether the node is under maintenance: it serves no clients of its own, and takes part in all else. Ends with a
    /// restart.
    var isDraining: Bool {
        get { self.state.withLockedValue { $0.isDraining } }
        set { self.state.withLockedValue { $0.isDraining = newValue } }
    }

    /// What the layout log had people told of since the start.
    var layoutAlarms: LayoutAlarms {
        get { self.state.withLockedValue { $0.layoutAlarms } }
        set { self.state.withLockedValue { $0.layoutAlarms = newValue } }
    }

    /// The last snapshot that this node has made; `nil` when none is known.
    var lastSnapshot: LastSnapshot? { self.state.withLockedValue { $0.lastSnapshot } }

    func snapshotMade(_ snapshot: LastSnapshot) throws {
        self.state.withLockedValue { $0.lastSnapshot = snapshot }
        try snapshot.save(to: self.configuration.dataDirectory)
    }

    /// The layout that this node has adopted; `nil` while it belongs to no cluster.
    var layout: Layout? { self.state.withLockedValue { $0.layout } }
    var rules: TombstoneRules { self.configuration.tombstones.rules }
    var layoutVersion: LayoutVersion { self.layout?.version ?? .none }

    func adopt(_ layout: Layout) {
        let published = PublishedLayout(RoutingTable(layout, endpoint: { self.clientEndpoint(of: $0) }))
        self.state.withLockedValue { state in
            state.layout = layout
            state.published = published
        }
    }

    /// Where clients reach a member.
    private func clientEndpoint(of member: Member) -> Endpoint { member.proxy }

    /// Takes what one event loop has counted.
    ///
    /// - Returns: What sessions on that loop may tell: the layout, and the counts of all loops.
    func facts(counting routing: RoutingCounts, of loop: RequestLoop) -> NodeFacts {
        self.state.withLockedValue { state in
            state.routing[ObjectIdentifier(loop)] = routing
            let sum = state.routing.values.reduce(into: RoutingCounts()) { $0 += $1 }
            return NodeFacts(layout: state.published, routing: sum)
        }
    }

    /// Where to look for each member, this node left out: by gossip, else where it joined.
    var memberTargets: [PeerTarget] {
        let state = self.state.withLockedValue { $0 }
        let others = (state.layout?.members ?? []).filter { $0.id != self.member.id }
        return others.map { state.targets[$0.id] ?? PeerTarget(id: $0.id, endpoints: [$0.peer]) }
    }

    func aim(at targets: [PeerTarget]) {
        let byNode = Dictionary(uniqueKeysWithValues: targets.map { ($0.id, $0) })
        self.state.withLockedValue { $0.targets = byNode }
    }

    func handshake(role: PeerHandshake.Role) -> PeerHandshake {
        var generator = SystemRandomNumberGenerator()
        let nonce = (0..<PeerHandshake.nonceBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let layout = self.layout
        let isMember = layout?.member(self.member.id) != nil
        let identity = PeerHandshake.Identity(
            node: self.member.id,
            clusterID: isMember ? layout?.clusterID : nil,
            version: layout?.version ?? .none
        )
        return PeerHandshake(role: role, identity: identity, secret: self.clusterKey, nonce: nonce)
    }
}

extension Moment {
    /// Now, by the machine's clocks.
    static var current: Moment {
        Moment(elapsed: MachineClock.elapsed, wallMilliseconds: MachineClock.wallMilliseconds)
    }
}
