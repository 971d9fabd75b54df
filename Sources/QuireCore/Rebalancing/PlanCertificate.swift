/// Why a plan is as good as it claims to be: small enough to travel in the layout, complete enough to be checked.
///
/// **Least movement.** `prices` say what one more replica at each node is worth in moves. For any prices w, every
/// placement with the demanded spread and balance moves at least
///
/// ```
/// Σ over partitions: the cheapest row with that spread, where a node costs (1 if it is new to the partition) − w
/// + Σ over nodes:    the least of w · r for r in the node's balanced range of replicas
/// ```
///
/// replicas: relaxing the balance and pricing it instead can only make placements cheaper (Lagrange). With the prices
/// of the cheapest flow the bound is met exactly, so nobody has to believe the planner: see `PlanChecker`.
package struct PlanCertificate: Hashable, Sendable, Codable {
    /// How likely it is that some partition loses all of its replicas.
    package struct Risk: Hashable, Sendable, Codable {
        /// Distinct sets of nodes that hold a partition.
        package let replicaSets: Int
        /// Sets of N nodes whose loss at once would take a partition with it, out of all sets of N nodes.
        package let fatalSets: Int
        package let allSets: Int
        /// The same for sets of N+1 nodes; `nil` where counting them would take too long.
        package let fatalSetsOfOneMore: Int?
        package let allSetsOfOneMore: Int
    }

    package let movedReplicas: Int
    /// No placement with this spread and balance moves fewer.
    package let movedReplicasMinimum: Int
    /// Of the members after the change, ascending by id.
    package let prices: [Int]
    /// Of any partition at any moment of the change: replicas of the row that answers reads which are not lost.
    package let liveReplicasMinimum: Int
    package let before: Risk
    package let after: Risk
    /// Ascending by zone.
    package let saturatedZones: [SaturatedZone]
    /// Members that hold every partition, because their weight asks for more; ascending.
    package let saturatedNodes: [NodeID]
}

extension PlanCertificate.Risk {
    init(rows: [[NodeID]], nodes: [NodeID], replicaCount: Int) {
        let size = min(replicaCount, nodes.count)
        let numbers = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
        let sets = ReplicaSets(rows.map { row in row.compactMap { numbers[$0] } })
        self.replicaSets = sets.count
        self.fatalSets = sets.count(ofSize: size)
        self.allSets = Self.choose(nodes.count, size)
        self.allSetsOfOneMore = Self.choose(nodes.count, size + 1)
        self.fatalSetsOfOneMore = sets.supersets(ofSize: size, among: nodes.count)
    }

    /// `Int.max` where the number is greater.
    private static func choose(_ count: Int, _ size: Int) -> Int {
        guard size <= count else { return 0 }
        // Rows are so small that the numbers rise with each step.
        var result: UInt128 = 1
        for step in 0..<size {
            result = result * UInt128(count - step) / UInt128(step + 1)
            if result > UInt128(Int.max) { return .max }
        }
        return Int(result)
    }
}
