/// A zone whose nodes cannot hold the share that all other nodes hold.
package struct SaturatedZone: Hashable, Sendable, Codable {
    package enum Limit: String, Hashable, Sendable, Codable {
        /// It has one replica of every partition, the most that zone spread allows: nodes added here would only
        /// share that, nodes added elsewhere relieve it of nothing.
        case oneReplicaPerPartition
        /// It must have a replica of every partition although its weight is small: its nodes hold more than the others.
        case replicaOfEveryPartition
    }

    package let zone: String
    package let limit: Limit

    package init(zone: String, limit: Limit) {
        self.zone = zone
        self.limit = limit
    }
}

/// How many replicas and tokens each node should have: the balance that plans aim at and `validate()` demands.
///
/// A node's share is its weight's part of all `N·Q` replicas (Dynamo §4.2), rounded down or up. Two things come first.
/// A row names a node once, so a node holds at most Q. And rows span as many zones as they can: where there are at
/// least as many zones as replicas, a zone holds at most one replica of each partition, so Q in all; where there are
/// fewer, it holds at least one of each. A zone or node whose share breaks such a bound is *saturated*: it is fixed at
/// the bound, which every row must then keep, and the rest is shared among the others (water-filling).
///
/// So nodes fall into groups, and every row has a fixed number of each group's nodes: one of each saturated zone, each
/// saturated node, and the remaining places from all others. Loads within a group are in proportion to the weights.
/// Therefore
/// - rows with these loads exist: with that part of every partition on each node all bounds hold, and a flow with
///   whole bounds has a whole solution;
/// - tokens in proportion to the weights exist inside any such rows: exactly, rounded down or up, where nothing is
///   saturated (a node owns 1/N of what it holds); else off by one more at most, since a set of nodes that contains t
///   rows has t/Q of each group's load up to rounding, and so t/Q of all weight.
package struct BalanceTargets: Hashable, Sendable {
    /// Replicas per partition: N, or the number of nodes while that is smaller.
    package let rowSize: Int
    /// The most zones that a row can span.
    package let zonesPerRow: Int
    /// Replicas per node, in the order of the nodes given.
    package let replicas: [ClosedRange<Int>]
    /// Tokens per node: its weight's part of Q, rounded down or up.
    package let tokens: [ClosedRange<Int>]
    /// Ascending by zone.
    package let saturatedZones: [SaturatedZone]
    /// Numbers of the nodes that hold a replica of every partition because of their weight, ascending.
    package let saturatedNodes: [Int]

    /// The zone of each node as a number.
    let zoneOfNode: [Int]
    /// By zone: how many of a row's nodes it may have, not counting saturated nodes.
    let placesPerRow: [ClosedRange<Int>]

    /// - Parameters:
    ///   - zones: The zone of each node; not empty.
    ///   - weights: The weight of each node, at least 1; all the same when not given.
    ///   - partitionCount: Q.
    ///   - replicaCount: N.
    package init(zones: [String], weights: [Int]? = nil, partitionCount: Int, replicaCount: Int) {
        let weights = weights ?? Array(repeating: 1, count: zones.count)
        precondition(!zones.isEmpty && replicaCount > 0, "\(zones.count) nodes for \(replicaCount) replicas")
        precondition(weights.count == zones.count && weights.allSatisfy { $0 > 0 }, "weights \(weights)")
        let names = Set(zones).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let zoneOfNode = zones.compactMap { numbers[$0] }
        let rowSize = min(replicaCount, zones.count)
        let filling = WaterFilling(zones: zoneOfNode, zoneCount: names.count, weights: weights, rowSize: rowSize)
        let weight = weights.reduce(0, +)

        self.rowSize = rowSize
        self.zonesPerRow = min(rowSize, names.count)
        self.zoneOfNode = zoneOfNode
        self.tokens = weights.map { Self.roundings(of: partitionCount * $0, over: weight) }
        self.replicas = weights.indices.map { node in
            if filling.isNodeSaturated[node] { return partitionCount...partitionCount }
            let zone = zoneOfNode[node]
            return filling.isZoneSaturated[zone]
                ? Self.roundings(of: partitionCount * weights[node], over: filling.zoneWeights[zone])
                : Self.roundings(of: filling.placesLeft * partitionCount * weights[node], over: filling.weightLeft)
        }
        let isAtMostOne = filling.isAtMostOne
        self.saturatedNodes = weights.indices.filter { filling.isNodeSaturated[$0] }
        self.saturatedZones = names.indices.filter { filling.isZoneSaturated[$0] }.map { index in
            SaturatedZone(
                zone: names[index],
                limit: isAtMostOne ? .oneReplicaPerPartition : .replicaOfEveryPartition
            )
        }
        self.placesPerRow = names.indices.map { zone in
            if filling.isZoneSaturated[zone] { return 1...1 }
            if isAtMostOne { return 0...1 }
            let size = zoneOfNode.indices.count { zoneOfNode[$0] == zone }
            let saturated = zoneOfNode.indices.count { zoneOfNode[$0] == zone && filling.isNodeSaturated[$0] }
            return (saturated > 0 ? 0 : 1)...(size - saturated)
        }
    }

    /// Tokens that a node may have: around saturation the rows that move least can, by rounding, rule out an exact
    /// balance, and a node has then one more or less.
    package var tokensAllowed: [ClosedRange<Int>] {
        guard !self.saturatedZones.isEmpty || !self.saturatedNodes.isEmpty else { return self.tokens }
        return self.tokens.map { max(0, $0.lowerBound - 1)...$0.upperBound + 1 }
    }

    private static func roundings(of total: Int, over count: Int) -> ClosedRange<Int> {
        total / count...(total + count - 1) / count
    }
}

