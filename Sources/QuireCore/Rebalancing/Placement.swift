/// Finds rows for all partitions: which nodes hold each, and which of them owns its token.
///
/// The wishes, each subordinate to those before it: distinct nodes, zone spread, balance of replicas, least movement,
/// return to what a node held before; then, inside the rows, balance of tokens and fewest changes of owner. Both steps
/// are cheapest flows, so the result is the optimum, and the first flow's prices prove that no placement moves less.
///
/// Nodes are numbered in ascending order of their ids; the same input gives the same rows on every machine.
package struct Placement {
    /// What is to be placed where.
    package struct Problem: Sendable {
        /// Ascending.
        package var nodes: [NodeID]
        /// The zone of each node.
        package var zones: [String]
        /// The weight of each node; all the same when `nil`.
        package var weights: [Int]?
        /// One per partition, token holder first; may name nodes that are not among `nodes` any more.
        package var currentRows: [[NodeID]]
        /// Rows of an earlier layout, by partition: among placements that move equally much, those are preferred in
        /// which a node gets back what it had.
        package var formerRows: [Int: [NodeID]]
        /// N.
        package var replicaCount: Int

        package init(
            nodes: [NodeID],
            zones: [String],
            weights: [Int]? = nil,
            currentRows: [[NodeID]],
            formerRows: [Int: [NodeID]] = [:],
            replicaCount: Int
        ) {
            self.nodes = nodes
            self.zones = zones
            self.weights = weights
            self.currentRows = currentRows
            self.formerRows = formerRows
            self.replicaCount = replicaCount
        }
    }

    /// Node numbers, token holder first, one row per partition.
    package let rows: [[Int]]
    /// Replicas that their node does not hold yet.
    package let movedReplicas: Int
    /// No placement with this spread and balance moves fewer: a bound from the prices, not from `rows`.
    package let movedReplicasMinimum: Int
    /// By node: what a replica on it is worth, in moved replicas (see `PlanCertificate`).
    package let prices: [Int]
    package let targets: BalanceTargets

    package init(_ problem: Problem) {
        let nodes = problem.nodes
        precondition(nodes.count == problem.zones.count && !problem.currentRows.isEmpty, "\(nodes.count) nodes")
        let numbers = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
        let current = problem.currentRows.map { row in row.compactMap { numbers[$0] } }
        let former = current.indices.map { partition in
            (problem.formerRows[partition] ?? []).compactMap { numbers[$0] }.filter { !current[partition].contains($0) }
        }
        let targets = BalanceTargets(
            zones: problem.zones,
            weights: problem.weights,
            partitionCount: current.count,
            replicaCount: problem.replicaCount
        )
        var replicas = ReplicaFlow(nodes: nodes, current: current, former: former, targets: targets)
        let sets = replicas.solve()
        let present = problem.currentRows.map { row in row.first.flatMap { numbers[$0] } }
        var tokens = TokenFlow(sets: sets, owners: present, tokens: targets.tokens)
        let owners = tokens.solve()
        self.rows = sets.indices.map { partition in
            Self.ordered(sets[partition], owner: owners[partition], current: current[partition]) { node in
                Rendezvous.weight(of: nodes[node], for: partition)
            }
        }
        self.movedReplicas = sets.indices.reduce(0) { count, partition in
            count + sets[partition].count { !current[partition].contains($0) }
        }
        self.prices = replicas.prices
        self.movedReplicasMinimum = replicas.movedReplicasMinimum
        self.targets = targets
    }

    /// The owner, then the replicas that stay in the order they had, then newcomers in rendezvous order.
    private static func ordered(_ set: [Int], owner: Int, current: [Int], weight: (Int) -> UInt64) -> [Int] {
        let staying = current.filter { $0 != owner && set.contains($0) }
        let newcomers = set.filter { $0 != owner && !current.contains($0) }.sorted { weight($0) > weight($1) }
        return [owner] + staying + newcomers
    }
}
