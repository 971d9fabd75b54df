import QuireCore
import QuireSimulation
import Testing

@Suite struct KeyLoadTests {
    private func layout(partitions: Int) throws -> Layout {
        let endpoint = Endpoint(host: "127.0.0.1", port: 1)
        let members = (1...4).map { number in
            Member(
                id: NodeID(rawValue: UInt64(number)),
                name: "n\(number)",
                zone: "z",
                peer: endpoint,
                proxy: endpoint,
                http: endpoint
            )
        }
        return LayoutPlanner.initial(
            clusterID: String(repeating: "0", count: 32),
            members: members,
            partitionCount: try #require(PartitionCount(partitions)),
            quorums: QuorumSettings()
        )
    }

    /// Strategy 3 is measured on the layout itself.
    @Test func aLayoutsRangesHaveItsRows() throws {
        let layout = try self.layout(partitions: 32)
        let map = RangeMap(layout)
        #expect(map.ends.last == HashSpace.size)
        for partition in layout.partitionCount.partitions {
            let row = map.row(ofRange: partition.rawValue).map { layout.members[$0].id }
            #expect(row == layout.readRow(of: partition))
        }
    }

    /// The load that a single key makes falls on exactly the nodes that the product would ask.
    @Test(arguments: 1...20)
    func aKeyLoadsTheReplicasOfItsPartition(_ seed: UInt64) throws {
        let layout = try self.layout(partitions: 128)
        let key = try #require(Key("\(seed)/1"))
        let load = KeyLoad(.zipf(keys: 1, exponent: .one), seed: seed)
        let loads = load.perNode(in: RangeMap(layout), nodes: 4, placedBy: .slot)
        let row = layout.readRow(of: layout.partitionCount.partition(of: key))
        #expect(loads == layout.members.map { row.contains($0.id) ? 1 : 0 })
    }

    /// Every request reaches N nodes, and the k-th key makes 1/k or 1/√k of the first one's requests.
    @Test func popularityFallsWithTheRank() throws {
        let map = RangeMap(try self.layout(partitions: 8))
        let cases: [(exponent: ZipfExponent, weights: [Double])] = [
            (.one, [1, 1.0 / 2, 1.0 / 3, 1.0 / 4]),
            (.half, [1, 1 / 2.0.squareRoot(), 1 / 3.0.squareRoot(), 1.0 / 2]),
        ]
        for (exponent, weights) in cases {
            let load = KeyLoad(.zipf(keys: 4, exponent: exponent), seed: 1)
            let total = load.perNode(in: map, nodes: 4, placedBy: .slot).reduce(0, +)
            #expect((total - 3 * weights.reduce(0, +)).magnitude < 1e-12)
        }
    }

    @Test func efficiencyIsTheMeanOverTheHottest() {
        #expect(KeyLoad.efficiency(of: [1, 2, 3, 2]) == 2.0 / 3)
        #expect(KeyLoad.efficiency(of: [5, 5]) == 1)
        #expect(KeyLoad.efficiency(of: [0, 0]) == 1, "nobody is hotter than anybody")
    }
}
