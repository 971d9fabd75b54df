/// The rows that the flow starts from: the cheapest ones when no node's share matters.
extension ReplicaFlow {
    /// Keeps every copy that zone spread lets a row keep and fills the rest, with the least loaded nodes where it is
    /// all the same. A row's choice is greedy: first a node for each zone that needs one, then for the places that are
    /// left; in each case a copy that is there before one that was there once before any other.
    mutating func chooseCheapestRows() {
        var start = StartingRows(self)
        for partition in self.partitionOrder { start.keepCopies(partition) }
        for partition in self.partitionOrder { start.fill(partition) }
        self.rows = start.rows
        self.zoneCounts = start.zoneCounts
        for node in 0..<self.nodeCount {
            let share = self.targets.replicas[node]
            // Saturated nodes are outside; the hub never hears of them.
            let load = self.targets.saturatedNodes.contains(node) ? share.lowerBound : start.loads[node]
            self.passed[node] = min(max(load, share.lowerBound), share.upperBound)
            self.excess[node] = load - self.passed[node]
        }
        self.excess[self.hub] = -self.excess[..<self.hub].reduce(0, +)
        for partition in 0..<self.partitionCount { self.setFirstPotentials(of: partition) }
    }

    /// Potentials of the row's vertices under which, all nodes having zero, no arc has a negative reduced cost.
    private mutating func setFirstPotentials(of partition: Int) {
        let unbounded = Int.max / 4
        var bounds = Array(repeating: (low: -unbounded, high: unbounded), count: self.zoneCount)
        for slot in self.slots(of: partition) {
            let node = self.rows[slot]
            let zone = self.targets.zoneOfNode[node]
            bounds[zone].high = min(bounds[zone].high, -self.cost(of: partition, on: node))
        }
        for zone in 0..<self.zoneCount
        where self.nodesOfZone.range(zone).count > self.zoneCounts[partition * self.zoneCount + zone] {
            bounds[zone].low = -self.scale
        }
        for lists in [self.former, self.held] {
            for index in lists.range(partition) where !self.isInRow(lists.values[index], of: partition) {
                let node = lists.values[index]
                let zone = self.targets.zoneOfNode[node]
                bounds[zone].low = max(bounds[zone].low, -self.cost(of: partition, on: node))
            }
        }
        var root = (low: -unbounded, high: unbounded)
        for zone in 0..<self.zoneCount {
            if self.mayLose(partition, zone: zone) { root.high = min(root.high, bounds[zone].high) }
            if self.mayGain(partition, zone: zone) { root.low = max(root.low, bounds[zone].low) }
        }
        precondition(root.low <= root.high, "row \(partition) is not the cheapest")
        let potential = root.high < unbounded ? root.high : max(root.low, -self.scale)
        self.potentials[self.root(of: partition)] = potential
        for zone in 0..<self.zoneCount {
            precondition(bounds[zone].low <= bounds[zone].high, "row \(partition) is not the cheapest in zone \(zone)")
            self.potentials[self.vertex(of: partition, zone: zone)] =
                min(max(potential, bounds[zone].low), bounds[zone].high)
        }
    }
}

private struct StartingRows {
    private let flow: ReplicaFlow
    var rows: [Int]
    var zoneCounts: [Int]
    /// Replicas per node; while copies are being kept, those that nobody has decided about are included.
    var loads: [Int]
    /// By partition.
    private var counts: [Int]

    init(_ flow: ReplicaFlow) {
        self.flow = flow
        self.rows = flow.rows
        self.zoneCounts = flow.zoneCounts
        self.loads = Array(repeating: 0, count: flow.nodeCount)
        self.counts = Array(repeating: 0, count: flow.partitionCount)
        for node in flow.held.values { self.loads[node] += 1 }
    }

    mutating func keepCopies(_ partition: Int) {
        let held = Array(self.flow.held.values[self.flow.held.range(partition)])
        self.choose(held, for: partition)
        for node in held where !self.isChosen(node, for: partition) { self.loads[node] -= 1 }
    }

