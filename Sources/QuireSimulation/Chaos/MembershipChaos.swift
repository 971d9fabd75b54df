import QuireCore

/// Random changes of the membership under random faults, with crashes at the steps of moves.
///
/// What a seed crashes first goes through `CrashPoint.all` in turn, so that a few dozen seeds meet every step of every
/// role, and thousands meet each of them many times.
extension SimulationConfiguration {
    /// What `quire simulate chaos --workload membership` runs for a seed.
    package static func membership(seed: UInt64) -> SimulationConfiguration {
        // Another stream than that of the run itself.
        var random = SeededGenerator(seed: seed &* 0xD6E8_FEB8_6659_FD93)
        var configuration = SimulationConfiguration(seed: seed)
        configuration.founders = random.one(of: [2, 3, 3, 3, 4, 4, 5])
        configuration.spares = random.one(of: [2, 3])
        configuration.zones = random.one(of: [1, 1, 2, 3])
        configuration.partitions = random.one(of: [8, 8, 8, 16])
        configuration.quorums = .random(using: &random)
        configuration.workload = .random(using: &random)
        configuration.workload.clients = random.one(of: [2, 4, 6])
        configuration.workload.pauseMax = random.one(of: [20_000, 60_000])
        configuration.faults = .light(using: &random)
        configuration.repairs = random.chance(0.6)
        configuration.duration = random.milliseconds(5000...9000)
        configuration.healTimeout = .seconds(180)
        var author = ScriptAuthor(configuration, random: random)
        configuration.scripts = author.scripts()
        if author.changesQuorums { configuration.workload.ownQuorums = 0 }
        random = author.random
        configuration.stepCrashes = StepCrash.some(startingWith: seed, using: &random)
        if random.chance(0.15) { configuration.tombstones = .hasty }
        return configuration
    }
}

extension QuorumSettings {
    /// Reads meet writes, and writes each other, so that the checkers demand most.
    fileprivate static let strict: [Int: [QuorumSettings]] = [
        1: [.init(replicaCount: 1, readQuorum: 1, writeQuorum: 1)],
        2: [
            .init(replicaCount: 2, readQuorum: 1, writeQuorum: 2),
            .init(replicaCount: 2, readQuorum: 2, writeQuorum: 2),
        ],
        3: [
            .init(replicaCount: 3, readQuorum: 2, writeQuorum: 2),
            .init(replicaCount: 3, readQuorum: 2, writeQuorum: 2),
            .init(replicaCount: 3, readQuorum: 1, writeQuorum: 3),
        ],
        4: [.init(replicaCount: 4, readQuorum: 2, writeQuorum: 3)],
    ]

    fileprivate var isStrict: Bool {
        self.readQuorum + self.writeQuorum > self.replicaCount && 2 * self.writeQuorum > self.replicaCount
    }

    fileprivate static func random(using random: inout SeededGenerator) -> QuorumSettings {
        let replicas = random.one(of: [1, 2, 2, 3, 3, 3, 3, 3, 3, 4])
        guard random.chance(0.15) else { return random.one(of: Self.strict[replicas] ?? []) }
        let write = Int.random(in: 1...replicas, using: &random)
        return QuorumSettings(
            replicaCount: replicas,
            readQuorum: Int.random(in: 1...replicas, using: &random),
            writeQuorum: write,
            writeQuorumFloor: random.chance(0.5) ? Int.random(in: 1...write, using: &random) : nil
        )
    }
}

extension FaultMix {
    /// As much as lets changes go on now and then.
    fileprivate static func light(using random: inout SeededGenerator) -> FaultMix {
        var mix = FaultMix.random(using: &random)
        for fault in mix.gaps.keys { mix.gaps[fault]? *= 2 }
        if random.chance(0.2) { mix.gaps = [:] }
        return mix
    }
}

