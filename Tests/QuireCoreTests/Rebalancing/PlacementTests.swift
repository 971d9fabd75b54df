import QuireCore
import Testing

/// The planner's optimum against exhaustive search on every small case that a seed can draw.
@Suite struct PlacementTests {
    @Test(arguments: UInt64(1)...120, [false, true])
    func agreesWithExhaustiveSearch(seed: UInt64, isWeighted: Bool) {
        let problem = SmallProblem(seed: seed, isWeighted: isWeighted)
        let placement = problem.solve()
        let best = problem.exhaustiveMinimum(placement.targets)
        #expect(placement.movedReplicas == best, "\(problem)")
        #expect(placement.movedReplicasMinimum == best, "\(problem)")
        #expect(problem.isAllowed(placement.rows, placement.targets), "\(problem) gave \(placement.rows)")
    }

    /// Of all placements that move least, that one in which most nodes have what they had before.
    @Test(arguments: UInt64(1)...120)
    func prefersWhatNodesHadBefore(seed: UInt64) {
        var problem = SmallProblem(seed: seed, isWeighted: seed % 2 == 0)
        problem.drawFormerRows(seed: seed)
        let placement = problem.solve()
        var best: (moved: Int, returned: Int)?
        problem.forEachSpreadPlacement { rows, loads, moved in
            guard problem.isBalanced(rows, loads, placement.targets) else { return }
            let returned = problem.returned(rows)
            guard let known = best, (known.moved, -known.returned) <= (moved, -returned) else {
                best = (moved, returned)
                return
            }
        }
        #expect(placement.movedReplicas == best?.moved, "\(problem)")
        #expect(placement.movedReplicasMinimum == best?.moved, "\(problem)")
        #expect(problem.returned(placement.rows) == best?.returned, "\(problem)")
    }

    /// The shares come from a formula; the fairest placements come from looking at all of them.
    @Test(arguments: UInt64(1)...60)
    func everyFairestPlacementIsWithinTheShares(seed: UInt64) {
        let problem = SmallProblem(seed: seed)
        let targets = problem.solve().targets
        var fairest = Int.max
        var isWithin = true
        problem.forEachSpreadPlacement { _, loads, _ in
            let unfairness = loads.reduce(0) { $0 + $1 * $1 }
            guard unfairness <= fairest else { return }
            let fits = zip(loads, targets.replicas).allSatisfy { $1.contains($0) }
            isWithin = unfairness < fairest ? fits : isWithin && fits
            fairest = unfairness
        }
        #expect(isWithin, "\(problem)")
    }

    @Test(arguments: UInt64(1)...60)
    func tokensAreBalancedWithTheFewestChangesOfOwner(seed: UInt64) {
        let problem = SmallProblem(seed: seed, isWeighted: seed % 2 == 0)
        let placement = problem.solve()
        let sets = placement.rows.map { $0.sorted() }
        func changes(_ owners: [Int]) -> Int {
            owners.indices.count { problem.currentRows[$0].first != problem.nodes[owners[$0]] }
        }
        var fewest: Int?
        forEachChoice(sets) { owners in
            let isBalanced = problem.nodes.indices.allSatisfy { node in
                placement.targets.tokens[node].contains(owners.count { $0 == node })
            }
            if isBalanced {
                fewest = min(fewest ?? Int.max, changes(owners))
            }
        }
        let owners = placement.rows.map { $0[0] }
        for node in problem.nodes.indices {
            #expect(placement.targets.tokensAllowed[node].contains(owners.count { $0 == node }), "\(problem)")
        }
        if let fewest {
            #expect(changes(owners) == fewest, "\(problem)")
        } else {
            let targets = placement.targets
            #expect(!targets.saturatedZones.isEmpty || !targets.saturatedNodes.isEmpty, "\(problem)")
        }
    }

    @Test func keepsEverythingWhenNothingHasChanged() {
        let nodes = (1...7).map { NodeID(number: $0) }
        let zones = nodes.indices.map { "z\($0 % 3)" }
        let empty = Array(repeating: [NodeID](), count: 64)
        let first = Placement(.init(nodes: nodes, zones: zones, currentRows: empty, replicaCount: 3))
        let rows = first.rows.map { row in row.map { nodes[$0] } }
        let second = Placement(.init(nodes: nodes, zones: zones, currentRows: rows, replicaCount: 3))
        #expect(second.rows == first.rows)
        #expect(second.movedReplicas == 0)
    }

    @Test func initialRowsUseManyDifferentSets() {
        let nodes = (1...12).map { NodeID(number: $0) }
        let empty = Array(repeating: [NodeID](), count: 256)
        let zones = Array(repeating: "z", count: 12)
        let placement = Placement(.init(nodes: nodes, zones: zones, currentRows: empty, replicaCount: 3))
        // 220 sets exist; a node that fails should leave its load to all others.
        #expect(Set(placement.rows.map { $0.sorted() }).count > 100)
    }
}

