/// A zone whose nodes cannot hold the share that all other nodes hold.
package struct SaturatedZone: Hashable, Sendable, Codable {
    package enum Limit: String, Hashable, Sendable, Codable {
        /// It already has one replica of every partition, the most that zone spread allows: nodes added here would
        /// only share that, nodes added elsewhere relieve it of nothing.
        case oneReplicaPerPartition
        /// It must have a replica of every partition although it has few nodes: they hold more than the others.
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
/// Each node's share is an equal part of all replicas, rounded down or up. Zone spread comes first, though: where
/// there are at least as many zones as replicas, a zone holds at most one replica of each partition, so `Q` in all;
/// where there are fewer, it holds at least one of each. A zone whose nodes' common share breaks that bound is
/// *saturated*: it is fixed at the bound, and the rest is shared among the others (water-filling).
package struct BalanceTargets: Hashable, Sendable {
    /// Replicas per partition: N, or the number of nodes while that is smaller.
    package let rowSize: Int
    /// The most zones that a row can span.
    package let zonesPerRow: Int
    /// Replicas per node, in the order of the nodes given.
    package let replicas: [ClosedRange<Int>]
    /// Tokens per node, the same for all: Q/S, rounded down or up.
    package let tokens: ClosedRange<Int>
    /// Ascending by zone.
    package let saturatedZones: [SaturatedZone]

    /// - Parameters:
    ///   - zones: The zone of each node; not empty.
    ///   - partitionCount: Q.
    ///   - replicaCount: N.
    package init(zones: [String], partitionCount: Int, replicaCount: Int) {
        precondition(!zones.isEmpty && replicaCount > 0, "\(zones.count) nodes for \(replicaCount) replicas")
        let names = Set(zones).sorted()
        let sizes = names.map { name in zones.count { $0 == name } }
        self.rowSize = min(replicaCount, zones.count)
        self.zonesPerRow = min(self.rowSize, names.count)
        self.tokens = Self.roundings(of: partitionCount, over: zones.count)
        let isAtMostOne = names.count >= self.rowSize
        var isFixed = Array(repeating: false, count: names.count)
        var replicasLeft = partitionCount * self.rowSize
        var nodesLeft = zones.count
        while let index = sizes.indices.first(where: { index in
            let share = sizes[index] * replicasLeft
            let bound = partitionCount * nodesLeft
            return !isFixed[index] && (isAtMostOne ? share > bound : share < bound)
        }) {
            isFixed[index] = true
            replicasLeft -= partitionCount
            nodesLeft -= sizes[index]
        }
        let ranges = names.indices.map { index in
            isFixed[index]
                ? Self.roundings(of: partitionCount, over: sizes[index])
                : Self.roundings(of: replicasLeft, over: nodesLeft)
        }
        let rangeOfZone = Dictionary(uniqueKeysWithValues: zip(names, ranges))
        self.replicas = zones.compactMap { rangeOfZone[$0] }
        self.saturatedZones = names.indices.filter { isFixed[$0] }.map { index in
            SaturatedZone(
                zone: names[index],
                limit: isAtMostOne ? .oneReplicaPerPartition : .replicaOfEveryPartition
            )
        }
    }

    /// Tokens that a node may have: around saturated zones the rows that move least can, by rounding, rule out an
    /// exact balance, and a node has then one more or less.
    package var tokensAllowed: ClosedRange<Int> {
        self.saturatedZones.isEmpty
            ? self.tokens : max(0, self.tokens.lowerBound - 1)...self.tokens.upperBound + 1
    }

    private static func roundings(of total: Int, over count: Int) -> ClosedRange<Int> {
        total / count...(total + count - 1) / count
    }
}