/// Which zones and nodes are at a bound when everything else is shared in proportion to the weights.
///
/// Let every node take *level* · weight of a row. As the level rises from 0, bounds come into force and cease one after
/// the other, each where the level times some weight is 1; the whole of the rows grows with it, until it is the row
/// size. The search is for the last of these steps below that, and needs whole numbers only: level 1/v, all times v.
private struct WaterFilling {
    /// Whether a zone has at most one node of a row; else at least one.
    let isAtMostOne: Bool
    let zoneWeights: [Int]
    let isZoneSaturated: [Bool]
    let isNodeSaturated: [Bool]
    /// Places of a row, and the weight of the nodes that share them, when all that is saturated is taken away.
    let placesLeft: Int
    let weightLeft: Int

    init(zones: [Int], zoneCount: Int, weights: [Int], rowSize: Int) {
        var zoneWeights = Array(repeating: 0, count: zoneCount)
        for (zone, weight) in zip(zones, weights) { zoneWeights[zone] += weight }
        let isAtMostOne = zoneCount >= rowSize
        // Places that are taken at level 1/divisor, times the divisor.
        func taken(_ divisor: Int) -> Int {
            if isAtMostOne { return zoneWeights.reduce(0) { $0 + min($1, divisor) } }
            var perZone = Array(repeating: 0, count: zoneCount)
            for (zone, weight) in zip(zones, weights) { perZone[zone] += min(weight, divisor) }
            return perZone.reduce(0) { $0 + max($1, divisor) }
        }
        let steps = Set(isAtMostOne ? zoneWeights : zoneWeights + weights).sorted(by: >)
        var low = 0
        var high = steps.count - 1
        while low < high {
            let middle = (low + high) / 2
            if taken(steps[middle]) >= rowSize * steps[middle] { high = middle } else { low = middle + 1 }
        }
        let step = steps[low]
        let isExact = taken(step) == rowSize * step
        let isZoneSaturated = zoneWeights.map { weight in
            isAtMostOne ? weight > step : weight < step || (weight == step && !isExact)
        }
        let isNodeSaturated = weights.map { !isAtMostOne && $0 > step }
        self.isAtMostOne = isAtMostOne
        self.zoneWeights = zoneWeights
        self.isZoneSaturated = isZoneSaturated
        self.isNodeSaturated = isNodeSaturated
        self.placesLeft = rowSize - isZoneSaturated.count { $0 } - isNodeSaturated.count { $0 }
        self.weightLeft = zip(zones, weights).enumerated().reduce(0) { sum, node in
            isZoneSaturated[node.element.0] || isNodeSaturated[node.offset] ? sum : sum + node.element.1
        }
    }
}
