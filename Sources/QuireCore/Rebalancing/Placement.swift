/// Finds rows for all partitions: which nodes hold each, and which of them owns its token.
///
/// The wishes, each subordinate to those before it: distinct nodes, zone spread, balance of replicas, least movement;
/// then, inside the rows, balance of tokens and fewest changes of owner. Both steps are cheapest flows, so the result
/// is the optimum and the first flow's potentials prove that no placement moves less.
///
/// Nodes are numbered in ascending order of their ids; the same input gives the same rows on every machine.
package struct Placement {
    /// Node numbers, token holder first, one row per partition.
    package let rows: [[Int]]
    /// Replicas that their node does not hold yet.
    package let movedReplicas: Int
    /// No placement with this spread and balance moves fewer: a bound from the dual, not from `rows`.
    package let movedReplicasMinimum: Int
    package let targets: BalanceTargets

    /// - Parameters:
    ///   - nodes: Ascending.
    ///   - zones: The zone of each node.
    ///   - currentRows: One per partition, token holder first; may name nodes that are not among `nodes` any more.
    ///   - replicaCount: N.
    package init(nodes: [NodeID], zones: [String], currentRows: [[NodeID]], replicaCount: Int) {
        precondition(nodes.count == zones.count && !currentRows.isEmpty, "\(nodes.count) nodes, \(zones.count) zones")
        let numbers = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
        let current = currentRows.map { row in row.compactMap { numbers[$0] } }
        let targets = BalanceTargets(
            zones: zones,
            partitionCount: currentRows.count,
            replicaCount: replicaCount
        )
        let weights = currentRows.indices.map { partition in
            nodes.map { Rendezvous.weight(of: $0, for: partition) }
        }
        var replicas = ReplicaFlow(zones: zones, current: current, weights: weights, targets: targets)
        let sets = replicas.solve()
        var tokens = TokenFlow(sets: sets, current: current, nodeCount: nodes.count, tokens: targets.tokens)
        let owners = tokens.solve()
        self.rows = sets.indices.map { partition in
            Self.ordered(
                sets[partition],
                owner: owners[partition],
                current: current[partition],
                weights: weights[partition]
            )
        }
        self.movedReplicas = sets.indices.reduce(0) { count, partition in
            count + sets[partition].count { !current[partition].contains($0) }
        }
        self.movedReplicasMinimum = replicas.movedReplicasMinimum
        self.targets = targets
    }

    /// The owner, then the replicas that stay in the order they had, then newcomers in rendezvous order.
    private static func ordered(_ set: [Int], owner: Int, current: [Int], weights: [UInt64]) -> [Int] {
        let staying = current.filter { $0 != owner && set.contains($0) }
        let newcomers = set.filter { $0 != owner && !current.contains($0) }.sorted { weights[$0] > weights[$1] }
        return [owner] + staying + newcomers
    }
}
