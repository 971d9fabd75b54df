/// Decides which replica of each partition owns its token, as a cheapest flow of one unit per partition.
///
/// ```
///          1              1, cost 1                 least
/// source ─────► partition ───────────────► node ─────────────► sink
///                         if a new owner     ├───► spare ───────┤
///                                            └───► excess ──────┘
/// ```
///
/// An owner is one of the replicas, so this moves no data. With replicas balanced over all nodes a balance of tokens
/// exists: give each replica an equal part of its partition, and round. Around saturated zones it can fail by
/// rounding; then *excess* takes the few that no balance can place, at a cost above all else.
struct TokenFlow {
    private var network: FlowNetwork
    /// By partition: replica and arc.
    private var ownerArcs: [[(node: Int, arc: Int)]] = []

    init(sets: [[Int]], current: [[Int]], nodeCount: Int, tokens: ClosedRange<Int>) {
        let spare = 2
        let nodeBase = 3
        let partitionBase = nodeBase + nodeCount
        self.network = FlowNetwork(vertexCount: partitionBase + sets.count, source: 0, sink: 1)
        // Dearer than a change of every owner.
        let excessCost = sets.count + 1
        for node in nodeBase..<partitionBase {
            self.network.addArc(from: node, to: 1, capacity: sets.count, cost: excessCost)
            self.network.addArc(from: node, to: 1, capacity: tokens.lowerBound)
            if tokens.count > 1 {
                self.network.addArc(from: node, to: spare, capacity: 1)
            }
        }
        self.network.addArc(from: spare, to: 1, capacity: sets.count - nodeCount * tokens.lowerBound)
        for (partition, set) in sets.enumerated() {
            self.network.addArc(from: 0, to: partitionBase + partition, capacity: 1)
            self.ownerArcs.append(
                set.map { node in
                    let cost = current[partition].first == node ? 0 : 1
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
                preconditionFailure("no balance of tokens")
            }
            return owner.node
        }
    }
}
