package import QuireCore

/// Repeats the experiment of Dynamo §6.2, Figure 8: how evenly three partitioning strategies load the nodes when each
/// node keeps the same amount of membership metadata.
///
/// Strategies 1 and 2 are drawn at random, several times over; strategy 3 is the first layout that our planner makes.
/// Everything follows from the seed. In one trial all strategies meet the same keys, and rings with the same T are the
/// same ring, so that strategies 1 and 2 differ only in what they make of it.
package struct BalanceExperiment: Sendable {
    /// S.
    package var nodes = 30
    /// N.
    package var replicas = 3
    package var seed: UInt64 = 1
    /// Per point.
    package var trials = 64
    /// Where strategy 3 cannot go, rings are large and differ little.
    package var trialsBeyond: Int { max(1, self.trials / 8) }
    package var popularity = KeyPopularity.uniform
    /// Of strategy 2, where the table of partitions is counted; see `PartitioningParameters`.
    package var partitionsPerToken = 1
    /// How often the largest size of strategy 3 is doubled, at most, to see what strategy 1 would need.
    package var doublings = 8

    package init() {}

    /// The Q that a layout can have, each of which gives a size to compare.
    private static let partitionCounts = (3...12).compactMap { PartitionCount(1 << $0) }

    /// One strategy with one size of metadata.
    private struct Case {
        let metadataBytes: Int
        let strategy: PartitioningStrategy
        let parameters: PartitioningParameters
        let trials: Int
        var efficiencies: [Double] = []
    }

    /// Measures every size that a layout can have; then doubles the largest until strategy 1 is as good as strategy 3
    /// must be.
    package func run() -> BalanceReport {
        let row = PartitioningStrategy.rowBytes(replicas: self.replicas)
        let compared = Self.partitionCounts.filter { $0.rawValue >= self.nodes }.map { $0.rawValue * row }
        var cases = self.measured(compared.flatMap { self.cases(metadataBytes: $0, isCompared: true) })
        var bytes = compared.last ?? row
        for _ in 0..<self.doublings {
            bytes *= 2
            let beyond = self.measured(self.cases(metadataBytes: bytes, isCompared: false))
            cases += beyond
            let ranges = beyond.first { $0.strategy == .tokenRanges }
            if let ranges, Spread(ranges.efficiencies).mean >= BalanceReport.goal { break }
        }
        return BalanceReport(nodes: self.nodes, replicas: self.replicas, points: Self.points(of: cases))
    }

    private func cases(metadataBytes: Int, isCompared: Bool) -> [Case] {
        PartitioningStrategy.allCases.compactMap { strategy in
            // Eight partitions per token, by the million, would only show the same tie once more.
            guard isCompared || strategy != .tokensAndDerivedTable else { return nil }
            let parameters = PartitioningParameters(
                strategy,
                metadataBytes: metadataBytes,
                nodes: self.nodes,
                replicas: self.replicas,
                partitionsPerToken: self.partitionsPerToken
            )
            guard let parameters else { return nil }
            let isCertain = strategy == .fixedPartitions && self.popularity == .uniform
            let trials = isCertain ? 1 : isCompared ? self.trials : self.trialsBeyond
            return Case(metadataBytes: metadataBytes, strategy: strategy, parameters: parameters, trials: trials)
        }
    }

    private func measured(_ cases: [Case]) -> [Case] {
        var cases = cases
        let layouts = self.layouts(of: cases)
        for trial in 0..<(cases.map(\.trials).max() ?? 0) {
            let load = KeyLoad(self.popularity, seed: self.drawn(trial))
            for index in cases.indices where trial < cases[index].trials {
                let parameters = cases[index].parameters
                let loads =
                    switch cases[index].strategy {
                    case .fixedPartitions:
                        layouts[parameters].map { load.perNode(in: $0, nodes: self.nodes, placedBy: .slot) } ?? []
                    case .tokenRanges, .tokensAndTable, .tokensAndDerivedTable:
                        load.perNode(
                            in: self.drawnMap(parameters, trial: trial),
                            nodes: self.nodes,
                            placedBy: .hash
                        )
                    }
                cases[index].efficiencies.append(KeyLoad.efficiency(of: loads))
            }
        }
        return cases
    }

    private static func points(of cases: [Case]) -> [BalancePoint] {
        let bySize = Dictionary(grouping: cases, by: \.metadataBytes)
        return bySize.sorted { $0.key < $1.key }.map { size, cases in
            BalancePoint(
                metadataBytes: size,
                outcomes: cases.map {
                    BalanceOutcome(
                        strategy: $0.strategy,
                        parameters: $0.parameters,
                        efficiency: Spread($0.efficiencies)
                    )
                }
            )
        }
    }

    // MARK: Strategies 1 and 2

    private func drawnMap(_ parameters: PartitioningParameters, trial: Int) -> RangeMap {
        let tokens = parameters.tokensPerNode ?? 1
        var generator = SeededGenerator(seed: self.drawn(trial) &+ UInt64(tokens))
        let ring = TokenRing(nodes: self.nodes, tokensPerNode: tokens, using: &generator)
        return parameters.partitions.map { ring.partitionedEqually(partitions: $0, replicaCount: self.replicas) }
            ?? ring.partitionedByToken(replicaCount: self.replicas)
    }

    /// A number of its own for each trial of each seed.
    private func drawn(_ trial: Int) -> UInt64 {
        var generator = SeededGenerator(seed: self.seed)
        for _ in 0..<trial {
            _ = generator.next()
        }
        return generator.next()
    }

    // MARK: Strategy 3

    private func layouts(of cases: [Case]) -> [PartitioningParameters: RangeMap] {
        var layouts: [PartitioningParameters: RangeMap] = [:]
        for item in cases where item.strategy == .fixedPartitions {
            guard let count = item.parameters.partitions.flatMap(PartitionCount.init) else { continue }
            layouts[item.parameters] = RangeMap(self.layout(count))
        }
        return layouts
    }

    /// What the product would begin with: the paper's cluster, in one zone.
    private func layout(_ partitions: PartitionCount) -> Layout {
        let endpoint = Endpoint(host: "127.0.0.1", port: 1)
        let members = (1...self.nodes).map { number in
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
            partitionCount: partitions,
            quorums: QuorumSettings(replicaCount: self.replicas, readQuorum: 1, writeQuorum: 1)
        )
    }
}

extension RangeMap {
    /// The ranges of a layout's partitions, with nodes by their place among the members.
    package init(_ layout: Layout) {
        let indices = Dictionary(uniqueKeysWithValues: layout.members.enumerated().map { ($1.id, $0) })
        self.init(rowSize: min(layout.quorums.replicaCount, layout.members.count))
        for partition in layout.partitionCount.partitions {
            let end = HashSpace.end(ofPart: partition.rawValue + 1, of: layout.partitionCount.rawValue)
            self.append(end: end, row: layout.readRow(of: partition).compactMap { indices[$0] })
        }
    }
}
