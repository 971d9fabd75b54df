/// Why a change of membership cannot be staged, planned or committed. Nothing was changed.
package enum PlanRefusal: Error, Hashable, Sendable {
    case nothingStaged
    /// One change at a time: wait until the one that runs has finished.
    case changeRunning(planID: String, movesLeft: Int)
    case unknownNode(NodeID)
    case alreadyMember(NodeID)
    /// A change of this node is staged already: commit or clear that one first.
    case alreadyStaged(NodeID)
    case nameTaken(String)
    case weightOutOfRange(NodeID, found: Int)
    /// Another plan was asked for: what it was made of has changed.
    case changedSince(current: String)
    /// R and W change together with N only: a read with a smaller R could miss what was written with a smaller W.
    case quorumsWithoutReplicaCount
    /// All members would be given up for lost: none would be left of whom to copy, and none to vote.
    case everyMemberLost
    /// Each member needs a token of its own, and there must be at least one member.
    case memberCountOutOfRange(Int, allowed: ClosedRange<Int>)
    /// The layout has changed since the plan was made: plan again.
    case stale(planned: LayoutVersion, current: LayoutVersion)
    /// The plan does not lead to a valid layout: it was not made by the planner.
    case invalid(LayoutViolation)
}

/// What one commit would do, in full: shown before it happens, and the same wherever it is computed.
package struct LayoutPlan: Hashable, Sendable, Codable {
    /// One replica that has to be copied.
    package struct Move: Hashable, Sendable, Codable {
        package let partition: PartitionID
        /// The replica that it replaces; `nil` where the row grows.
        package let from: NodeID?
        package let to: NodeID

        package init(partition: PartitionID, from: NodeID?, to: NodeID) {
            self.partition = partition
            self.from = from
            self.to = to
        }
    }

    /// What the plan means for one node.
    package struct NodeShare: Hashable, Sendable, Codable {
        package let node: NodeID
        package let tokensBefore: Int
        package let tokensAfter: Int
        package let replicasBefore: Int
        package let replicasAfter: Int
        /// Replicas that it receives, and that it gives up.
        package let incoming: Int
        package let outgoing: Int
    }

    /// The first 12 hexadecimal digits of a SHA-256 of everything that decides what would happen: members, voters, quorums,
    /// rows before and after, what is staged, and the change before it. The layout's version and limits are no part of it.
    package let id: String
    /// The layout that the plan was made for. On a later one it must be made anew; if it has the same id then, it is the same.
    package let base: LayoutVersion
    package let staged: [StagedChange]
    /// Members when the change has finished, ascending.
    package let members: [Member]
    /// N, R and W when the change has finished.
    package let quorums: QuorumSettings
    /// Target rows, token holder first.
    package let rows: [[NodeID]]
    /// Ascending by partition.
    package let moves: [Move]
    package let movedReplicas: Int
    /// No rows with the same spread and balance move fewer replicas: proven by the dual of the flow.
    package let movedReplicasMinimum: Int
    /// Members before or after, ascending.
    package let perNode: [NodeShare]
    /// Zones that keep the load from being equal, ascending.
    package let saturatedZones: [SaturatedZone]
    /// Proves it.
    package let certificate: PlanCertificate
}
