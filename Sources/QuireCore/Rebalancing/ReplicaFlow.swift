/// Decides which nodes hold each partition, as a cheapest flow of one unit per replica.
///
/// ```
///          zones spanned                1                       1, cost 1            least
/// source ───────────────► partition ──────► (partition, zone) ────────────► node ───────────► sink
///    │                                              ▲          if new        │                 ▲
///    └──────────────────► surplus ──────────────────┘                        └────► spare ─────┘
///        rest of the row            zone's size - 1                             1
/// ```
///
/// The first replica of a row in each zone comes through *partition*; a second one in a zone, which exists only where
/// there are fewer zones than replicas, through *surplus*: so each row spans as many zones as it can. All units must
/// arrive, hence every node gets the least number of replicas of its share, and *spare* hands out the remainders, at
/// most one per node.
struct ReplicaFlow {
    private let targets: BalanceTargets
    private let current: [[Int]]
    private let weights: [[UInt64]]
    private let zoneOfNode: [Int]
    private let zoneSizes: [Int]

    private var network: FlowNetwork
    /// By node.
    private var leastArcs: [Int] = []
    /// By node; `nil` where the share is a whole number.
    private var spareArcs: [Int?] = []
    private var remainderArc = 0
    /// By partition.
    private var rootArcs: [Int] = []
    /// By partition; empty where a row has no second replica in a zone.
    private var surplusRootArcs: [Int] = []
    /// By partition and zone.
    private var firstArcs: [[Int]] = []
    private var furtherArcs: [[Int?]] = []
    /// By partition and node.
    private var copyArcs: [[Int]] = []

    /// - Parameters:
    ///   - zones: The zone of each node.
    ///   - current: For each partition the nodes that hold it.
    ///   - weights: For each partition the rendezvous weight of each node, which settles what is otherwise equal.
    init(zones: [String], current: [[Int]], weights: [[UInt64]], targets: BalanceTargets) {
        let names = Set(zones).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        self.targets = targets
        self.current = current
        self.weights = weights
        self.zoneOfNode = zones.compactMap { numbers[$0] }
        self.zoneSizes = names.map { name in zones.count { $0 == name } }
        let vertexCount = 3 + zones.count + current.count * (2 + names.count)
        self.network = FlowNetwork(vertexCount: vertexCount, source: 0, sink: 1)
        self.addNodes()
        for partition in current.indices {
            self.addPartition(partition)
        }
    }

    /// The nodes of each row, ascending.
    mutating func solve() -> [[Int]] {
        self.keepCurrentCopies()
        self.network.maximizeFlow()
        return self.copyArcs.map { arcs in
            let row = arcs.indices.filter { self.network.flow(on: arcs[$0]) > 0 }
            precondition(row.count == self.targets.rowSize, "a row of \(row.count) for \(self.targets)")
            return row
        }
    }

    /// Meaningful after `solve`.
    var movedReplicasMinimum: Int {
        self.network.costLowerBound(flow: self.targets.rowSize * self.current.count)
    }

    private var surplusSize: Int { self.targets.rowSize - self.targets.zonesPerRow }
    private var spareVertex: Int { 2 }
    private func vertex(ofNode node: Int) -> Int { 3 + node }
    private func vertex(ofPartition partition: Int) -> Int {
        3 + self.zoneOfNode.count + partition * (2 + self.zoneSizes.count)
    }
    private func vertex(ofSurplus partition: Int) -> Int { self.vertex(ofPartition: partition) + 1 }
    private func vertex(ofPartition partition: Int, zone: Int) -> Int { self.vertex(ofPartition: partition) + 2 + zone }

    private mutating func addNodes() {
        for (node, range) in self.targets.replicas.enumerated() {
            let vertex = self.vertex(ofNode: node)
            self.leastArcs.append(self.network.addArc(from: vertex, to: 1, capacity: range.lowerBound))
            self.spareArcs.append(
                range.count > 1 ? self.network.addArc(from: vertex, to: self.spareVertex, capacity: 1) : nil
            )
        }
        let least = self.targets.replicas.reduce(0) { $0 + $1.lowerBound }
        let remainder = self.targets.rowSize * self.current.count - least
        self.remainderArc = self.network.addArc(from: self.spareVertex, to: 1, capacity: remainder)
    }

    private mutating func addPartition(_ partition: Int) {
        let root = self.vertex(ofPartition: partition)
        let surplus = self.vertex(ofSurplus: partition)
        let weights = self.weights[partition]
        self.rootArcs.append(self.network.addArc(from: 0, to: root, capacity: self.targets.zonesPerRow))
        if self.surplusSize > 0 {
            self.surplusRootArcs.append(self.network.addArc(from: 0, to: surplus, capacity: self.surplusSize))
        }
        // What is added last is tried first: so the heaviest zones and nodes come last.
        let nodes = weights.indices.sorted { weights[$0] < weights[$1] }
        var first = Array(repeating: 0, count: self.zoneSizes.count)
        var further: [Int?] = Array(repeating: nil, count: self.zoneSizes.count)
        var copies = Array(repeating: 0, count: weights.count)
        var zones: [Int] = []
        for node in nodes {
            let zone = self.zoneOfNode[node]
            zones.removeAll { $0 == zone }
            zones.append(zone)
            copies[node] = self.network.addArc(
                from: self.vertex(ofPartition: partition, zone: zone),
                to: self.vertex(ofNode: node),
                capacity: 1,
                cost: self.current[partition].contains(node) ? 0 : 1
            )
        }
        for zone in zones {
            let head = self.vertex(ofPartition: partition, zone: zone)
            first[zone] = self.network.addArc(from: root, to: head, capacity: 1)
            if self.surplusSize > 0, self.zoneSizes[zone] > 1 {
                further[zone] = self.network.addArc(from: surplus, to: head, capacity: self.zoneSizes[zone] - 1)
            }
        }
        self.firstArcs.append(first)
        self.furtherArcs.append(further)
        self.copyArcs.append(copies)
    }

    /// Starts from what the nodes hold already, in hashed order so that what has to go is spread over all partitions.
    private mutating func keepCurrentCopies() {
        var copies: [(weight: UInt64, partition: Int, node: Int)] = []
        for (partition, nodes) in self.current.enumerated() {
            for node in nodes {
                copies.append((Rendezvous.mix(self.weights[partition][node]), partition, node))
            }
        }
        copies.sort { ($0.weight, $0.partition, $0.node) < ($1.weight, $1.partition, $1.node) }
        for copy in copies {
            guard let head = self.openHead(partition: copy.partition, zone: self.zoneOfNode[copy.node]),
                let tail = self.openTail(node: copy.node)
            else { continue }
            self.network.push(along: head + [self.copyArcs[copy.partition][copy.node]] + tail)
        }
    }

    private func openHead(partition: Int, zone: Int) -> [Int]? {
        let first = [self.rootArcs[partition], self.firstArcs[partition][zone]]
        if first.allSatisfy({ self.network.capacityLeft(on: $0) > 0 }) { return first }
        guard let arc = self.furtherArcs[partition][zone] else { return nil }
        let further = [self.surplusRootArcs[partition], arc]
        return further.allSatisfy { self.network.capacityLeft(on: $0) > 0 } ? further : nil
    }

    private func openTail(node: Int) -> [Int]? {
        if self.network.capacityLeft(on: self.leastArcs[node]) > 0 { return [self.leastArcs[node]] }
        guard let spare = self.spareArcs[node] else { return nil }
        let tail = [spare, self.remainderArc]
        return tail.allSatisfy { self.network.capacityLeft(on: $0) > 0 } ? tail : nil
    }
}
