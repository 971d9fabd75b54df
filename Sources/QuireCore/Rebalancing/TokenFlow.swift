/// Decides which replica of each partition owns its token, as a cheapest flow of one unit per partition.
///
/// ```
///          1              1, cost 1 if new             rising cost per unit
/// source ─────► partition ─────────────────► node ══════════════════════════► sink
/// ```
///
/// An owner is one of the replicas, so this moves no data. The arcs from a node to the sink cost the more the further
/// its tokens are from its share: so the balance comes first, as exact as the rows allow (see `BalanceTargets`), and
/// the fewest changes of owner second.
struct TokenFlow {
    private var network: FlowNetwork
    /// By partition: replica and arc.
    private var ownerArcs: [[(node: Int, arc: Int)]] = []

    /// - Parameters:
    ///   - owners: By partition: who owns it now; `nil` when that node has left.
    ///   - tokens: The share of each node.
    init(sets: [[Int]], owners: [Int?], tokens: [ClosedRange<Int>]) {
        let nodeBase = 2
        let partitionBase = nodeBase + tokens.count
        self.network = FlowNetwork(vertexCount: partitionBase + sets.count, source: 0, sink: 1)
        // A token beside its share is dearer than a change of every owner, a second one dearer than all of these.
        let beside = sets.count + 1
        let farBeside = beside * (sets.count + 1)
        for (node, share) in tokens.enumerated() {
            let steps = [
                (cost: 2 * farBeside, capacity: sets.count),
                (cost: farBeside + beside, capacity: 1),
                (cost: farBeside, capacity: share.count - 1),
                (cost: farBeside - beside, capacity: min(1, share.lowerBound)),
                (cost: 0, capacity: max(0, share.lowerBound - 1)),
            ]
            for step in steps where step.capacity > 0 {
                self.network.addArc(from: nodeBase + node, to: 1, capacity: step.capacity, cost: step.cost)
            }
        }
        for (partition, set) in sets.enumerated() {
            self.network.addArc(from: 0, to: partitionBase + partition, capacity: 1)
            self.ownerArcs.append(
                set.map { node in
                    let cost = owners[partition] == node ? 0 : 1
                    let arc = self.network.addArc(
                        from: partitionBase + partition,
                        to: nodeBase + node,
                        capacity: 1,
                        cost: cost
                    )
                    return (node, arc)
                }
            )
        }
    }

    /// The owner of each partition.
    mutating func solve() -> [Int] {
        self.network.maximizeFlow()
        return self.ownerArcs.map { arcs in
            guard let owner = arcs.first(where: { self.network.flow(on: $0.arc) > 0 }) else {
                preconditionFailure("a partition without an owner among \(arcs.count) replicas")
            }
            return owner.node
        }
    }
}
