import QuireCore
import QuireSimulation
import Testing

/// A ring of four tokens that can be followed by hand: A at 1/8, B at 3/8, A again at 5/8, C at 7/8.
@Suite struct TokenRingTests {
    private static let eighth = HashSpace.size / 8
    private static let a = 0
    private static let b = 1
    private static let c = 2

    /// Given out of order: the ring sorts them.
    private let ring = TokenRing([
        .init(position: 7 * Self.eighth, node: Self.c),
        .init(position: 1 * Self.eighth, node: Self.a),
        .init(position: 5 * Self.eighth, node: Self.a),
        .init(position: 3 * Self.eighth, node: Self.b),
    ])

    private func map(_ ranges: [(end: Int, row: [Int])]) -> RangeMap {
        var map = RangeMap(rowSize: ranges[0].row.count)
        for (end, row) in ranges {
            map.append(end: end * Self.eighth, row: row)
        }
        return map
    }

    private func efficiency(of map: RangeMap) -> Double {
        let load = KeyLoad(.uniform, seed: 1)
        return KeyLoad.efficiency(of: load.perNode(in: map, nodes: 3, placedBy: .hash))
    }

    /// Strategy 1: a key goes to the first token after it; keys after the last token to the first one.
    @Test func rangesLieBetweenTokensAndWrapAround() {
        let map = self.ring.partitionedByToken(replicaCount: 2)
        let expected = self.map([
            (1, [Self.a, Self.b]), (3, [Self.b, Self.a]), (5, [Self.a, Self.c]), (7, [Self.c, Self.a]),
            (8, [Self.a, Self.b]),
        ])
        #expect(map == expected)
    }

    /// A is in all rows, B and C are in half of them: the mean is 2/3 of A's load.
    @Test func loadIsTheLengthOfTheRangesServed() {
        let map = self.ring.partitionedByToken(replicaCount: 2)
        let loads = KeyLoad(.uniform, seed: 1).perNode(in: map, nodes: 3, placedBy: .hash)
        let whole = Double(HashSpace.size)
        #expect(loads == [whole, whole / 2, whole / 2])
        #expect(KeyLoad.efficiency(of: loads) == 2.0 / 3)
    }

    /// From 5/8 the walk meets A, C, A again and B.
    @Test func theWalkSkipsTokensOfNodesThatItHas() {
        let map = self.ring.partitionedByToken(replicaCount: 3)
        #expect(Array(map.row(ofRange: 2)) == [Self.a, Self.c, Self.b])
    }

    @Test func withFewerNodesThanReplicasAllServeEverything() {
        let map = self.ring.partitionedByToken(replicaCount: 7)
        #expect(map.rowSize == 3)
        #expect(self.efficiency(of: map) == 1)
    }

    /// Strategy 2: the walk begins at the end of the partition, not at its beginning and not at the key.
    @Test func equalPartitionsGoToTheNodesAfterTheirEnd() {
        let halves = self.ring.partitionedEqually(partitions: 2, replicaCount: 2)
        #expect(halves == self.map([(4, [Self.a, Self.c]), (8, [Self.a, Self.b])]))
        let quarters = self.ring.partitionedEqually(partitions: 4, replicaCount: 1)
        #expect(quarters == self.map([(2, [Self.b]), (4, [Self.a]), (6, [Self.c]), (8, [Self.a])]))
        #expect(self.efficiency(of: quarters) == (4.0 / 3) / 2)
    }

    /// Where every token is the end of a partition, strategy 2 places each key as strategy 1 does.
    @Test func strategyTwoIsStrategyOneWhereTokensArePartitionEnds() {
        let map = self.ring.partitionedEqually(partitions: 8, replicaCount: 2)
        let expected = [
            [Self.a, Self.b], [Self.b, Self.a], [Self.b, Self.a], [Self.a, Self.c], [Self.a, Self.c],
            [Self.c, Self.a], [Self.c, Self.a], [Self.a, Self.b],
        ]
        #expect((0..<8).map { Array(map.row(ofRange: $0)) } == expected)
        #expect(self.efficiency(of: map) == self.efficiency(of: self.ring.partitionedByToken(replicaCount: 2)))
    }

    @Test func drawnRingsHaveTTokensPerNodeInOrder() {
        var generator = SeededGenerator(seed: 3)
        let ring = TokenRing(nodes: 5, tokensPerNode: 7, using: &generator)
        #expect(ring.tokens == ring.tokens.sorted())
        for node in 0..<5 {
            #expect(ring.tokens.count { $0.node == node } == 7)
        }
    }

    @Test(arguments: [1, 3, 34, 4096])
    func equalPartsCoverTheHashSpace(_ count: Int) {
        let ends = (0...count).map { HashSpace.end(ofPart: $0, of: count) }
        #expect(ends.first == 0 && ends.last == HashSpace.size)
        let lengths = zip(ends, ends.dropFirst()).map { $1 - $0 }
        #expect((lengths.max() ?? 0) - (lengths.min() ?? 0) <= 1)
    }
}