/// At most 4 partitions, 4 nodes and 3 replicas, with arbitrary current rows.
private struct SmallProblem: CustomStringConvertible {
    let nodes: [NodeID]
    let zones: [String]
    var weights: [Int]?
    var formerRows: [Int: [NodeID]] = [:]
    let currentRows: [[NodeID]]
    let replicaCount: Int

    init(seed: UInt64, isWeighted: Bool = false) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...4, using: &random)
        let zoneCount = Int.random(in: 1...4, using: &random)
        let replicaCount = Int.random(in: 1...3, using: &random)
        self.replicaCount = replicaCount
        // Two of the nodes that may appear in current rows have left.
        let known = (1...count + 2).map { NodeID(number: $0) }
        self.nodes = known.shuffled(using: &random).prefix(count).sorted()
        self.zones = self.nodes.map { _ in "z\(Int.random(in: 0..<zoneCount, using: &random))" }
        self.currentRows = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            Array(known.shuffled(using: &random).prefix(Int.random(in: 0...replicaCount, using: &random)))
        }
        if isWeighted {
            self.weights = self.nodes.map { _ in [1, 2, 3, 10].randomElement(using: &random) ?? 1 }
        }
    }

    mutating func drawFormerRows(seed: UInt64) {
        var random = SeededGenerator(seed: ~seed)
        for partition in self.currentRows.indices {
            self.formerRows[partition] = Array(self.nodes.shuffled(using: &random).prefix(self.replicaCount))
        }
    }

    /// Copies to nodes that held the partition before and do not now.
    func returned(_ rows: [[Int]]) -> Int {
        rows.indices.reduce(0) { count, partition in
            count
                + rows[partition].count { node in
                    let id = self.nodes[node]
                    return !self.currentRows[partition].contains(id) && self.formerRows[partition]?.contains(id) == true
                }
        }
    }

    var description: String {
        "nodes \(self.nodes) zones \(self.zones) weights \(self.weights ?? []) rows \(self.currentRows) N \(self.replicaCount)"
    }

    func solve() -> Placement {
        Placement(
            .init(
                nodes: self.nodes,
                zones: self.zones,
                weights: self.weights,
                currentRows: self.currentRows,
                formerRows: self.formerRows,
                replicaCount: self.replicaCount
            )
        )
    }

    func isAllowed(_ rows: [[Int]], _ targets: BalanceTargets) -> Bool {
        let spreads = rows.allSatisfy { row in
            Set(row).count == targets.rowSize && Set(row.map { self.zones[$0] }).count == targets.zonesPerRow
        }
        let loads = self.nodes.indices.map { node in rows.count { $0.contains(node) } }
        return spreads && self.isBalanced(rows, loads, targets)
    }

    /// Every load is within its share, and what is saturated is at its bound in every row.
    func isBalanced(_ rows: [[Int]], _ loads: [Int], _ targets: BalanceTargets) -> Bool {
        let zones = targets.saturatedZones.map(\.zone)
        return zip(loads, targets.replicas).allSatisfy { $1.contains($0) }
            && rows.allSatisfy { row in
                targets.saturatedNodes.allSatisfy(row.contains)
                    && zones.allSatisfy { zone in row.count { self.zones[$0] == zone } == 1 }
            }
    }

    func exhaustiveMinimum(_ targets: BalanceTargets) -> Int? {
        var best: Int?
        self.forEachSpreadPlacement { rows, loads, moved in
            guard self.isBalanced(rows, loads, targets) else { return }
            best = min(best ?? Int.max, moved)
        }
        return best
    }

    /// Visits every placement of distinct nodes in as many zones as possible, with its loads and moved replicas.
    func forEachSpreadPlacement(_ visit: (_ rows: [[Int]], _ loads: [Int], _ moved: Int) -> Void) {
        let size = min(self.replicaCount, self.nodes.count)
        let spread = min(size, Set(self.zones).count)
        let sets = (0..<1 << self.nodes.count).map { mask in
            self.nodes.indices.filter { mask >> $0 & 1 == 1 }
        }.filter { set in set.count == size && Set(set.map { self.zones[$0] }).count == spread }
        forEachChoice(self.currentRows.map { _ in sets }) { rows in
            let loads = self.nodes.indices.map { node in rows.count { $0.contains(node) } }
            let moved = zip(rows, self.currentRows).reduce(0) { count, pair in
                count + pair.0.count { !pair.1.contains(self.nodes[$0]) }
            }
            visit(rows, loads, moved)
        }
    }
}

/// Visits every way to choose one element of each list.
private func forEachChoice<Element>(_ lists: [[Element]], _ visit: ([Element]) -> Void) {
    func extend(_ chosen: [Element]) {
        guard chosen.count < lists.count else { return visit(chosen) }
        for element in lists[chosen.count] {
            extend(chosen + [element])
        }
    }
    extend([])
}
