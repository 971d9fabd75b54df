/// Blocking flows (Dinic) over the arcs that are free under the potentials.
extension ReplicaFlow {
    /// Counts the free arcs from nodes with too much to every vertex, up to the nearest with too little.
    ///
    /// - Returns: Whether there is one.
    mutating func findLevels() -> Bool {
        self.levels = Array(repeating: -1, count: self.potentials.count)
        self.tried = Array(repeating: 0, count: self.potentials.count)
        self.sinkLevel = Int32.max
        var queue: [Int] = self.excess.indices.filter { self.excess[$0] > 0 }
        for vertex in queue { self.levels[vertex] = 0 }
        var unseenNodes = self.nodeCount - queue.count { $0 < self.hub }
        var index = 0
        while index < queue.count {
            let vertex = queue[index]
            index += 1
            guard self.levels[vertex] < self.sinkLevel else { break }
            let isPlace = vertex > self.hub && self.place(of: vertex).zone >= 0
            let first = queue.count
            self.appendFree(from: vertex, skippingCopies: isPlace && unseenNodes == 0, to: &queue)
            for head in queue[first...] where head <= self.hub {
                if head < self.hub { unseenNodes -= 1 }
                if self.excess[head] < 0 { self.sinkLevel = self.levels[head] }
            }
        }
        return self.sinkLevel < Int32.max
    }

    private mutating func appendFree(from vertex: Int, skippingCopies: Bool, to queue: inout [Int]) {
        let level = self.levels[vertex] + 1
        let label = self.potentials[vertex]
        func append(_ head: Int, cost: Int, _ flow: inout ReplicaFlow) {
            guard flow.levels[head] < 0, label + cost == flow.potentials[head] else { return }
            flow.levels[head] = level
            queue.append(head)
        }
        if vertex < self.hub {
            if self.mayPassMore(vertex) { append(self.hub, cost: 0, &self) }
            let zone = self.targets.zoneOfNode[vertex]
            for index in self.partitionsOfNode.range(vertex) {
                let partition = self.partitionsOfNode.values[index]
                let cost = -self.cost(of: partition, on: vertex)
                append(self.vertex(of: partition, zone: zone), cost: cost, &self)
            }
        } else if vertex == self.hub {
            for node in 0..<self.nodeCount where self.mayPassLess(node) { append(node, cost: 0, &self) }
        } else {
            let (partition, zone) = self.place(of: vertex)
            guard zone >= 0 else {
                for zone in 0..<self.zoneCount where self.mayGain(partition, zone: zone) {
                    append(self.vertex(of: partition, zone: zone), cost: 0, &self)
                }
                return
            }
            if self.mayLose(partition, zone: zone) { append(self.root(of: partition), cost: 0, &self) }
            guard !skippingCopies else { return }
            for index in self.nodesOfZone.range(zone) {
                let node = self.nodesOfZone.values[index]
                let rise = self.potentials[node] - label
                guard self.levels[node] < 0, rise == self.scale || rise == self.scale - 1 || rise == 0 else { continue }
                guard !self.isInRow(node, of: partition) else { continue }
                append(node, cost: self.cost(of: partition, on: node), &self)
            }
        }
    }

    /// Depth-first along rising levels, one unit at a time, until no path is left.
    mutating func sendBlockingFlow() {
        var path: [Int] = []
        for source in [self.hub] + self.nodeOrder {
            while self.excess[source] > 0 {
                path.removeAll(keepingCapacity: true)
                path.append(source)
                while let vertex = path.last, path.count == 1 || !self.isSink(vertex) {
                    if let head = self.nextFree(from: vertex) {
                        path.append(head)
                    } else {
                        path.removeLast()
                        if let last = path.last { self.tried[last] += 1 }
                    }
                }
                guard !path.isEmpty else { break }
                self.send(along: path)
            }
        }
    }

    private func isSink(_ vertex: Int) -> Bool { vertex <= self.hub && self.excess[vertex] < 0 }

