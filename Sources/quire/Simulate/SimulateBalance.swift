import ArgumentParser
import Foundation
import QuireSimulation

/// `quire simulate balance`: the three partitioning strategies of Dynamo §6.2 side by side.
///
/// It is a check, too: it fails unless the paper's order appears and our layouts reach their goal.
struct SimulateBalance: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "balance",
        abstract: "Compare how evenly three partitioning strategies load the nodes (Dynamo §6.2, Figure 8).",
        discussion: """
            Strategy 1: T random tokens per node, ranges between tokens. Strategy 2: T random tokens per node, Q equal \
            partitions. Strategy 3: Q/S tokens per node, Q equal partitions: Quire's own layouts. They are compared at \
            equal metadata per node, by load-balancing efficiency: mean load over the load of the hottest node.

            Exits with 1 unless the order is 3 > 1 > 2 at every size and strategy 3 reaches 0.99. With keys of unequal \
            popularity nothing is claimed: a few hot keys are beyond any partitioning.
            """
    )

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "S, the number of nodes.")
    var nodes = 30

    @Option(name: .long, help: "N, replicas of each key.")
    var replicas = 3

    @Option(name: .long, help: "Everything that is drawn follows from it.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "How often each point of strategies 1 and 2 is drawn.")
    var trials = 64

    @Option(name: .long, help: "uniform: all keys alike; zipf-X: the k-th key is asked for 1/k^X times as often.")
    var popularity = PopularityOption.uniform

    @Option(name: .long, help: "Number of keys, with --popularity zipf-X.")
    var keys = 100_000

    @Option(name: .long, help: "Strategy 2's Q as a multiple of S·T; 1 leaves it the most tokens, and is its best.")
    var partitionsPerToken = 1

    @Option(name: .long, help: "Also draw the picture, into this file.")
    var svg: String?

    var format: OutputFormat { self.output.output }

    func validate() throws {
        let ranges: [(name: String, value: Int, allowed: ClosedRange<Int>)] = [
            ("nodes", self.nodes, 2...1000), ("replicas", self.replicas, 1...7), ("trials", self.trials, 1...10_000),
            ("keys", self.keys, 1...1_000_000), ("partitions-per-token", self.partitionsPerToken, 1...64),
        ]
        for (name, value, allowed) in ranges where !allowed.contains(value) {
            throw ValidationError("--\(name) must be in \(allowed.lowerBound)...\(allowed.upperBound), not \(value).")
        }
    }

    func run() async throws {
        var experiment = BalanceExperiment()
        experiment.nodes = self.nodes
        experiment.replicas = self.replicas
        experiment.seed = self.seed
        experiment.trials = self.trials
        experiment.partitionsPerToken = self.partitionsPerToken
        experiment.popularity = self.popularity.popularity(keys: self.keys)
        let report = experiment.run()
        if let svg {
            try self.draw(report, to: svg)
        }
        try Report.result(BalanceSummary(report), as: self.format) { BalanceText(report, of: experiment).rendered() }
        if experiment.popularity == .uniform, !report.isReproduced { throw QuietExit(status: .failed) }
    }

    private func draw(_ report: BalanceReport, to path: String) throws {
        do {
            try Data(BalanceChart(report).rendered().utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw CommandFailure("unwritable", "cannot write \(path): \(error.localizedDescription)")
        }
    }
}

enum PopularityOption: String, ExpressibleByArgument, CaseIterable, Sendable {
    case uniform
    case zipfHalf = "zipf-0.5"
    case zipfOne = "zipf-1"

    func popularity(keys: Int) -> KeyPopularity {
        switch self {
        case .uniform: .uniform
        case .zipfHalf: .zipf(keys: keys, exponent: .half)
        case .zipfOne: .zipf(keys: keys, exponent: .one)
        }
    }
}

/// The report for programs, with its verdict.
struct BalanceSummary: Encodable {
    let nodes: Int
    let replicas: Int
    let points: [BalancePoint]
    let pointsCompared: Int
    let pointsInOrder: Int
    let goal: Double
    /// `nil` when no Q reaches the goal.
    let partitionsAtGoal: Int?
    let isReproduced: Bool

    init(_ report: BalanceReport) {
        self.nodes = report.nodes
        self.replicas = report.replicas
        self.points = report.points
        self.pointsCompared = report.comparedPoints.count
        self.pointsInOrder = report.pointsInOrder.count
        self.goal = BalanceReport.goal
        self.partitionsAtGoal = report.firstPoint(of: .fixedPartitions)?[.fixedPartitions]?.parameters.partitions
        self.isReproduced = report.isReproduced
    }
}
