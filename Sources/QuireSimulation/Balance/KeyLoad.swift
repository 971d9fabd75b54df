import QuireCore

/// How often each key is asked for.
package enum KeyPopularity: Hashable, Sendable {
    /// Infinitely many keys, all alike: a range is asked for as often as it is long.
    case uniform
    /// So many keys; how often the k-th is asked for falls with k.
    case zipf(keys: Int, exponent: ZipfExponent)
}

/// How steeply popularity falls: the k-th key is asked for as often as the first, divided by k to this power.
///
/// With exponent 1 a handful of keys makes most of the load, which no partitioning divides; the paper's §6.2 supposes
/// that there are enough popular keys for their load to spread, and a half is nearer to that.
package enum ZipfExponent: Hashable, Sendable {
    case half
    case one

    func weight(ofRank rank: Int) -> Double {
        switch self {
        case .half: 1 / Double(rank).squareRoot()
        case .one: 1 / Double(rank)
        }
    }
}

/// The requests that nodes get, as expectations: no request is drawn, so there is no noise of sampling.
///
/// A request for a key reaches every node of its preference list once: a put is sent to all N replicas and so is a get
/// (Dynamo §4.5). Which of them coordinates is left out, as are stand-ins. The factor N is the same for all nodes, so
/// the load of a node is the sum of the shares of the keys, or of the ranges, in whose preference list it is.
package struct KeyLoad: Sendable {
    /// Which hash places keys.
    package enum Placing: Sendable {
        /// 60 bits of the key's SHA-256: strategies 1 and 2.
        case hash
        /// The key's `Slot`: strategy 3, as in the product.
        case slot
    }

    private struct WeightedPlace: Comparable {
        let position: Int
        let weight: Double

        static func < (left: WeightedPlace, right: WeightedPlace) -> Bool {
            (left.position, left.weight) < (right.position, right.weight)
        }
    }

    /// Ascending; `nil` when all keys are alike.
    private let byHash: [WeightedPlace]?
    private let bySlot: [WeightedPlace]?

    /// - Parameter seed: Draws the names of the keys, where there are some.
    package init(_ popularity: KeyPopularity, seed: UInt64) {
        switch popularity {
        case .uniform:
            self.byHash = nil
            self.bySlot = nil
        case .zipf(let keys, let exponent):
            var byHash: [WeightedPlace] = []
            var bySlot: [WeightedPlace] = []
            for rank in 1...keys {
                guard let key = Key("\(seed)/\(rank)") else { continue }
                let weight = exponent.weight(ofRank: rank)
                byHash.append(WeightedPlace(position: Int(key.hash.rawValue >> 4), weight: weight))
                let slot = key.slot.rawValue * (HashSpace.size / Slot.count)
                bySlot.append(WeightedPlace(position: slot, weight: weight))
            }
            self.byHash = byHash.sorted()
            self.bySlot = bySlot.sorted()
        }
    }

    /// The load of each node, in an arbitrary unit.
    package func perNode(in map: RangeMap, nodes: Int, placedBy placing: Placing) -> [Double] {
        switch placing {
        case .hash: self.byHash.map { Self.sum($0, in: map, nodes: nodes) } ?? Self.lengths(in: map, nodes: nodes)
        case .slot: self.bySlot.map { Self.sum($0, in: map, nodes: nodes) } ?? Self.lengths(in: map, nodes: nodes)
        }
    }

    /// Load-balancing efficiency (Dynamo §6.2): the average number of requests served by each node, over the number
    /// served by the hottest one.
    package static func efficiency(of loads: [Double]) -> Double {
        guard let hottest = loads.max(), hottest > 0 else { return 1 }
        return loads.reduce(0, +) / Double(loads.count) / hottest
    }

    /// Summed as whole numbers: exact, whatever the order.
    private static func lengths(in map: RangeMap, nodes: Int) -> [Double] {
        var loads = Array(repeating: 0, count: nodes)
        var start = 0
        for (index, end) in map.ends.enumerated() {
            for node in map.row(ofRange: index) {
                loads[node] += end - start
            }
            start = end
        }
        return loads.map(Double.init)
    }

    private static func sum(_ places: [WeightedPlace], in map: RangeMap, nodes: Int) -> [Double] {
        var loads = Array(repeating: 0.0, count: nodes)
        var range = 0
        for place in places {
            while place.position >= map.ends[range] {
                range += 1
            }
            for node in map.row(ofRange: range) {
                loads[node] += place.weight
            }
        }
        return loads
    }
}
