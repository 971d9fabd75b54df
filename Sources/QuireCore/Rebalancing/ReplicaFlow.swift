/// Decides which nodes hold each partition, as a cheapest flow of one unit per replica.
///
/// ```
///         row           places in a row              1, cost of the copy           share, rounded down or up
/// source ─────► row p ─────────────────► (p, zone) ──────────────────────► node ───────────────────────────► hub
/// ```
///
/// A copy that is there costs nothing, any other one `scale`, and one that its node had in an earlier layout a little
/// less: so little that all of these together do not pay for one more move.
///
/// The network is not built: with 4096 partitions and 1000 nodes it has four million arcs of copies, nearly all of the
/// same cost. Arcs are worked out from the rows when the search comes by. It starts from the cheapest rows that keep
/// zone spread and ignore the shares (`chooseCheapestRows`), which are optimal for prices of zero, and sends what some
/// nodes have too much to those that have too little, always along cheapest paths (primal-dual, as in `FlowNetwork`).
/// Loads that go through the hub are within their share anyway.
///
/// Invariant: every row keeps its zones, and no arc with capacity left has a negative reduced cost.
struct ReplicaFlow {
    let targets: BalanceTargets
    let nodeCount: Int
    let partitionCount: Int
    let zoneCount: Int
    /// Nodes of a row that are to be chosen; the saturated ones are in every row and no part of the network.
    let rowLength: Int
    /// By zone, without the saturated nodes.
    let nodesOfZone: IntegerLists
    /// By partition, without the saturated nodes.
    let held: IntegerLists
    /// By partition: who held it in an earlier layout and does not now.
    var former: IntegerLists
    /// Cost of a copy to a node that never had it.
    var scale: Int
    /// What the copies of saturated nodes cost, whatever else happens.
    let movedToSaturated: Int
    /// Partitions and nodes in hashed order, so that what has to go is spread over all.
    let partitionOrder: [Int]
    let nodeOrder: [Int]
    let nodeHashes: [UInt64]

    // MARK: State

    /// `rowLength` nodes per partition.
    var rows: [Int]
    /// By partition and zone: how many of the row's nodes are in it.
    var zoneCounts: [Int]
    /// By node: what passes to the hub, within its share.
    var passed: [Int]
    /// By node, and of the hub: what it has too much, or too little.
    var excess: [Int]
    /// By vertex.
    var potentials: [Int]
    /// By node: the partitions that it held when this was last worked out.
    var partitionsOfNode: IntegerLists

    // MARK: Searches

    /// By vertex: potential plus distance, while Dijkstra runs.
    var labels: [Int] = []
    var improved: [Int] = []
    var levels: [Int32] = []
    var tried: [Int32] = []
    var sinkLevel: Int32 = 0

    /// - Parameters:
    ///   - nodes: Ascending.
    ///   - current: For each partition the nodes that hold it.
    ///   - former: For each partition other nodes that held it once.
    init(nodes: [NodeID], current: [[Int]], former: [[Int]], targets: BalanceTargets) {
        let isSaturated = nodes.indices.map { targets.saturatedNodes.contains($0) }
        let zoneCount = targets.placesPerRow.count
        self.targets = targets
        self.nodeCount = nodes.count
        self.partitionCount = current.count
        self.zoneCount = zoneCount
        self.rowLength = targets.rowSize - targets.saturatedNodes.count
        var nodesOfZone: [[Int]] = Array(repeating: [], count: zoneCount)
        for node in nodes.indices where !isSaturated[node] {
            nodesOfZone[targets.zoneOfNode[node]].append(node)
        }
        self.nodesOfZone = IntegerLists(nodesOfZone)
        self.held = IntegerLists(current.map { row in row.filter { !isSaturated[$0] } })
        let former = former.map { row in row.filter { !isSaturated[$0] } }
        self.former = IntegerLists(former)
        self.scale = former.reduce(1) { $0 + $1.count }
        self.movedToSaturated = targets.saturatedNodes.reduce(0) { count, node in
            count + current.count { !$0.contains(node) }
        }
        self.partitionOrder = current.indices.sorted {
            (Rendezvous.mix(UInt64($0)), $0) < (Rendezvous.mix(UInt64($1)), $1)
        }
        let hashes = nodes.map { Rendezvous.mix($0.rawValue) }
        self.nodeHashes = hashes
        self.nodeOrder = nodes.indices.sorted { (hashes[$0], $0) < (hashes[$1], $1) }
        self.rows = Array(repeating: -1, count: current.count * self.rowLength)
        self.zoneCounts = Array(repeating: 0, count: current.count * zoneCount)
        self.passed = Array(repeating: 0, count: nodes.count)
        self.excess = Array(repeating: 0, count: nodes.count + 1)
        self.potentials = Array(repeating: 0, count: nodes.count + 1 + current.count * (zoneCount + 1))
        self.partitionsOfNode = IntegerLists([])
    }

