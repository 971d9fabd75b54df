import QuireSimulation

/// The comparison as a table, and what follows from it.
struct BalanceText {
    private let report: BalanceReport
    private let experiment: BalanceExperiment

    init(_ report: BalanceReport, of experiment: BalanceExperiment) {
        self.report = report
        self.experiment = experiment
    }

    func rendered() -> String {
        let keys =
            switch self.experiment.popularity {
            case .uniform: "all keys alike"
            case .zipf(let keys, .half): "\(Quantity.count(keys)) keys, the k-th asked for 1/√k times as often"
            case .zipf(let keys, .one): "\(Quantity.count(keys)) keys, the k-th asked for 1/k times as often"
            }
        let lines = [
            "Load-balancing efficiency (mean load / load of the hottest node) at equal metadata per node, Dynamo §6.2",
            "S = \(self.report.nodes) nodes, N = \(self.report.replicas); \(keys)",
            "mean ± standard deviation of \(self.experiment.trials) trials "
                + "(\(self.experiment.trialsBeyond) beyond strategy 3), seed \(self.experiment.seed)",
            "", self.table(), "",
            "1   T random tokens per node, ranges between tokens",
            "2   T random tokens per node, Q equal partitions; keeps the tokens and the table of partitions",
            "2'  the same, but only the tokens are counted and the table is worked out at each look-up",
            "3   Q/S tokens per node, Q equal partitions: the layouts of this product",
            "",
        ]
        return (lines + self.findings()).joined(separator: "\n")
    }

    private func table() -> String {
        var table = TextTable([
            ("metadata", .right), ("1: T", .right), ("efficiency", .left), ("2: T", .right), ("Q", .right),
            ("efficiency", .left), ("2': efficiency", .left), ("3: Q", .right), ("efficiency", .left),
            ("3 > 1 > 2", .left),
        ])
        for point in self.report.points {
            let tokens = { (strategy: PartitioningStrategy) in
                point[strategy]?.parameters.tokensPerNode.map { Quantity.count($0) } ?? "-"
            }
            let partitions = { (strategy: PartitioningStrategy) in
                point[strategy]?.parameters.partitions.map { Quantity.count($0) } ?? "-"
            }
            table.append([
                Quantity.bytes(point.metadataBytes),
                tokens(.tokenRanges), Self.cell(point[.tokenRanges]),
                tokens(.tokensAndTable), partitions(.tokensAndTable), Self.cell(point[.tokensAndTable]),
                Self.cell(point[.tokensAndDerivedTable]),
                partitions(.fixedPartitions), Self.cell(point[.fixedPartitions]),
                point.isInThePapersOrder.map { $0 ? "yes" : "no" } ?? "",
            ])
        }
        return table.rendered()
    }

    private static func cell(_ outcome: BalanceOutcome?) -> String {
        guard let efficiency = outcome?.efficiency else { return "-" }
        let mean = Quantity.decimal(efficiency.mean, digits: 3)
        // One trial has no spread: nothing was drawn.
        return efficiency.trials == 1 ? mean : "\(mean) ± \(Quantity.decimal(efficiency.deviation, digits: 3))"
    }

    private func findings() -> [String] {
        let compared = self.report.comparedPoints.count
        let inOrder = self.report.pointsInOrder.count
        var lines = ["The paper's order, 3 > 1 > 2, holds at \(inOrder) of \(compared) sizes that all can have."]
        let goal = Quantity.decimal(BalanceReport.goal, digits: 2)
        guard let third = self.report.firstPoint(of: .fixedPartitions) else {
            return lines + ["Strategy 3 reaches \(goal) with no Q that a layout can have."] + self.tie()
        }
        let partitions = third[.fixedPartitions]?.parameters.partitions ?? 0
        lines.append(
            "Strategy 3 reaches \(goal) with Q = \(partitions): \(Quantity.bytes(third.metadataBytes)) per node."
        )
        if let first = self.report.firstPoint(of: .tokenRanges) {
            let factor = Quantity.count(first.metadataBytes / third.metadataBytes)
            lines.append(
                "Strategy 1 needs \(Quantity.bytes(first.metadataBytes)) for that, \(factor) times as much."
            )
        } else if let most = self.report.points.last {
            lines.append("Strategy 1 does not even with \(Quantity.bytes(most.metadataBytes)).")
        }
        if let gap = self.report.widestGap, gap.factor > 1 {
            lines.append(
                "The gap is widest at \(Quantity.decimal(gap.efficiency, digits: 3)): "
                    + "\(Quantity.bytes(gap.fixedPartitionsBytes)) against \(Quantity.bytes(gap.tokenRangesBytes)), "
                    + "\(Quantity.count(gap.factor)) times as much."
            )
        }
        return lines + self.tie()
    }

    /// How far strategy 2 is from strategy 1 when only its tokens are counted.
    private func tie() -> [String] {
        let differences = self.report.points.compactMap { point in
            point[.tokensAndDerivedTable].flatMap { derived in
                point[.tokenRanges].map { ($0.efficiency.mean - derived.efficiency.mean).magnitude }
            }
        }
        guard let largest = differences.max() else { return [] }
        return [
            "Were only the tokens of strategy 2 counted (2'), it would be the equal of 1: at most "
                + "\(Quantity.decimal(largest, digits: 3)) apart."
        ]
    }
}
