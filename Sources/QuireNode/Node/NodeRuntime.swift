import Logging
import NIOConcurrencyHelpers
import QuireCore
import QuireWire

/// What every part of a running node shares: who it is, and the layout it has adopted.
final class NodeRuntime: Sendable {
    private struct State {
        var layout: Layout?
    }

    let member: Member
    let clusterKey: [UInt8]
    let configuration: NodeConfiguration
    let logger: Logger
    private let state = NIOLockedValueBox(State())

    init(member: Member, configuration: NodeConfiguration, logger: Logger) {
        self.member = member
        self.clusterKey = configuration.clusterKey
        self.configuration = configuration
        self.logger = logger
    }

    /// The layout that this node has adopted; `nil` while it belongs to no cluster.
    var layout: Layout? { self.state.withLockedValue { $0.layout } }
    var layoutVersion: LayoutVersion { self.layout?.version ?? .none }

    func adopt(_ layout: Layout) {
        self.state.withLockedValue { $0.layout = layout }
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
