import Foundation
import QuireCore
import QuireSimulation

/// Many seeds on several cores: one cluster per job at a time, nothing shared between them.
struct ChaosCampaign: Sendable {
    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    let seeds: Range<UInt64>
    let jobs: Int
    let run: @Sendable (UInt64) -> ChaosOutcome

    init(seeds: Range<UInt64>, jobs: Int, run: @escaping @Sendable (UInt64) -> ChaosOutcome) {
        self.seeds = seeds
        self.jobs = jobs
        self.run = run
    }

    /// - Parameter progressed: Told how many seeds are done.
    func run(_ progressed: (Int) async -> Void) async -> ChaosSummary {
        var summary = ChaosSummary(first: self.seeds.lowerBound)
        let started = ContinuousClock.now
        await withTaskGroup(of: ChaosOutcome.self) { group in
            var next = self.seeds.lowerBound
            let addNext = { (group: inout TaskGroup<ChaosOutcome>) in
                guard next < self.seeds.upperBound else { return }
                let seed = next
                next += 1
                group.addTask { self.run(seed) }
            }
            for _ in 0..<self.jobs { addNext(&group) }
            while let outcome = await group.next() {
                addNext(&group)
                summary.add(outcome)
                await progressed(summary.seeds)
            }
        }
        summary.realSeconds = (ContinuousClock.now - started).seconds
        return summary
    }
}

/// What many runs came to. Order does not matter: the trace of all is made from the traces of each by its seed.
struct ChaosSummary: Sendable {
    struct Violation: Encodable, Sendable {
        let seed: UInt64
        let what: String
    }

    let first: UInt64
    private(set) var seeds = 0
    private(set) var events = 0
    private(set) var simulatedSeconds = 0.0
    private(set) var acknowledgedWrites = 0
    private(set) var strictReads = 0
    private(set) var siblingsMax = 0
    private(set) var vectorEntriesMax = 0
    /// Crashes at steps of moves, and changes of the membership that ended.
    private(set) var crashes: [CrashPoint: Int] = [:]
    private(set) var changesEnded: [LayoutChange.Kind: Int] = [:]
    private var failed: [Violation] = []
    private var traces: UInt64 = 0
    var realSeconds = 0.0

    init(first: UInt64) {
        self.first = first
    }

    var violations: [Violation] { self.failed.sorted { $0.seed < $1.seed } }
    var trace: String { String(self.traces, radix: 16) }

    mutating func add(_ outcome: ChaosOutcome) {
        self.seeds += 1
        self.events += outcome.events
        self.simulatedSeconds += outcome.simulated.seconds
        self.acknowledgedWrites += outcome.acknowledgedWrites
        self.strictReads += outcome.strictReads
        self.siblingsMax = max(self.siblingsMax, outcome.siblingsMax)
        self.vectorEntriesMax = max(self.vectorEntriesMax, outcome.vectorEntriesMax)
        self.crashes.merge(outcome.crashes, uniquingKeysWith: +)
        self.changesEnded.merge(outcome.changesEnded, uniquingKeysWith: +)
        self.failed += outcome.violations.prefix(1).map { Violation(seed: outcome.seed, what: $0) }
        self.traces &+= outcome.trace &* (2 &* outcome.seed &+ 1)
    }

    /// For programs.
    struct Reported: Encodable {
        let seeds: Int
        let first: UInt64
        let events: Int
        let simulatedSeconds: Double
        let realSeconds: Double
        let simulatedHoursPerRealSecond: Double
        let acknowledgedWrites: Int
        let strictReads: Int
        let siblingsMax: Int
        let vectorEntriesMax: Int
        let violations: [Violation]
        /// Of the membership: how many came to their end, by kind.
        let changesEnded: [String: Int]
        /// Crashes at steps of moves; empty where none were planned.
        let crashes: [CrashCount]
        /// Only when it was asked for.
        let trace: String?
    }

    struct CrashCount: Encodable {
        let role: String
        let step: String
        let count: Int
    }

    /// Every step of every role, those at which nothing crashed too.
    private var crashCounts: [CrashCount] {
        guard !self.crashes.isEmpty else { return [] }
        return CrashPoint.all.map { point in
            CrashCount(role: point.role.rawValue, step: point.step.rawValue, count: self.crashes[point] ?? 0)
        }
    }

    func reported(withTrace: Bool) -> Reported {
        Reported(
            seeds: self.seeds,
            first: self.first,
            events: self.events,
            simulatedSeconds: self.simulatedSeconds,
            realSeconds: self.realSeconds,
            simulatedHoursPerRealSecond: self.hoursPerSecond,
            acknowledgedWrites: self.acknowledgedWrites,
            strictReads: self.strictReads,
            siblingsMax: self.siblingsMax,
            vectorEntriesMax: self.vectorEntriesMax,
            violations: self.violations,
            changesEnded: self.endings,
            crashes: self.crashCounts,
            trace: withTrace ? self.trace : nil
        )
    }

    private var hoursPerSecond: Double {
        self.realSeconds > 0 ? self.simulatedSeconds / 3600 / self.realSeconds : 0
    }

    private var endings: [String: Int] {
        Dictionary(uniqueKeysWithValues: self.changesEnded.map { ($0.key.rawValue, $0.value) })
    }

    private var membershipLines: [String] {
        guard !self.crashes.isEmpty else { return [] }
        var table = TextTable([("role", .left), ("step", .left), ("crashes", .right)])
        for count in self.crashCounts { table.append([count.role, count.step, Quantity.count(count.count)]) }
        let ended = { (kind: LayoutChange.Kind) in Quantity.count(self.changesEnded[kind] ?? 0) }
        return [
            table.rendered(),
            "\(ended(.planned)) changes done, \(ended(.abort)) aborted, \(ended(.undo)) undone; "
                + "\(Quantity.count(self.crashes.values.reduce(0, +))) crashes at "
                + "\(self.crashCounts.count { $0.count > 0 }) of \(CrashPoint.all.count) steps of moves",
        ]
    }

    /// - Parameter options: With which a seed is run again.
    func text(withTrace: Bool, options: String) -> String {
        var lines = self.membershipLines
        lines += self.violations.map { violation in
            return "seed \(violation.seed): \(violation.what)\n"
                + "  replay: quire simulate chaos --first \(violation.seed) --seeds 1\(options)"
        }
        lines.append(
            "\(Quantity.count(self.seeds)) seeds, \(Quantity.count(self.violations.count)) with a violation; "
                + "\(Quantity.count(self.acknowledgedWrites)) acknowledged writes, "
                + "\(Quantity.count(self.strictReads)) strict reads checked"
        )
        lines.append(
            "\(Quantity.count(self.events)) events, \(Quantity.duration(seconds: self.simulatedSeconds)) simulated in "
                + "\(Quantity.duration(seconds: self.realSeconds)): "
                + "\(Quantity.decimal(self.hoursPerSecond, digits: 3)) simulated hours per second"
        )
        if withTrace {
            lines.append("trace \(self.trace)")
        }
        return lines.joined(separator: "\n")
    }
}
