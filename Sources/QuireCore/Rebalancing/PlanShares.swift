/// The checker's own arithmetic of shares: given who is said to be saturated, it verifies that and all loads.
///
/// Let the places of a row that nothing saturated takes be shared in proportion to the weights. Someone is at a bound
/// exactly when the same share would take it beyond: that is verified for each zone and node with whole numbers, and
/// only one choice of the saturated fulfils it.
struct PlanShares {
    private let members: [Member]
    private let numbers: [NodeID: Int]
    private let rowSize: Int
    /// Zones as numbers; each member's, and which are saturated.
    private let zones: [Int]
    private let isZoneSaturated: [Bool]
    private let isNodeSaturated: [Bool]
    private let zoneWeights: [Int]
    /// Whether a zone has at most one node of a row; else at least one.
    private let isAtMostOne: Bool
    private let placesLeft: Int
    private let weightLeft: Int

    init(members: [Member], replicaCount: Int, _ certificate: PlanCertificate) throws(PlanChecker.Objection) {
        let names = Set(members.map(\.zone)).sorted()
        let zoneNumbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let saturatedZones = Dictionary(certificate.saturatedZones.map { ($0.zone, $0.limit) }) { one, _ in one }
        let saturatedNodes = Set(certificate.saturatedNodes)
        self.members = members
        self.numbers = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.id, $0) })
        self.rowSize = min(replicaCount, members.count)
        self.isAtMostOne = names.count >= self.rowSize
        self.isZoneSaturated = names.map { saturatedZones[$0] != nil }
        self.isNodeSaturated = members.map { saturatedNodes.contains($0.id) }
        var zones: [Int] = []
        var zoneWeights = names.map { _ in 0 }
        var weightLeft = 0
        for (index, member) in members.enumerated() {
            let zone = zoneNumbers[member.zone] ?? 0
            zones.append(zone)
            zoneWeights[zone] += member.weight
            if !self.isZoneSaturated[zone], !self.isNodeSaturated[index] { weightLeft += member.weight }
        }
        self.zones = zones
        self.zoneWeights = zoneWeights
        self.weightLeft = weightLeft
        self.placesLeft = self.rowSize - certificate.saturatedZones.count - certificate.saturatedNodes.count
        // Named twice, someone would be counted twice.
        for (one, other) in zip(certificate.saturatedZones, certificate.saturatedZones.dropFirst())
        where one.zone >= other.zone {
            throw .zoneSaturation(other.zone)
        }
        for (one, other) in zip(certificate.saturatedNodes, certificate.saturatedNodes.dropFirst())
        where one >= other {
            throw .nodeSaturation(other)
        }
        if let stranger = saturatedZones.keys.filter({ !names.contains($0) }).min() { throw .zoneSaturation(stranger) }
        if let stranger = saturatedNodes.subtracting(members.map(\.id)).min() { throw .nodeSaturation(stranger) }
        try self.checkSaturation(names: names, limits: saturatedZones)
    }

    private func checkSaturation(
        names: [String],
        limits: [String: SaturatedZone.Limit]
    ) throws(PlanChecker.Objection) {
        var hasSaturatedNode = names.map { _ in false }
        for (index, member) in self.members.enumerated() where self.isNodeSaturated[index] {
            hasSaturatedNode[self.zones[index]] = true
            guard !self.isAtMostOne, !self.isZoneSaturated[self.zones[index]] else { throw .nodeSaturation(member.id) }
        }
        for (index, member) in self.members.enumerated()
        where !self.isAtMostOne && !self.isZoneSaturated[self.zones[index]] {
            let isBeyond = member.weight * self.placesLeft > self.weightLeft
            guard isBeyond == self.isNodeSaturated[index] else { throw .nodeSaturation(member.id) }
        }
        for (zone, name) in names.enumerated() {
            let share = self.zoneWeights[zone] * self.placesLeft
            let isBeyond =
                self.isAtMostOne
                ? share > self.weightLeft : share < self.weightLeft && !hasSaturatedNode[zone]
            let limit: SaturatedZone.Limit = self.isAtMostOne ? .oneReplicaPerPartition : .replicaOfEveryPartition
            guard isBeyond == self.isZoneSaturated[zone], limits[name] ?? limit == limit else {
                throw .zoneSaturation(name)
            }
        }
    }

    /// - Parameter rows: One per partition.
    func check(_ rows: [[NodeID]]) throws(PlanChecker.Objection) {
        var replicas = self.members.map { _ in 0 }
        var tokens = replicas
        let possible = min(self.rowSize, self.zoneWeights.count)
        for (index, row) in rows.enumerated() {
            let partition = PartitionID(index)
            let nodes = row.compactMap { self.numbers[$0] }
            guard nodes.count == self.rowSize, row.count == self.rowSize, Set(nodes).count == self.rowSize else {
                throw .rowIncomplete(partition)
            }
            let spread = Set(nodes.map { self.zones[$0] })
            guard spread.count == possible else {
                throw .zonesNotSpread(partition, found: spread.count, possible: possible)
            }
            let shared = nodes.count { !self.isNodeSaturated[$0] && !self.isZoneSaturated[self.zones[$0]] }
            guard shared == self.placesLeft,
                self.isZoneSaturated.indices.allSatisfy({ zone in
                    !self.isZoneSaturated[zone] || nodes.count { self.zones[$0] == zone } == 1
                })
            else { throw .saturationBroken(partition) }
            tokens[nodes[0]] += 1
            for node in nodes { replicas[node] += 1 }
        }
        let isSaturated = self.isZoneSaturated.contains(true) || self.isNodeSaturated.contains(true)
        let weight = self.zoneWeights.reduce(0, +)
        for (index, member) in self.members.enumerated() {
            let share = self.share(of: index, partitions: rows.count)
            guard abs(replicas[index] * share.parts - share.total) < share.parts else {
                throw .replicasUnbalanced(member.id, found: replicas[index])
            }
            // Around saturation rounding can cost a token more.
            let off = abs(tokens[index] * weight - rows.count * member.weight)
            guard off < (isSaturated ? 2 * weight : weight) else {
                throw .tokensUnbalanced(member.id, found: tokens[index])
            }
        }
    }

    /// The share of replicas is `total / parts`.
    private func share(of node: Int, partitions: Int) -> (total: Int, parts: Int) {
        let weight = self.members[node].weight
        if self.isNodeSaturated[node] { return (partitions, 1) }
        let zone = self.zones[node]
        if self.isZoneSaturated[zone] { return (partitions * weight, self.zoneWeights[zone]) }
        return (self.placesLeft * partitions * weight, self.weightLeft)
    }

    /// The bound that `PlanCertificate` describes.
    func movedReplicasMinimum(from rows: [[NodeID]], prices: [Int]) -> Int {
        var bound = 0
        for index in self.members.indices {
            let share = self.share(of: index, partitions: rows.count)
            let least = share.total / share.parts
            let most = (share.total + share.parts - 1) / share.parts
            bound += min(prices[index] * least, prices[index] * most)
        }
        var costs = prices.map { 1 - $0 }
        for row in rows {
            let held = row.compactMap { self.numbers[$0] }
            for node in held { costs[node] -= 1 }
            bound += self.cheapestRow(costs)
            for node in held { costs[node] += 1 }
        }
        return bound
    }

    /// Every saturated node; the cheapest node of each zone that needs one; and the cheapest others, one per zone where
    /// a zone has at most one.
    private func cheapestRow(_ costs: [Int]) -> Int {
        let none = Int.max
        var cheapest = self.zoneWeights.map { _ in none }
        var isServed = self.isZoneSaturated.map { _ in false }
        var total = 0
        for (node, cost) in costs.enumerated() {
            let zone = self.zones[node]
            if self.isNodeSaturated[node] {
                isServed[zone] = true
                total += cost
            } else {
                cheapest[zone] = min(cheapest[zone], cost)
            }
        }
        var places = self.placesLeft
        var others: [Int] = []
        for zone in cheapest.indices {
            if self.isZoneSaturated[zone] {
                total += cheapest[zone]
            } else if self.isAtMostOne {
                others.append(cheapest[zone])
            } else if !isServed[zone] {
                total += cheapest[zone]
                places -= 1
            }
        }
        if !self.isAtMostOne, places > 0 {
            for (node, cost) in costs.enumerated() where !self.isNodeSaturated[node] {
                let zone = self.zones[node]
                guard !self.isZoneSaturated[zone] else { continue }
                if !isServed[zone], cost == cheapest[zone] {
                    isServed[zone] = true
                } else {
                    others.append(cost)
                }
            }
        }
        return total + Self.smallest(places, of: others)
    }

    private static func smallest(_ count: Int, of values: [Int]) -> Int {
        guard count > 0 else { return 0 }
        // Most of them are all the same.
        var kept: [Int] = []
        for value in values where kept.count < count || value < kept[count - 1] {
            if kept.count == count { kept.removeLast() }
            kept.insert(value, at: kept.firstIndex { value < $0 } ?? kept.count)
        }
        return kept.reduce(0, +)
    }
}
