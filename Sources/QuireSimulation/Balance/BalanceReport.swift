/// Mean and standard deviation of what several trials gave.
package struct Spread: Hashable, Codable, Sendable {
    package let mean: Double
    /// Of the sample; 0 for one trial.
    package let deviation: Double
    package let trials: Int

    /// - Parameter values: Not empty.
    package init(_ values: [Double]) {
        precondition(!values.isEmpty, "the mean of nothing")
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.mean = mean
        self.deviation = (squares / Double(max(1, values.count - 1))).squareRoot()
        self.trials = values.count
    }
}

/// What one strategy makes of one size of metadata.
package struct BalanceOutcome: Hashable, Codable, Sendable {
    package let strategy: PartitioningStrategy
    package let parameters: PartitioningParameters
    package let efficiency: Spread

    package init(strategy: PartitioningStrategy, parameters: PartitioningParameters, efficiency: Spread) {
        self.strategy = strategy
        self.parameters = parameters
        self.efficiency = efficiency
    }
}

/// All strategies that can be had for one size of metadata.
package struct BalancePoint: Hashable, Codable, Sendable {
    package let metadataBytes: Int
    package let outcomes: [BalanceOutcome]

    package init(metadataBytes: Int, outcomes: [BalanceOutcome]) {
        self.metadataBytes = metadataBytes
        self.outcomes = outcomes
    }

    package subscript(strategy: PartitioningStrategy) -> BalanceOutcome? {
        self.outcomes.first { $0.strategy == strategy }
    }

    /// Whether strategy 3 is ahead of 1, and 1 of 2; `nil` when one of them is missing.
    package var isInThePapersOrder: Bool? {
        guard let first = self[.tokenRanges], let second = self[.tokensAndTable], let third = self[.fixedPartitions]
        else { return nil }
        return third.efficiency.mean > first.efficiency.mean && first.efficiency.mean > second.efficiency.mean
    }
}

/// The comparison as a whole, and what it says about the paper's claims.
package struct BalanceReport: Hashable, Codable, Sendable {
    package let nodes: Int
    package let replicas: Int
    /// Ascending by metadata.
    package let points: [BalancePoint]

    package init(nodes: Int, replicas: Int, points: [BalancePoint]) {
        self.nodes = nodes
        self.replicas = replicas
        self.points = points
    }

    /// What strategy 3 must reach.
    package static let goal = 0.99

    /// Sizes at which all three strategies can be had, and are compared.
    package var comparedPoints: [BalancePoint] { self.points.filter { $0.isInThePapersOrder != nil } }
    package var pointsInOrder: [BalancePoint] { self.points.filter { $0.isInThePapersOrder == true } }

    /// 3 > 1 > 2 at every size.
    package var isOrderHeld: Bool {
        !self.comparedPoints.isEmpty && self.pointsInOrder.count == self.comparedPoints.count
    }

    /// The least metadata with which a strategy reaches the goal.
    package func firstPoint(of strategy: PartitioningStrategy, reaching goal: Double = Self.goal) -> BalancePoint? {
        self.points.first { point in point[strategy].map { $0.efficiency.mean >= goal } ?? false }
    }

    /// What strategy 1 needs for an efficiency that strategy 3 has.
    package struct Gap: Hashable, Sendable {
        package let efficiency: Double
        package let fixedPartitionsBytes: Int
        package let tokenRangesBytes: Int

        package init(efficiency: Double, fixedPartitionsBytes: Int, tokenRangesBytes: Int) {
            self.efficiency = efficiency
            self.fixedPartitionsBytes = fixedPartitionsBytes
            self.tokenRangesBytes = tokenRangesBytes
        }

        package var factor: Int { self.tokenRangesBytes / self.fixedPartitionsBytes }
    }

    /// Where strategy 1 needs most; `nil` when it never gets as far as strategy 3.
    package var widestGap: Gap? {
        let gaps = self.points.compactMap { point -> Gap? in
            guard let efficiency = point[.fixedPartitions]?.efficiency.mean,
                let first = self.firstPoint(of: .tokenRanges, reaching: efficiency)
            else { return nil }
            return Gap(
                efficiency: efficiency,
                fixedPartitionsBytes: point.metadataBytes,
                tokenRangesBytes: first.metadataBytes
            )
        }
        return gaps.max { $0.factor < $1.factor }
    }

    /// The paper's order at every size, and strategy 3 at its goal.
    package var isReproduced: Bool {
        self.isOrderHeld && self.firstPoint(of: .fixedPartitions) != nil
    }
}
