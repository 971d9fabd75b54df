import HeapModule

/// A directed network with capacities and costs, and the cheapest flow through it.
///
/// The algorithm is the primal-dual one: Dijkstra over reduced costs gives every vertex a potential, then blocking
/// flows exhaust the arcs that are free under those potentials.
///
/// Invariant: no arc with capacity left has a negative reduced cost. So every intermediate flow is the cheapest of
/// its size.
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
    /// - Returns: The arc, for `flow`.
    @discardableResult
    mutating func addArc(from tail: Int, to head: Int, capacity: Int, cost: Int = 0) -> Int {
        precondition(capacity >= 0 && cost >= 0, "arc of capacity \(capacity) and cost \(cost)")
        let arc = self.heads.count
        self.heads.append(head)
        self.heads.append(tail)
        self.capacities.append(capacity)
        self.capacities.append(0)
        self.costs.append(cost)
        self.costs.append(-cost)
        self.next.append(self.first[tail])
        self.first[tail] = arc
        self.next.append(self.first[head])
        self.first[head] = arc + 1
        return arc
    }

    func flow(on arc: Int) -> Int { self.capacities[arc ^ 1] }

    /// Sends as much as possible, at the least cost.
    mutating func maximizeFlow() {
        while self.raisePotentials() {
            while let levels = self.freeLevels() {
                self.sendBlockingFlow(levels)
            }
        }
    }

    private func reducedCost(of arc: Int) -> Int {
        self.costs[arc] + self.potentials[self.heads[arc ^ 1]] - self.potentials[self.heads[arc]]
    }

    private struct Reached: Comparable {
        let distance: Int
        let vertex: Int

        static func < (left: Reached, right: Reached) -> Bool {
            (left.distance, left.vertex) < (right.distance, right.vertex)
        }
    }

    /// - Returns: `false` when the sink cannot be reached any more.
    private mutating func raisePotentials() -> Bool {
        let unreached = Int.max
        var distances = Array(repeating: unreached, count: self.first.count)
        var heap: Heap<Reached> = [Reached(distance: 0, vertex: self.source)]
        distances[self.source] = 0
        while let reached = heap.popMin(), reached.distance < distances[self.sink] {
            guard distances[reached.vertex] == reached.distance else { continue }
            var arc = self.first[reached.vertex]
            while arc >= 0 {
                if self.capacities[arc] > 0 {
                    let head = self.heads[arc]
                    let candidate = reached.distance + self.reducedCost(of: arc)
                    if candidate < distances[head] {
                        distances[head] = candidate
                        heap.insert(Reached(distance: candidate, vertex: head))
                    }
                }
                arc = self.next[arc]
            }
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