extension StepCrash {
    /// - Parameter seed: Says which step comes first.
    fileprivate static func some(startingWith seed: UInt64, using random: inout SeededGenerator) -> [StepCrash] {
        let points = CrashPoint.all
        var crashes = [StepCrash(points[Int(seed % UInt64(points.count))])]
        for _ in 0..<random.one(of: [0, 0, 1, 2, 3]) { crashes.append(StepCrash(random.one(of: points))) }
        for index in crashes.indices {
            crashes[index].occurrence =
                index == 0 ? random.one(of: [1, 1, 1, 2, 3]) : Int.random(in: 1...8, using: &random)
            crashes[index].delay = random.one(of: [0, 0, 300, 3000, 30_000])
            crashes[index].absence = random.one(of: [20...300, 20...900, 1000...8000])
            let isTarget = crashes[index].point.role == .target
            if isTarget, random.chance(0.3) { crashes[index].damage = .lostDisk }
            if random.chance(0.1) { crashes[index].damage = .pause }
        }
        return crashes
    }
}

/// Draws scripts that make sense more often than not.
private struct ScriptAuthor {
    var random: SeededGenerator
    private(set) var changesQuorums = false
    private let quorums: QuorumSettings
    private let zones: Int
    private let mayDestroy: Bool
    private var inside: [Int]
    private var outside: [Int]
    private var current: QuorumSettings

    init(_ configuration: SimulationConfiguration, random: SeededGenerator) {
        self.random = random
        self.quorums = configuration.quorums
        self.current = configuration.quorums
        self.zones = configuration.zones
        self.mayDestroy = configuration.quorums.writeQuorumMin > 1 && configuration.founders > 2
        self.inside = Array(1...configuration.founders)
        self.outside = Array(configuration.founders + 1...configuration.founders + configuration.spares)
    }

    mutating func scripts() -> [MembershipScript] {
        var operations: [MembershipOperation] = []
        if self.random.chance(0.15) { operations.append(.limit(transfersPerNode: self.random.one(of: [1, 2]))) }
        for _ in 0..<self.random.one(of: [1, 2, 2, 3]) { operations += self.change() }
        var scripts = [MembershipScript(operations)]
        if self.random.chance(0.2) { scripts.append(self.rival()) }
        return scripts
    }

    private mutating func change() -> [MembershipOperation] {
        if self.mayDestroy, self.inside.count > 2, self.random.chance(0.25) { return self.loss() }
        let before = (self.inside, self.outside, self.current)
        let batch = self.batch()
        var operations: [MembershipOperation] = [.change(batch)]
        switch self.random.one(of: [0, 0, 1, 2, 2, 3, 3, 4]) {
        case 0:
            break
        case 1:
            operations += [
                .progress(self.percent()), .pause, .wait(milliseconds: Int.random(in: 100...1500, using: &self.random)),
                .resume,
            ]
        case 2:
            operations += [.progress(self.percent()), .abort]
            (self.inside, self.outside, self.current) = before
            if self.random.chance(0.5) { operations += [.settle, .change(batch)] }
        case 3:
            operations += [.settle, .undo]
            (self.inside, self.outside, self.current) = before
            if self.random.chance(0.3) { operations += [.progress(self.percent()), .abort] }
        default:
            operations += [.progress(self.percent()), .pause, .abort]
            (self.inside, self.outside, self.current) = before
        }
        operations.append(.settle)
        if self.random.chance(0.2) { operations.append(.closeUndo) }
        return operations
    }

    private mutating func percent() -> Int { self.random.one(of: [0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90]) }

