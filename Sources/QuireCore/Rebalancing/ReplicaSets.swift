/// The distinct sets of nodes that hold some partition: each is a way to lose one.
struct ReplicaSets {
    private let sets: Set<PackedSet>

    /// - Parameter rows: Node numbers, at most 7 per row.
    init(_ rows: [[Int]]) {
        self.sets = Set(rows.map { PackedSet($0) })
    }

    var count: Int { self.sets.count }

    func count(ofSize size: Int) -> Int { self.sets.count { $0.count == size } }

    /// How many sets with one node more contain one of these.
    ///
    /// Each of them is in as many as there are other nodes; what contains several was counted too often then. Two sets
    /// are in a common one when they differ in one node.
    ///
    /// - Returns: `nil` when there are too many such pairs to be looked at.
    func supersets(ofSize size: Int, among nodeCount: Int) -> Int? {
        let sets = self.sets.filter { $0.count == size }
        var groups: [PackedSet: [Int]] = [:]
        for set in sets {
            for index in 0..<size { groups[set.removing(at: index), default: []].append(set[index]) }
        }
        let pairs = groups.values.reduce(0) { $0 + $1.count * ($1.count - 1) / 2 }
        guard pairs <= Self.pairsMax else { return nil }
        var shared: Set<PackedSet> = []
        for (rest, others) in groups where others.count > 1 {
            for (index, one) in others.enumerated() {
                for other in others[..<index] { shared.insert(PackedSet(rest.nodes + [one, other])) }
            }
        }
        let repeated = shared.reduce(0) { sum, superset in
            sum + (0...size).count { sets.contains(superset.removing(at: $0)) } - 1
        }
        return sets.count * (nodeCount - size) - repeated
    }

    private static let pairsMax = 1 << 19
}

/// Up to eight node numbers below 8191 in ascending order, 13 bits each.
private struct PackedSet: Hashable {
    private var bits: UInt128

    private init(bits: UInt128) {
        self.bits = bits
    }

    init(_ nodes: [Int]) {
        self.bits = nodes.sorted(by: >).reduce(0) { $0 << 13 | UInt128($1 + 1) }
    }

    var count: Int { (128 - self.bits.leadingZeroBitCount + 12) / 13 }
    var nodes: [Int] { (0..<self.count).map { self[$0] } }

    subscript(index: Int) -> Int { Int(truncatingIfNeeded: self.bits >> (13 * index) & 0x1FFF) - 1 }

    func removing(at index: Int) -> PackedSet {
        let low = self.bits & (UInt128(1) << (13 * index) - 1)
        return PackedSet(bits: (self.bits >> (13 * (index + 1))) << (13 * index) | low)
    }
}
