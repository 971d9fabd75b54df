import Foundation
import QuireCore
import QuireStorage

/// Crash after crash on one data directory, which begins anew every now and then.
struct CrashCampaign {
    enum Crash {
        case kill
        case powerLoss
        /// With faults before it.
        case troubledPowerLoss
    }

    /// What a campaign has done and found.
    struct Report: Encodable {
        var kills = 0
        var powerLosses = 0
        var withFaults = 0
        var acknowledged = 0
        var changesTakenBack = 0
        var quarantines = 0
        /// How often storage did not open, and said why.
        var refusals = 0
        var judgements = 0
        var seconds = 0.0
        var violations: [String] = []

        var text: String {
            let crashes = "\(self.kills) kills, \(self.powerLosses) losses of power (\(self.withFaults) after faults)"
            let work = "\(self.acknowledged) acknowledged writes, \(self.changesTakenBack) unsynced changes taken back"
            let found = self.violations.isEmpty ? "nothing lost" : self.violations.joined(separator: "\n")
            let aside = "\(self.quarantines) partitions and \(self.refusals) directories set aside by name"
            return "\(crashes) in \(Int(self.seconds)) s: \(work), \(aside): \(found)"
        }
    }

    /// After so many crashes an empty directory follows.
    private static let crashesPerDirectory = 40
    private static let workMillisecondsMax = 120

    private let directory: String
    private let library: String
    /// Of the losses of power, how many in a hundred come after injected faults.
    var faultsInHundred = 25
    /// Syncs of files whose path contains this do nothing.
    var lie: String?
    private var random: SeededGenerator
    private var ledger = CrashLedger()
    private var report = Report()
    private var nextID: UInt64 = 1
    /// What has happened to whole files of this directory, for whoever reads of a violation.
    private var trail: [String] = []
    /// Whether faults were injected since the last judgement.
    private var wasTroubled = false

