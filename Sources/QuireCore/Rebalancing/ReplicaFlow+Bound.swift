/// What the prices prove.
extension ReplicaFlow {
    /// No rows with this spread and balance move fewer replicas, by weak duality: whatever the prices are, such rows
    /// cost at least the cheapest rows at these prices, minus what the shares are worth. It reads neither the rows nor
    /// the flow. Meaningful after `solve`.
    var movedReplicasMinimum: Int {
        let prices = self.prices
        var bound = self.movedToSaturated
        for (node, share) in self.targets.replicas.enumerated() where !self.targets.saturatedNodes.contains(node) {
            bound += min(prices[node] * share.lowerBound, prices[node] * share.upperBound)
        }
        let dearest = (0..<self.zoneCount).map { zone in
            self.nodesOfZone.values[self.nodesOfZone.range(zone)].sorted { prices[$0] > prices[$1] }
        }
        for partition in 0..<self.partitionCount {
            bound += self.cheapestRow(of: partition, prices: prices, dearest: dearest)
        }
        return bound
    }

    private func cheapestRow(of partition: Int, prices: [Int], dearest: [[Int]]) -> Int {
        let held = self.held.values[self.held.range(partition)]
        var cost = 0
        var places = self.rowLength
        // The cheapest ones that no zone needs, ascending.
        var others: [Int] = []
        for zone in 0..<self.zoneCount {
            let allowed = self.targets.placesPerRow[zone]
            let most = min(allowed.upperBound, self.rowLength)
            var candidates = held.filter { self.targets.zoneOfNode[$0] == zone }.map { -prices[$0] }
            candidates += dearest[zone].prefix(most + held.count).filter { !held.contains($0) }.map { 1 - prices[$0] }
            candidates.sort()
            cost += candidates.prefix(allowed.lowerBound).reduce(0, +)
            places -= allowed.lowerBound
            others += candidates.prefix(most).dropFirst(allowed.lowerBound)
        }
        others.sort()
        return cost + others.prefix(places).reduce(0, +)
    }
}
