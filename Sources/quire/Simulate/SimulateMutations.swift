import ArgumentParser
import QuireSimulation

/// `quire simulate mutations`: plants one defect after the other and looks whether the checkers find it.
struct SimulateMutations: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutations",
        abstract: "Plant known defects and see that the checkers find each of them.",
        discussion: """
            A simulator is worth what it catches. Each defect stands for a way in which a store of this kind has lost \
            writes; it must be found within a stated number of seeds of a stated configuration.

            Exits with 1 if one is missed.
            """
    )

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Defects that are looked for at the same time (default: one per core).")
    var jobs: Int?

    var format: OutputFormat { self.output.output }

    func validate() throws {
        if let jobs, !(1...1024).contains(jobs) {
            throw ValidationError("--jobs must be in 1...1024, not \(jobs).")
        }
    }

    func run() async throws {
        let reporter = ProgressReporter(label: "planting", output: self.output)
        let rows = await self.results { done in
            let line = ProgressLine(done: done, total: PlantedDefect.all.count, unit: .items("defects"))
            await reporter.update(line)
        }
        await reporter.finish()
        try Report.list(rows, as: self.format) { MutationRow.table(rows) }
        if rows.contains(where: { $0.caughtAtSeed == nil }) { throw QuietExit(status: .failed) }
    }

    private func results(_ progressed: (Int) async -> Void) async -> [MutationRow] {
        var rows: [MutationRow] = []
        await withTaskGroup(of: MutationRow.self) { group in
            var waiting = PlantedDefect.all[...]
            for _ in 0..<(self.jobs ?? ChaosCampaign.cores) {
                if let defect = waiting.popFirst() { group.addTask { MutationRow(defect) } }
            }
            while let row = await group.next() {
                if let defect = waiting.popFirst() { group.addTask { MutationRow(defect) } }
                rows.append(row)
                await progressed(rows.count)
            }
        }
        let order = PlantedDefect.all.map(\.mutation.rawValue)
        return rows.sorted { (order.firstIndex(of: $0.mutation) ?? 0) < (order.firstIndex(of: $1.mutation) ?? 0) }
    }
}

/// What became of one planted defect.
struct MutationRow: Encodable, Sendable {
    let mutation: String
    let rule: Int
    let scenario: String
    /// `nil`: missed.
    let caughtAtSeed: UInt64?
    let seedsMax: UInt64
    let summary: String
    let violation: String?

    init(_ defect: PlantedDefect) {
        let outcome = defect.caughtBy()
        self.mutation = defect.mutation.rawValue
        self.rule = defect.rule
        self.scenario = defect.scenario.rawValue
        self.caughtAtSeed = outcome?.seed
        self.seedsMax = defect.seedsMax
        self.summary = defect.summary
        self.violation = outcome?.violations.first
    }

    static func table(_ rows: [MutationRow]) -> String {
        var table = TextTable([
            ("mutation", .left), ("SAFETY", .right), ("configuration", .left), ("result", .left),
            ("what it does", .left),
        ])
        for row in rows {
            let result = row.caughtAtSeed.map { "caught after \($0)" } ?? "MISSED in \(row.seedsMax)"
            table.append([row.mutation, "\(row.rule)", row.scenario, result, row.summary])
        }
        let caught = rows.count { $0.caughtAtSeed != nil }
        return table.rendered() + "\n\(caught) of \(rows.count) caught"
    }
}