    private mutating func batch() -> [MembershipChange] {
        var changes: [MembershipChange] = []
        var touched: Set<Int> = []
        for _ in 0..<self.random.one(of: [1, 1, 1, 2, 3]) {
            let idle = self.inside.filter { !touched.contains($0) }
            switch self.random.one(of: [0, 0, 0, 1, 1, 2, 2, 3, 4, 5]) {
            case 1 where idle.count > 1 && self.inside.count > 1:
                let leaver = self.random.one(of: idle)
                touched.insert(leaver)
                self.inside.removeAll { $0 == leaver }
                self.outside.append(leaver)
                changes.append(.leave(leaver))
            case 2 where !idle.isEmpty && self.outside.contains { !touched.contains($0) }:
                let old = self.random.one(of: idle)
                let new = self.random.one(of: self.outside.filter { !touched.contains($0) })
                touched.formUnion([old, new])
                self.exchange(old, for: new)
                changes.append(.replace(old, with: new))
            case 3 where !idle.isEmpty:
                let node = self.random.one(of: idle)
                touched.insert(node)
                changes.append(.setWeight(node, self.random.one(of: [50, 100, 200, 300])))
            case 4 where !idle.isEmpty && self.zones > 1:
                let node = self.random.one(of: idle)
                touched.insert(node)
                changes.append(.setZone(node, Int.random(in: 0..<self.zones, using: &self.random)))
            case 5 where self.quorums.isStrict && !changes.contains(where: \.isAboutQuorums):
                let others = [1, 2, 3, 4].filter { $0 != self.current.replicaCount }
                    .filter { self.mayDestroy ? $0 > 1 : true }
                let settings = self.random.one(of: QuorumSettings.strict[self.random.one(of: others)] ?? [])
                self.current = settings
                self.changesQuorums = true
                changes.append(.setQuorums(settings))
            default:
                let able = self.outside.filter { !touched.contains($0) }
                guard !able.isEmpty else { continue }
                let joiner = self.random.one(of: able)
                touched.insert(joiner)
                self.outside.removeAll { $0 == joiner }
                self.inside.append(joiner)
                changes.append(.join(joiner))
            }
        }
        return changes.isEmpty ? [.setWeight(self.inside[0], 200)] : changes
    }

    private mutating func exchange(_ old: Int, for new: Int) {
        self.inside.removeAll { $0 == old }
        self.outside.removeAll { $0 == new }
        self.inside.append(new)
        self.outside.append(old)
    }

    /// A node is gone for good: before a change, or in the middle of one.
    private mutating func loss() -> [MembershipOperation] {
        let dead = self.random.one(of: self.inside)
        self.inside.removeAll { $0 == dead }
        if let new = self.outside.first, self.random.chance(0.6) {
            self.outside.removeFirst()
            self.inside.append(new)
            return [.destroy(dead), .change([.replace(dead, with: new)]), .settle]
        }
        if self.random.chance(0.5) {
            return [
                .destroyUnnoticed(dead), .change([.leave(dead)]), .wait(milliseconds: 500), .declareLost(dead), .settle,
            ]
        }
        guard let new = self.outside.first else { return [.destroy(dead), .change([.leave(dead)]), .settle] }
        self.outside.removeFirst()
        self.inside.append(new)
        let percent = self.percent()
        return [
            .change([.join(new)]), .progress(percent), .destroy(dead), .settle, .change([.leave(dead)]), .settle,
        ]
    }

    /// Somebody else at the same time, who knows nothing of the first.
    private mutating func rival() -> MembershipScript {
        var operations: [MembershipOperation] = [
            .wait(milliseconds: Int.random(in: 0...2500, using: &self.random))
        ]
        switch self.random.one(of: [0, 1, 2, 3]) {
        case 0: operations.append(.change([.setWeight(1, self.random.one(of: [50, 200]))]))
        case 1: operations += [.abort, .settle]
        case 2: operations += [.pause, .wait(milliseconds: 700), .resume]
        default:
            operations.append(.change([self.random.one(of: [.leave(2), .setZone(1, 0), .setWeight(2, 300)])]))
        }
        return MembershipScript(operations)
    }
}

extension MembershipChange {
    fileprivate var isAboutQuorums: Bool {
        if case .setQuorums = self { return true }
        return false
    }
}
