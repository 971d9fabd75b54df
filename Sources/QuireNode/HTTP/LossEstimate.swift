import QuireCore

/// What may exist only on members that are given up for lost (SAFETY rule 10: removing an unreachable node says so).
///
/// A write was acknowledged by at least the smallest W that the cluster allows: so it may be gone with the lost ones
/// only where these could have been all of them. Stand-ins count like the replicas that they stood in for; what the lost
/// held as stand-ins themselves is told apart, for nobody knows whose it was.
struct LossEstimate: Equatable {
    /// Partitions that a lost member holds.
    var held = 0
    /// Of those, the ones without another replica that can be reached.
    var withoutLiveReplica = 0
    /// Of those, the ones of which the lost members can have acknowledged a write alone.
    var exposed = 0

    /// - Parameters:
    ///   - lost: All that are lost when the change is committed.
    ///   - reachable: Members that can be reached now.
    init(_ layout: Layout, lost: Set<NodeID>, reachable: Set<NodeID>) {
        for partition in layout.partitionCount.partitions {
            let holders = layout.holders(of: partition)
            guard holders.contains(where: lost.contains) else { continue }
            self.held += 1
            if !holders.contains(where: { reachable.contains($0) && !lost.contains($0) }) {
                self.withoutLiveReplica += 1
            }
            let row = layout.readRow(of: partition)
            let quorum = Layout.effective(layout.quorums.writeQuorumMin, in: row)
            if row.count(where: lost.contains) >= quorum { self.exposed += 1 }
        }
    }

    /// - Parameter hints: What the lost members told last of the writes that they held for others; `nil` when nothing.
    func sentence(_ names: String, hints: Int?) -> String {
        let other =
            self.withoutLiveReplica == 0
            ? "each has another live replica"
            : "\(self.withoutLiveReplica) HAVE NO OTHER LIVE REPLICA"
        let writes =
            self.exposed == 0
            ? "no acknowledged write can be on lost nodes alone"
            : "in \(self.exposed) of them a write may have been acknowledged by lost nodes alone, and is given up"
        let kept =
            switch hints {
            case nil: "hints that it held for others are given up"
            case 0?: "it told last that it held no hints for others"
            case let count?: "\(count) hints that it held for others, as it told last, are given up"
            }
        return "\(names) is in the rows of \(self.held) partitions: \(other); \(writes); \(kept)"
    }
}
