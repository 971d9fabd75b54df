/// One change of capacity that an operator has staged and nobody has committed.
///
/// Whatever is staged together becomes one plan.
package enum StagedChange: Hashable, Sendable, Codable {
    case join(Member)
    /// - Parameter isLost: The node will not come back: nothing is awaited from it, and what only it has is given up.
    case leave(NodeID, isLost: Bool = false)
    /// The new node takes the place of the old one: one change, in which nothing else moves when their weights agree.
    case replace(NodeID, with: Member, isLost: Bool = false)
    case setWeight(NodeID, Int)
    case setZone(NodeID, String)
    /// Another N, with the R and W that go with it.
    case setQuorums(QuorumSettings)
}

extension StagedChange {
    /// The member that the change is about; `nil` when it is about all.
    package var node: NodeID? {
        switch self {
        case .join(let member): member.id
        case .leave(let node, _), .replace(let node, _, _), .setWeight(let node, _), .setZone(let node, _): node
        case .setQuorums: nil
        }
    }

    /// The member that it brings into the cluster.
    package var joiner: Member? {
        switch self {
        case .join(let member), .replace(_, let member, _): member
        case .leave, .setWeight, .setZone, .setQuorums: nil
        }
    }

    /// The member that it declares lost.
    package var lostNode: NodeID? {
        switch self {
        case .leave(let node, isLost: true), .replace(let node, _, isLost: true): node
        case .join, .leave, .replace, .setWeight, .setZone, .setQuorums: nil
        }
    }

    /// Every node that it names; no two staged changes may name the same.
    package var nodes: [NodeID] {
        [self.node, self.joiner?.id].compactMap { $0 }.reduce(into: []) { nodes, node in
            if !nodes.contains(node) { nodes.append(node) }
        }
    }

    /// - Parameter members: Ascending by id; stays so.
    func apply(to members: inout [Member], quorums: inout QuorumSettings) throws(PlanRefusal) {
        switch self {
        case .join(let member):
            try Self.insert(member, into: &members)
        case .leave(let node, _):
            members.remove(at: try Self.index(of: node, in: members))
        case .replace(let node, let member, _):
            members.remove(at: try Self.index(of: node, in: members))
            try Self.insert(member, into: &members)
        case .setWeight(let node, let weight):
            guard Member.weightsAllowed.contains(weight) else { throw .weightOutOfRange(node, found: weight) }
            members[try Self.index(of: node, in: members)].weight = weight
        case .setZone(let node, let zone):
            members[try Self.index(of: node, in: members)].zone = zone
        case .setQuorums(let settings):
            quorums = settings
        }
    }

    private static func index(of node: NodeID, in members: [Member]) throws(PlanRefusal) -> Int {
        guard let index = members.firstIndex(where: { $0.id == node }) else { throw .unknownNode(node) }
        return index
    }

    private static func insert(_ member: Member, into members: inout [Member]) throws(PlanRefusal) {
        guard !members.contains(where: { $0.id == member.id }) else { throw .alreadyMember(member.id) }
        guard !members.contains(where: { $0.name == member.name }) else { throw .nameTaken(member.name) }
        guard Member.weightsAllowed.contains(member.weight) else {
            throw .weightOutOfRange(member.id, found: member.weight)
        }
        members.insert(member, at: members.firstIndex { member.id < $0.id } ?? members.endIndex)
    }
}
