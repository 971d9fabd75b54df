import HeapModule

/// The search for cheapest paths from nodes with too much to nodes with too little.
extension ReplicaFlow {
    /// Ends when every node has its share.
    mutating func balance() {
        self.collectPartitionsOfNodes()
        while self.excess.contains(where: { $0 > 0 }) {
            self.raisePotentials()
            while self.findLevels() {
                self.sendBlockingFlow()
                self.collectPartitionsOfNodes()
            }
        }
    }

    /// Makes the potentials those of the problem without former rows: the rows are cheapest for that, too, and so the
    /// potentials exist; the shortest distances from anywhere are such.
    mutating func forgetFormerRows() {
        self.former = IntegerLists(Array(repeating: [], count: self.partitionCount))
        self.scale = 1
        self.potentials = Array(repeating: 0, count: self.potentials.count)
        self.labels = self.potentials
        var queue = Array(self.labels.indices)
        var isQueued = Array(repeating: true, count: queue.count)
        while !queue.isEmpty {
            var next: [Int] = []
            for vertex in queue {
                isQueued[vertex] = false
                self.improved.removeAll(keepingCapacity: true)
                self.relaxArcs(from: vertex, below: Int.max)
                for head in self.improved where !isQueued[head] {
                    isQueued[head] = true
                    next.append(head)
                }
            }
            queue = next
        }
        self.potentials = self.labels
    }

    private mutating func collectPartitionsOfNodes() {
        var starts = Array(repeating: 0, count: self.nodeCount + 1)
        for node in self.rows { starts[node + 1] += 1 }
        for node in 0..<self.nodeCount { starts[node + 1] += starts[node] }
        var values = Array(repeating: 0, count: self.rows.count)
        var ends = starts
        for partition in self.partitionOrder {
            for slot in self.slots(of: partition) {
                let node = self.rows[slot]
                values[ends[node]] = partition
                ends[node] += 1
            }
        }
        self.partitionsOfNode = IntegerLists(values: values, starts: starts)
    }

    // MARK: Dijkstra

    private struct Reached: Comparable {
        let distance: Int
        let vertex: Int

        static func < (left: Reached, right: Reached) -> Bool {
            (left.distance, left.vertex) < (right.distance, right.vertex)
        }
    }

    /// Adds to every potential the distance from the nodes with too much, up to that of the nearest with too little.
    private mutating func raisePotentials() {
        let far = Int.max / 4
        self.labels = self.potentials.map { $0 + far }
        var heap = Heap<Reached>()
        for vertex in self.excess.indices where self.excess[vertex] > 0 {
            self.labels[vertex] = self.potentials[vertex]
            heap.insert(Reached(distance: 0, vertex: vertex))
        }
        var nearest = far
        while let reached = heap.popMin(), reached.distance < nearest {
            guard self.labels[reached.vertex] == self.potentials[reached.vertex] + reached.distance else { continue }
            self.improved.removeAll(keepingCapacity: true)
            self.relaxArcs(from: reached.vertex, below: nearest)
            for head in self.improved {
                let distance = self.labels[head] - self.potentials[head]
                if head <= self.hub, self.excess[head] < 0 { nearest = min(nearest, distance) }
                heap.insert(Reached(distance: distance, vertex: head))
            }
        }
        precondition(nearest < far, "no way from a node with too much to one with too little")
        for vertex in self.potentials.indices {
            self.potentials[vertex] = min(self.labels[vertex], self.potentials[vertex] + nearest)
        }
    }

    /// Lowers the labels of all vertices to which an arc with capacity leads, where it gives a shorter way.
    ///
    /// - Parameter limit: Distances from here on do not matter.
    private mutating func relaxArcs(from vertex: Int, below limit: Int) {
        let label = self.labels[vertex]
        if vertex < self.hub {
            if self.mayPassMore(vertex) { self.relax(self.hub, label: label, below: limit) }
            let zone = self.targets.zoneOfNode[vertex]
            for index in self.partitionsOfNode.range(vertex) {
                let partition = self.partitionsOfNode.values[index]
                let head = self.vertex(of: partition, zone: zone)
                self.relax(head, label: label - self.cost(of: partition, on: vertex), below: limit)
            }
        } else if vertex == self.hub {
            for node in 0..<self.nodeCount where self.mayPassLess(node) {
                self.relax(node, label: label, below: limit)
            }
        } else {
            let (partition, zone) = self.place(of: vertex)
            if zone < 0 {
                for zone in 0..<self.zoneCount where self.mayGain(partition, zone: zone) {
                    self.relax(self.vertex(of: partition, zone: zone), label: label, below: limit)
                }
            } else {
                self.relaxCopies(of: partition, zone: zone, label: label, below: limit)
            }
        }
    }

    private mutating func relaxCopies(of partition: Int, zone: Int, label: Int, below limit: Int) {
        if self.mayLose(partition, zone: zone) { self.relax(self.root(of: partition), label: label, below: limit) }
        for index in self.held.range(partition) {
            let node = self.held.values[index]
            guard self.targets.zoneOfNode[node] == zone, !self.isInRow(node, of: partition) else { continue }
            self.relax(node, label: label, below: limit)
        }
        for index in self.former.range(partition) {
            let node = self.former.values[index]
            guard self.targets.zoneOfNode[node] == zone, !self.isInRow(node, of: partition) else { continue }
            self.relax(node, label: label + self.scale - 1, below: limit)
        }
        // Of the nodes above this is not the true cost; but it is no lower, and they have theirs.
        let full = label + self.scale
        for index in self.nodesOfZone.range(zone) {
            let node = self.nodesOfZone.values[index]
            if full < self.labels[node], !self.isInRow(node, of: partition) {
                self.relax(node, label: full, below: limit)
            }
        }
    }

    private mutating func relax(_ vertex: Int, label: Int, below limit: Int) {
        guard label < self.labels[vertex], label - self.potentials[vertex] < limit else { return }
        self.labels[vertex] = label
        self.improved.append(vertex)
    }
}