    init(directory: String, library: String, seed: UInt64) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // The library compares paths: links in them would lead past it.
        self.directory = URL(fileURLWithPath: directory).resolvingSymlinksInPath().path
        self.library = library
        self.random = SeededGenerator(seed: seed)
    }

    private var data: String { self.directory + "/data" }
    private var journal: String { self.directory + "/journal" }
    private var trailPath: String { self.directory + "/trail" }

    mutating func run(kills: Int, powerLosses: Int) async throws -> Report {
        let began = ContinuousClock.now
        let troubled = powerLosses * self.faultsInHundred / 100
        var crashes =
            [Crash](repeating: .kill, count: kills)
            + [Crash](repeating: .powerLoss, count: powerLosses - troubled)
            + [Crash](repeating: .troubledPowerLoss, count: troubled)
        crashes.shuffle(using: &self.random)
        for (index, crash) in crashes.enumerated() where self.report.violations.isEmpty {
            if index % Self.crashesPerDirectory == 0 { try self.beginAnew() }
            try await self.crash(crash, isLast: index % Self.crashesPerDirectory == Self.crashesPerDirectory - 1)
            if index % 25 == 24 { self.say(index + 1, of: crashes.count) }
        }
        if !self.report.violations.isEmpty {
            try self.trail.joined(separator: "\n").write(toFile: self.trailPath, atomically: true, encoding: .utf8)
        }
        self.report.acknowledged += self.ledger.acknowledged
        self.report.seconds = (ContinuousClock.now - began) / .seconds(1)
        return self.report
    }

    private mutating func beginAnew() throws {
        self.report.acknowledged += self.ledger.acknowledged
        self.ledger = CrashLedger()
        self.trail = []
        self.wasTroubled = false
        for path in [self.data, self.journal] {
            if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
        }
        try FileManager.default.createDirectory(atPath: self.journal, withIntermediateDirectories: true)
        // What the engine makes when it is opened first is on the disk: a loss of power comes later.
        try StorageEngine(CrashSetting.configuration(directory: self.data, seed: 0)).abandon()
    }

    private mutating func crash(_ crash: Crash, isLast: Bool) async throws {
        let seed = self.random.next()
        var environment: [String: String] = [:]
        if crash != .kill {
            environment["LD_PRELOAD"] = self.library
            environment["QUIRE_LOSSY_ROOT"] = self.data
            environment["QUIRE_LOSSY_JOURNAL"] = self.journal
        }
        if crash == .troubledPowerLoss { environment["QUIRE_LOSSY_FAULTS"] = self.someFaults() }
        if let lie = self.lie { environment["QUIRE_LOSSY_FAULTS"] = "sync:lie:1+:\(lie)" }
        let child = try CrashChild(
            arguments: ["work", "--directory", self.data, "--seed", "\(seed)", "--first", "\(self.nextID)"],
            environment: environment,
            errorPath: self.directory + "/worker.err"
        )
        self.nextID += 1 << 26
        let lines = try await child.kill(after: Int.random(in: 1...Self.workMillisecondsMax, using: &self.random))
        lines.forEach { self.ledger.take($0) }
        let moment = "\(crash) with seed \(seed)"
        self.trail.append("\(moment) \(environment["QUIRE_LOSSY_FAULTS"] ?? "")")
        self.trail += lines.compactMap { if case .step(let text) = $0 { "  " + text } else { nil } }
        switch crash {
        case .kill: self.report.kills += 1
        case .powerLoss, .troubledPowerLoss:
            self.report.powerLosses += 1
            self.report.withFaults += crash == .troubledPowerLoss ? 1 : 0
            self.wasTroubled = self.wasTroubled || crash == .troubledPowerLoss
            var loss = PowerLoss(
                journalDirectory: self.journal,
                isStrict: Bool.random(using: &self.random),
                random: SeededGenerator(seed: seed)
            )
            self.report.changesTakenBack += try loss.strike()
        }
        // Sometimes the next worker is the first to open what this one has left, and is killed while it does.
        guard isLast || UInt8.random(in: 0..<4, using: &self.random) > 0 else { return }
        try await self.judge(moment, seed: seed)
    }

    private mutating func judge(_ moment: String, seed: UInt64) async throws {
        let configuration = try CrashSetting.configuration(directory: self.data, seed: seed)
        let stopsCleanly = UInt8.random(in: 0..<4, using: &self.random) == 0
        let wasTroubled = self.wasTroubled
        self.wasTroubled = false
        self.report.judgements += 1
        let stored: StoredRecords
        do {
            stored = try await StoredRecords(configuration, stopsCleanly: stopsCleanly)
        } catch {
            // Said aloud, so nothing is missing in silence; but only after a fault of the disk.
            self.report.refusals += 1
            guard wasTroubled else {
                self.report.violations.append("\(moment): storage does not open: \(error)")
                return
            }
            return try self.beginAnew()
        }
        self.report.quarantines += stored.quarantined.count
        try self.ledger.judge(
            replicas: stored.replicas,
            hints: stored.hints,
            quarantined: Set(stored.quarantined.keys),
            at: moment
        )
        self.report.violations += stored.violations.map { "\(moment): \($0)" } + self.ledger.takeViolations()
        guard !stored.quarantined.isEmpty else { return }
        if !wasTroubled {
            let reasons = stored.quarantined.map { "\($0.key): \($0.value)" }.sorted().joined(separator: "; ")
            self.report.violations.append("\(moment): set aside without a fault: \(reasons)")
        }
        // As a node does when its peers have given the partition back; but what a violation is about stays.
        if self.report.violations.isEmpty { try self.beginAnew() }
    }

    private mutating func someFaults() -> String {
        let kinds = [
            "sync:5", "sync:28", "write:28", "write:5", "write:short", "rename:5", "open:24", "truncate:5", "remove:5",
        ]
        let parts = ["/log/", "/partitions/", "/hints/", "/incoming/", "-wal", "/"]
        return (0..<Int.random(in: 1...3, using: &self.random)).map { _ in
            let kind = kinds.randomElement(using: &self.random) ?? ""
            let part = parts.randomElement(using: &self.random) ?? ""
            // The first ones meet recovery.
            let last = [60, 800].randomElement(using: &self.random) ?? 1
            return "\(kind):\(Int.random(in: 1...last, using: &self.random)):\(part)"
        }.joined(separator: ",")
    }

    private func say(_ done: Int, of all: Int) {
        let line = "\(done)/\(all) crashes, \(self.report.violations.count) violations\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}
