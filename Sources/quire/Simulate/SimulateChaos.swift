import ArgumentParser
import QuireSimulation

/// `quire simulate chaos`: whole clusters of the real protocol under seeded faults, watched by checkers.
struct SimulateChaos: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Run whole clusters in virtual time under seeded faults, and check every promise.",
        discussion: """
            Each seed draws a cluster, a workload and faults: lost and late messages, partitions, crashes, power losses, \
            pauses, wrong clocks, slow, full, damaged and lost disks, joins and leaves. The same seed gives the same run, \
            event by event, on every machine. Afterwards the cluster must come to rest, and every replica must have \
            every acknowledged write.

            With --workload membership operators change the cluster without end: batches of joins, leaves, replacements, \
            weights, zones and another N, which they pause, abort and undo, two of them at once, while nodes die for good; \
            and nodes crash at every step that a coordinator, a target or a source of a move can take. The table says how \
            often at which. Every change must end: done, aborted or undone.

            Exits with 1 at a violation, and names the seed. To replay it: quire simulate chaos --first SEED --seeds 1
            """
    )

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "How many seeds to run.")
    var seeds: UInt64 = 500

    @Option(name: .long, help: "The first of them.")
    var first: UInt64 = 1

    @Option(name: .long, help: "Clusters that run at the same time (default: one per core).")
    var jobs: Int?

    @Option(name: .long, help: ArgumentHelp("Run this fixed configuration for all seeds.", valueName: "name"))
    var scenario: ScenarioOption?

    @Option(name: .long, help: ArgumentHelp("What the random configurations are about.", valueName: "name"))
    var workload = WorkloadOption.mixed

    @Flag(name: .long, help: "Print a hash of everything that happened, over all seeds in order.")
    var traceHash = false

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard (1...100_000_000).contains(self.seeds), self.first <= .max - self.seeds else {
            throw ValidationError("--seeds must be in 1...100000000, not \(self.seeds).")
        }
        if self.scenario != nil, self.workload != .mixed {
            throw ValidationError("--scenario is a configuration by itself: give no --workload with it.")
        }
        if let jobs, !(1...1024).contains(jobs) {
            throw ValidationError("--jobs must be in 1...1024, not \(jobs).")
        }
    }

    private var replayOptions: String {
        if let scenario { return " --scenario \(scenario.rawValue)" }
        return self.workload == .mixed ? "" : " --workload \(self.workload.rawValue)"
    }

    func run() async throws {
        let reporter = ProgressReporter(label: "simulating", output: self.output)
        let seeds = self.first..<(self.first + self.seeds)
        let scenario = self.scenario?.scenario
        let workload = self.workload
        let campaign = ChaosCampaign(seeds: seeds, jobs: self.jobs ?? ChaosCampaign.cores) { seed in
            (scenario?.configuration(seed: seed) ?? workload.configuration(seed: seed)).outcome()
        }
        let summary = await campaign.run { done in
            await reporter.update(ProgressLine(done: done, total: seeds.count, unit: .items("seeds")))
        }
        await reporter.finish()
        try Report.result(summary.reported(withTrace: self.traceHash), as: self.format) {
            summary.text(withTrace: self.traceHash, options: self.replayOptions)
        }
        if !summary.violations.isEmpty { throw QuietExit(status: .failed) }
    }
}

/// What random configurations are about.
enum WorkloadOption: String, ExpressibleByArgument, CaseIterable {
    /// Everything.
    case mixed
    /// Changes of the membership, one after the other and at once, and a crash at every step of every move.
    case membership

    func configuration(seed: UInt64) -> SimulationConfiguration {
        switch self {
        case .mixed: .chaos(seed: seed)
        case .membership: .membership(seed: seed)
        }
    }
}

/// A fixed configuration by its name.
struct ScenarioOption: ExpressibleByArgument {
    let scenario: Scenario

    var rawValue: String { self.scenario.rawValue }

    init?(argument: String) {
        guard let scenario = Scenario(rawValue: argument) else { return nil }
        self.scenario = scenario
    }

    static var allValueStrings: [String] { Scenario.allCases.map(\.rawValue) }
}
