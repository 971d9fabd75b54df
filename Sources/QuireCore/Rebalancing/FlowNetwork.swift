/// A directed network with capacities and costs, and the cheapest flow through it.
///
/// The planner's two questions, which nodes hold a partition and which of them owns its token, are both
/// cheapest flows. The algorithm is the primal-dual one: Dijkstra over reduced costs gives every vertex a
/// potential, then blocking flows exhaust the arcs that are free under those potentials.
///
/// Invariant: no arc with capacity left has a negative reduced cost. So every intermediate flow is the cheapest of
/// its size, and the potentials prove it: `costLowerBound(flow:)` needs nothing but them.
struct FlowNetwork {
    /// Arcs come in pairs: an even index is an arc that was added, the next odd one its reverse.
    private var heads: [Int] = []
    private var capacities: [Int] = []
    private var costs: [Int] = []
    private var next: [Int] = []
    private var first: [Int]
    private var potentials: [Int]
    private let source: Int
    private let sink: Int

    init(vertexCount: Int, source: Int, sink: Int) {
        self.first = Array(repeating: -1, count: vertexCount)
        self.potentials = Array(repeating: 0, count: vertexCount)
        self.source = source
        self.sink = sink
    }

    /// Adds an arc; of two arcs from one vertex, the one added later is tried first.
    ///
    /// - Parameter cost: Per unit, not negative.
    /// - Returns: The arc, for `push` and `flow`.
    @discardableResult
    mutating func addArc(from tail: Int, to head: Int, capacity: Int, cost: Int = 0) -> Int {
        precondition(capacity >= 0 && cost >= 0, "arc of capacity \(capacity) and cost \(cost)")
        let arc = self.heads.count
        self.heads += [head, tail]
        self.capacities += [capacity, 0]
        self.costs += [cost, -cost]
        self.next += [self.first[tail], self.first[head]]
        self.first[tail] = arc
        self.first[head] = arc + 1
        return arc
    }

    func flow(on arc: Int) -> Int { self.capacities[arc ^ 1] }
    func capacityLeft(on arc: Int) -> Int { self.capacities[arc] }

    /// Sends one unit along a whole path from source to sink before the search begins.
    ///
    /// - Precondition: every arc of the path is free of cost and has capacity left; so the start is cheapest.
    mutating func push(along path: [Int]) {
        for arc in path {
            precondition(self.costs[arc] == 0 && self.capacities[arc] > 0, "arc \(arc) cannot start with flow")
            self.capacities[arc] -= 1
            self.capacities[arc ^ 1] += 1
        }
    }

    /// Sends as much as possible, at the least cost, on top of what flows already.
    mutating func maximizeFlow() {
        while self.raisePotentials() {
            while let levels = self.freeLevels() {
                self.sendBlockingFlow(levels)
            }
        }
    }

    /// What any flow of this size must cost at least, by weak duality.
    ///
    /// True for whatever potentials: it reads them and the arcs as they were added, never the flow.
    func costLowerBound(flow: Int) -> Int {
        var bound = flow * (self.potentials[self.sink] - self.potentials[self.source])
        for arc in stride(from: 0, to: self.heads.count, by: 2) {
            bound += (self.capacities[arc] + self.capacities[arc ^ 1]) * min(0, self.reducedCost(of: arc))
        }
        return bound
    }

    private func reducedCost(of arc: Int) -> Int {
        self.costs[arc] + self.potentials[self.heads[arc ^ 1]] - self.potentials[self.heads[arc]]
    }

    /// Dijkstra with a bucket per distance: costs are small whole numbers.
    ///
    /// - Returns: `false` when the sink cannot be reached any more; the potentials are then final.
    private mutating func raisePotentials() -> Bool {
        let unreached = Int.max
        var distances = Array(repeating: unreached, count: self.first.count)
        var buckets: [[Int]] = [[self.source]]
        distances[self.source] = 0
        var distance = 0
        while distance < buckets.count {
            var index = 0
            while index < buckets[distance].count {
                let vertex = buckets[distance][index]
                index += 1
                guard distances[vertex] == distance else { continue }
                var arc = self.first[vertex]
                while arc >= 0 {
                    let head = self.heads[arc]
                    if self.capacities[arc] > 0 {
                        let candidate = distance + self.reducedCost(of: arc)
                        if candidate < distances[head] {
                            distances[head] = candidate
                            while buckets.count <= candidate { buckets.append([]) }
                            buckets[candidate].append(head)
                        }
                    }
                    arc = self.next[arc]
                }
            }
            distance += 1
        }
        let sinkDistance = distances[self.sink]
        guard sinkDistance != unreached else { return false }
        for vertex in distances.indices {
            self.potentials[vertex] += min(distances[vertex], sinkDistance)
        }
        return true
    }

    /// Arcs from the source to each vertex over free arcs; `nil` when the sink is out of reach.
    private func freeLevels() -> [Int]? {
        var levels = Array(repeating: -1, count: self.first.count)
        var queue = [self.source]
        levels[self.source] = 0
        var index = 0
        while index < queue.count, levels[self.sink] < 0 {
            let vertex = queue[index]
            index += 1
            var arc = self.first[vertex]
            while arc >= 0 {
                let head = self.heads[arc]
                if levels[head] < 0, self.capacities[arc] > 0, self.reducedCost(of: arc) == 0 {
                    levels[head] = levels[vertex] + 1
                    queue.append(head)
                }
                arc = self.next[arc]
            }
        }
        return levels[self.sink] < 0 ? nil : levels
    }

    /// Dinic's depth-first search, with its stack in an array: paths can be as long as the network is large.
    private mutating func sendBlockingFlow(_ levels: [Int]) {
        var untried = self.first
        var path: [Int] = []
        var vertex = self.source
        while true {
            if vertex == self.sink {
                self.send(along: path)
                path.removeAll(keepingCapacity: true)
                vertex = self.source
            }
            if let arc = self.nextFreeArc(from: vertex, levels: levels, untried: &untried) {
                path.append(arc)
                vertex = self.heads[arc]
            } else if let last = path.popLast() {
                vertex = self.heads[last ^ 1]
                untried[vertex] = self.next[untried[vertex]]
            } else {
                return
            }
        }
    }

    private func nextFreeArc(from vertex: Int, levels: [Int], untried: inout [Int]) -> Int? {
        while untried[vertex] >= 0 {
            let arc = untried[vertex]
            if self.capacities[arc] > 0, levels[self.heads[arc]] == levels[vertex] + 1, self.reducedCost(of: arc) == 0 {
                return arc
            }
            untried[vertex] = self.next[arc]
        }
        return nil
    }

    private mutating func send(along path: [Int]) {
        let amount = path.reduce(Int.max) { min($0, self.capacities[$1]) }
        for arc in path {
            self.capacities[arc] -= amount
            self.capacities[arc ^ 1] += amount
        }
    }
}
