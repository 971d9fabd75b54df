import NIOCore
import QuireCore
import QuireWire

/// Gets to know a node that is not a member yet: connects to its peer address, proves the cluster key, and asks
/// who it is.
struct PeerIntroduction: Sendable {
    let node: NodeRuntime
    let control: ControlLoop

    /// - Parameters:
    ///   - address: `HOST:PORT` of its peer port.
    ///   - layout: The layout of the cluster that wants it; `nil` while one is being made.
    /// - Returns: The node, now linked to this one.
    func stranger(at address: String, of layout: Layout?) async throws -> Member {
        guard let endpoint = Endpoint(address) else {
            throw ClusterAPI.Failure(
                code: "invalid_address",
                message: "'\(address)' is not HOST:PORT; give the peer address of the node (port 7381 by default)"
            )
        }
        let identity: PeerQuestion.Identity
        do {
            identity = try await PeerQuestion(node: self.node, eventLoop: self.control.eventLoop)
                .identity(of: endpoint).get()
        } catch let silence as PeerQuestion.Unanswered {
            throw Self.failure(silence.refusal, endpoint)
        }
        let member = identity.member
        if let clusterID = identity.clusterID, clusterID != layout?.clusterID {
            throw ClusterAPI.Failure(
                code: "other_cluster",
                message: "the node at \(address) has a data directory of cluster \(clusterID): start it on an empty one"
            )
        }
        try await self.control.welcome(member)
        try await self.waitForLink(to: member)
        return member
    }

    private func waitForLink(to member: Member) async throws {
        for _ in 0..<100 {
            if try await self.control.connectedNodes().contains(member.id) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ClusterAPI.Failure(
            code: "unreachable",
            message: "node \(member.name) was seen at \(member.peer) but no link to it came up; see its log"
        )
    }

    private static func failure(_ refusal: PeerRefusal?, _ endpoint: Endpoint) -> ClusterAPI.Failure {
        guard let refusal else {
            return .init(
                code: "unreachable",
                message: "no node answers at \(endpoint): start it there ('quire node start'), and give its peer port"
            )
        }
        switch refusal {
        case .wrongClusterKey:
            return .init(
                code: "wrong_cluster_key",
                message: "the node at \(endpoint) has another cluster key: start it with the key file of this cluster"
            )
        case .otherCluster(let found, _):
            return .init(
                code: "other_cluster",
                message: "the node at \(endpoint) belongs to cluster \(found): start it on an empty data directory"
            )
        case .protocolVersion(let found, let needed):
            return .init(
                code: "protocol_version",
                message: "the node at \(endpoint) speaks version \(found) of the peer protocol, this one \(needed): "
                    + "install the same version of Quire on both"
            )
        case .selfConnection:
            return .init(code: "self_connection", message: "\(endpoint) is the node that was asked itself")
        case .unexpectedMessage, .refusedByPeer:
            return .init(code: "refused", message: "the node at \(endpoint) refused: \(refusal.message)")
        }
    }
}
