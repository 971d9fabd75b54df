package import QuireCore

/// Nodes at random places of the hash space: what strategies 1 and 2 of Dynamo §6.2 place keys with.
package struct TokenRing: Sendable {
    package struct Token: Hashable, Comparable, Sendable {
        package let position: Int
        /// Index of the node, `0..<S`.
        package let node: Int

        package init(position: Int, node: Int) {
            self.position = position
            self.node = node
        }

        package static func < (left: Token, right: Token) -> Bool {
            left.position != right.position ? left.position < right.position : left.node < right.node
        }
    }

    /// Ascending.
    package let tokens: [Token]
    private let nodeCount: Int

    /// - Parameter tokens: Of nodes `0..<S`, each with one token at least; in any order.
    package init(_ tokens: [Token]) {
        precondition(!tokens.isEmpty, "a ring without tokens")
        self.tokens = tokens.sorted()
        self.nodeCount = Set(tokens.map(\.node)).count
    }

    /// Gives each of the nodes T tokens, uniformly at random.
    package init(nodes: Int, tokensPerNode: Int, using generator: inout SeededGenerator) {
        var tokens: [Token] = []
        tokens.reserveCapacity(nodes * tokensPerNode)
        for node in 0..<nodes {
            for _ in 0..<tokensPerNode {
                tokens.append(Token(position: Int.random(in: 0..<HashSpace.size, using: &generator), node: node))
            }
        }
        tokens.sort()
        self.tokens = tokens
        self.nodeCount = nodes
    }

    /// Strategy 1, "T random tokens per node and partition by token value": every two consecutive tokens define a
    /// range, and a key belongs to the first token that is larger than it.
    package func partitionedByToken(replicaCount: Int) -> RangeMap {
        var row: [Int] = []
        var map = self.emptyMap(replicaCount: replicaCount, ranges: self.tokens.count + 1)
        for (index, token) in self.tokens.enumerated() {
            self.walk(from: index, into: &row, count: map.rowSize)
            map.append(end: token.position, row: row)
        }
        // The range that wraps around is the first token's too.
        self.walk(from: 0, into: &row, count: map.rowSize)
        map.append(end: HashSpace.size, row: row)
        return map
    }

    /// Strategy 2, "T random tokens per node and equal sized partitions": a partition is placed on the first N unique
    /// nodes that are met walking clockwise from its end.
    package func partitionedEqually(partitions: Int, replicaCount: Int) -> RangeMap {
        var row: [Int] = []
        var map = self.emptyMap(replicaCount: replicaCount, ranges: partitions)
        var next = 0
        for partition in 1...partitions {
            let end = HashSpace.end(ofPart: partition, of: partitions)
            while next < self.tokens.count, self.tokens[next].position < end {
                next += 1
            }
            self.walk(from: next, into: &row, count: map.rowSize)
            map.append(end: end, row: row)
        }
        return map
    }

    private func emptyMap(replicaCount: Int, ranges: Int) -> RangeMap {
        var map = RangeMap(rowSize: min(replicaCount, self.nodeCount))
        map.reserveCapacity(ranges)
        return map
    }

    /// Collects the first `count` unique nodes, clockwise from a token.
    private func walk(from start: Int, into row: inout [Int], count: Int) {
        row.removeAll(keepingCapacity: true)
        var index = start
        while row.count < count {
            if index >= self.tokens.count {
                index = 0
            }
            let node = self.tokens[index].node
            if !row.contains(node) {
                row.append(node)
            }
            index += 1
        }
    }
}