    /// The nodes of each row, ascending.
    mutating func solve() -> [[Int]] {
        self.chooseCheapestRows()
        self.balance()
        if self.scale > 1 { self.forgetFormerRows() }
        return (0..<self.partitionCount).map { partition in
            (self.rows[self.slots(of: partition)] + self.targets.saturatedNodes).sorted()
        }
    }

    /// By node: what one more replica on it saves elsewhere. Positive where a node could do with less than its share,
    /// negative where it would have more. Meaningful after `solve`.
    var prices: [Int] {
        (0..<self.nodeCount).map { self.potentials[$0] - self.potentials[self.hub] }
    }

    // MARK: The network

    var hub: Int { self.nodeCount }
    func root(of partition: Int) -> Int { self.nodeCount + 1 + partition * (self.zoneCount + 1) }
    func vertex(of partition: Int, zone: Int) -> Int { self.root(of: partition) + 1 + zone }

    /// - Parameter vertex: Neither a node nor the hub.
    /// - Returns: Zone `-1` for the root.
    func place(of vertex: Int) -> (partition: Int, zone: Int) {
        let (partition, place) = (vertex - self.nodeCount - 1).quotientAndRemainder(dividingBy: self.zoneCount + 1)
        return (partition, place - 1)
    }

    func slots(of partition: Int) -> Range<Int> {
        partition * self.rowLength..<(partition + 1) * self.rowLength
    }

    func isInRow(_ node: Int, of partition: Int) -> Bool {
        for slot in self.slots(of: partition) where self.rows[slot] == node { return true }
        return false
    }

    func cost(of partition: Int, on node: Int) -> Int {
        if self.held.contains(node, in: partition) { return 0 }
        return self.former.contains(node, in: partition) ? self.scale - 1 : self.scale
    }

    func mayLose(_ partition: Int, zone: Int) -> Bool {
        self.zoneCounts[partition * self.zoneCount + zone] > self.targets.placesPerRow[zone].lowerBound
    }

    func mayGain(_ partition: Int, zone: Int) -> Bool {
        self.zoneCounts[partition * self.zoneCount + zone] < self.targets.placesPerRow[zone].upperBound
    }

    func mayPassMore(_ node: Int) -> Bool { self.passed[node] < self.targets.replicas[node].upperBound }
    func mayPassLess(_ node: Int) -> Bool { self.passed[node] > self.targets.replicas[node].lowerBound }
}

/// Lists of whole numbers, stored one after the other.
struct IntegerLists {
    private(set) var values: [Int] = []
    private(set) var starts: [Int] = [0]

    init(_ lists: [[Int]]) {
        self.starts.reserveCapacity(lists.count + 1)
        for list in lists {
            self.values += list
            self.starts.append(self.values.count)
        }
    }

    init(values: [Int], starts: [Int]) {
        self.values = values
        self.starts = starts
    }

    var count: Int { self.starts.count - 1 }

    func range(_ list: Int) -> Range<Int> { self.starts[list]..<self.starts[list + 1] }

    func contains(_ value: Int, in list: Int) -> Bool {
        for index in self.range(list) where self.values[index] == value { return true }
        return false
    }
}