    /// Places are left after `keepCopies`; whoever gets one has one replica more.
    mutating func fill(_ partition: Int) {
        guard self.counts[partition] < self.flow.rowLength else { return }
        let kept = self.counts[partition]
        self.choose(Array(self.flow.former.values[self.flow.former.range(partition)]), for: partition)
        for index in kept..<self.counts[partition] {
            self.loads[self.rows[partition * self.flow.rowLength + index]] += 1
        }
        let zones = 0..<self.flow.zoneCount
        for zone in zones where self.placesNeeded(partition, zone: zone) > 0 {
            self.addLeastLoaded(to: partition, zones: zone..<zone + 1)
        }
        while self.counts[partition] < self.flow.rowLength {
            self.addLeastLoaded(to: partition, zones: zones)
        }
    }

    /// Takes as many of the candidates as the row's places allow, the least loaded ones where not all can be taken.
    private mutating func choose(_ candidates: [Int], for partition: Int) {
        let sorted = candidates.sorted { self.isLessLoaded($0, than: $1, for: partition) }
        let zones = self.flow.targets.zoneOfNode
        for node in sorted where self.placesNeeded(partition, zone: zones[node]) > 0 {
            self.add(node, to: partition)
        }
        for node in sorted where !self.isChosen(node, for: partition) {
            let needed = (0..<self.flow.zoneCount).reduce(0) { $0 + self.placesNeeded(partition, zone: $1) }
            if self.counts[partition] + needed < self.flow.rowLength, self.mayGain(partition, zone: zones[node]) {
                self.add(node, to: partition)
            }
        }
    }

    private mutating func addLeastLoaded(to partition: Int, zones: Range<Int>) {
        var best: Int?
        for zone in zones where self.mayGain(partition, zone: zone) {
            for index in self.flow.nodesOfZone.range(zone) {
                let node = self.flow.nodesOfZone.values[index]
                if let best, !self.isLessLoaded(node, than: best, for: partition) { continue }
                if !self.isChosen(node, for: partition) { best = node }
            }
        }
        guard let best else { preconditionFailure("no node for partition \(partition) in zones \(zones)") }
        self.add(best, to: partition)
        self.loads[best] += 1
    }

    private mutating func add(_ node: Int, to partition: Int) {
        self.rows[partition * self.flow.rowLength + self.counts[partition]] = node
        self.counts[partition] += 1
        self.zoneCounts[partition * self.flow.zoneCount + self.flow.targets.zoneOfNode[node]] += 1
    }

    private func isChosen(_ node: Int, for partition: Int) -> Bool {
        let first = partition * self.flow.rowLength
        for slot in first..<first + self.counts[partition] where self.rows[slot] == node { return true }
        return false
    }

    private func placesNeeded(_ partition: Int, zone: Int) -> Int {
        let count = self.zoneCounts[partition * self.flow.zoneCount + zone]
        return max(0, self.flow.targets.placesPerRow[zone].lowerBound - count)
    }

    private func mayGain(_ partition: Int, zone: Int) -> Bool {
        self.zoneCounts[partition * self.flow.zoneCount + zone] < self.flow.targets.placesPerRow[zone].upperBound
    }

    /// By load in relation to the share, then by hash.
    private func isLessLoaded(_ left: Int, than right: Int, for partition: Int) -> Bool {
        let shares = self.flow.targets.replicas
        let leftLoad = (self.loads[left] + 1) * shares[right].upperBound
        let rightLoad = (self.loads[right] + 1) * shares[left].upperBound
        if leftLoad != rightLoad { return leftLoad < rightLoad }
        let salt = Rendezvous.mix(UInt64(partition))
        let leftHash = Rendezvous.mix(self.flow.nodeHashes[left] ^ salt)
        let rightHash = Rendezvous.mix(self.flow.nodeHashes[right] ^ salt)
        return (leftHash, left) < (rightHash, right)
    }
}