    /// The next vertex on the way, from the arc on that was tried last; `nil` when there is none any more.
    private mutating func nextFree(from vertex: Int) -> Int? {
        if vertex < self.hub { return self.nextPlace(from: vertex) }
        if vertex == self.hub {
            while self.tried[vertex] < self.nodeCount {
                let node = self.nodeOrder[Int(self.tried[vertex])]
                if self.mayPassLess(node), self.isFree(vertex, node, cost: 0) { return node }
                self.tried[vertex] += 1
            }
            return nil
        }
        let (partition, zone) = self.place(of: vertex)
        guard zone < 0 else { return self.nextNode(from: vertex, partition: partition, zone: zone) }
        let offset = partition % self.zoneCount
        while self.tried[vertex] < self.zoneCount {
            let zone = (offset + Int(self.tried[vertex])) % self.zoneCount
            let head = self.vertex(of: partition, zone: zone)
            if self.mayGain(partition, zone: zone), self.isFree(vertex, head, cost: 0) { return head }
            self.tried[vertex] += 1
        }
        return nil
    }

    /// From a node: the hub, or a partition that it holds.
    private mutating func nextPlace(from node: Int) -> Int? {
        let partitions = self.partitionsOfNode.range(node)
        let zone = self.targets.zoneOfNode[node]
        let offset = Int(truncatingIfNeeded: self.nodeHashes[node] >> 33)
        while self.tried[node] <= partitions.count {
            let index = Int(self.tried[node]) - 1
            if index < 0 {
                if self.mayPassMore(node), self.isFree(node, self.hub, cost: 0) { return self.hub }
            } else {
                let partition = self.partitionsOfNode.values[
                    partitions.lowerBound + (offset + index) % partitions.count
                ]
                let head = self.vertex(of: partition, zone: zone)
                if self.levels[head] == self.levels[node] + 1, self.isInRow(node, of: partition),
                    self.isFree(node, head, cost: -self.cost(of: partition, on: node))
                {
                    return head
                }
            }
            self.tried[node] += 1
        }
        return nil
    }

    /// From a place in a row: a node of the zone that is not in the row, or the root.
    private mutating func nextNode(from vertex: Int, partition: Int, zone: Int) -> Int? {
        let nodes = self.nodesOfZone.range(zone)
        let label = self.potentials[vertex]
        let level = self.levels[vertex] + 1
        // Each partition has an order of its own: larger primes have no factor in common with the number of nodes.
        let hash = Rendezvous.mix(UInt64(partition))
        let stride = Self.strides[Int(truncatingIfNeeded: hash & 7)]
        let offset = Int(truncatingIfNeeded: hash >> 33)
        while self.tried[vertex] < nodes.count {
            let position = (offset + Int(self.tried[vertex]) * stride) % nodes.count
            let node = self.nodesOfZone.values[nodes.lowerBound + position]
            let rise = self.potentials[node] - label
            if self.levels[node] == level, rise >= 0, rise <= self.scale, !self.isInRow(node, of: partition),
                self.isFree(vertex, node, cost: self.cost(of: partition, on: node))
            {
                return node
            }
            self.tried[vertex] += 1
        }
        if self.tried[vertex] == nodes.count {
            let root = self.root(of: partition)
            if self.mayLose(partition, zone: zone), self.isFree(vertex, root, cost: 0) { return root }
            self.tried[vertex] += 1
        }
        return nil
    }

    private static let strides = [4099, 4111, 4127, 4129, 4133, 4139, 4153, 4157]

    private func isFree(_ tail: Int, _ head: Int, cost: Int) -> Bool {
        guard self.levels[head] == self.levels[tail] + 1, self.levels[head] < self.sinkLevel || self.isSink(head) else {
            return false
        }
        return self.potentials[tail] + cost == self.potentials[head]
    }

    private mutating func send(along path: [Int]) {
        self.excess[path[0]] -= 1
        self.excess[path[path.count - 1]] += 1
        var slot: Int?
        for (tail, head) in zip(path, path.dropFirst()) {
            if tail < self.hub {
                if head == self.hub {
                    self.passed[tail] += 1
                } else {
                    slot = self.slots(of: self.place(of: head).partition).first { self.rows[$0] == tail }
                }
            } else if tail == self.hub {
                self.passed[head] -= 1
            } else {
                let (partition, zone) = self.place(of: tail)
                if head < self.hub {
                    guard let slot else { preconditionFailure("row \(partition) grows") }
                    self.rows[slot] = head
                } else if zone < 0 {
                    self.zoneCounts[partition * self.zoneCount + self.place(of: head).zone] += 1
                } else {
                    self.zoneCounts[partition * self.zoneCount + zone] -= 1
                }
            }
        }
    }
}
