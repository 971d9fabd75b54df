import QuireCore

/// Random configurations: each run leaves out much of what could happen, so that what is left happens more often
/// (swarm testing).
extension SimulationConfiguration {
    /// What `quire simulate chaos` runs for a seed: mostly a random configuration, sometimes a fixed one.
    package static func chaos(seed: UInt64) -> SimulationConfiguration {
        // Another stream than that of the run itself.
        var random = SeededGenerator(seed: seed &* 0x9FB2_1C65_1E98_DF25)
        if random.chance(0.25) {
            return random.one(of: Scenario.allCases).configuration(seed: seed)
        }
        var configuration = SimulationConfiguration(seed: seed)
        configuration.drawCluster(using: &random)
        configuration.workload = .random(using: &random)
        configuration.faults = .random(using: &random)
        configuration.repairs = random.chance(0.6)
        configuration.duration = random.milliseconds(3000...7000)
        if random.chance(0.3) { configuration.collectTombstones(using: &random) }
        return configuration
    }

    /// Deletes, and time enough to forget them.
    private mutating func collectTombstones(using random: inout SeededGenerator) {
        self.tombstones = TombstoneRules(
            messageLifetime: random.milliseconds(300...800),
            operationTimeout: random.milliseconds(150...400),
            ageMin: random.milliseconds(0...300),
            clockMargin: random.milliseconds(1...500)
        )
        self.workload.weights[.churn] = 4
        self.workload.turn = random.one(of: [nil, .milliseconds(300), .milliseconds(800)])
        self.workload.keys = random.one(of: [4, 12, 24])
        self.workload.pauseMax = random.one(of: [20_000, 60_000, 200_000])
        self.duration = random.milliseconds(5000...8000)
    }

    private mutating func drawCluster(using random: inout SeededGenerator) {
        let replicas = random.one(of: [1, 2, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 7])
        let isStrict = random.chance(0.8)
        var read = Int.random(in: 1...replicas, using: &random)
        let write = Int.random(in: 1...replicas, using: &random)
        if isStrict {
            read = max(read, replicas - write + 1)
        }
        self.quorums = QuorumSettings(replicaCount: replicas, readQuorum: read, writeQuorum: write)
        self.founders = random.one(of: [1, 2, 3, 3, 4, 4, 5, 5, 6, 7])
        self.zones = random.one(of: [1, 1, 2, 3])
        self.partitions = random.one(of: [8, 8, 8, 16, 32])
        self.durability = random.one(of: [nil, nil, nil, nil, .one, .buffered])
        guard random.chance(0.4) else { return }
        self.spares = Int.random(in: 1...min(2, 8 - self.founders), using: &random)
        var changes = (1...self.spares).map { MembershipChange.join(self.founders + $0) }
        if random.chance(0.7) { changes.append(.leave(Int.random(in: 1...self.founders, using: &random))) }
        if random.chance(0.3), self.founders > 1 { changes.append(.leave(self.founders + 1)) }
        if random.chance(0.2), changes.contains(.leave(self.founders + 1)) { changes.append(.join(self.founders + 1)) }
        self.scripts = [.inTurn(changes)]
    }
}

extension WorkloadMix {
    static func random(using random: inout SeededGenerator) -> WorkloadMix {
        var mix = WorkloadMix([:])
        for kind in Kind.allCases where random.chance(kind.hasKeys ? 0.5 : 0.3) {
            mix.weights[kind] = Int.random(in: 1...5, using: &random)
        }
        if !mix.weights.keys.contains(where: \.hasKeys) {
            mix.weights[.register] = 3
        }
        mix.keys = random.one(of: [1, 2, 4, 8])
        mix.sharesPartition = random.chance(0.3)
        mix.clients = random.one(of: [2, 4, 6, 8])
        mix.hotness = random.one(of: [0, 0, 0.6])
        mix.pauseMax = random.one(of: [5000, 20_000, 60_000])
        mix.reads = random.one(of: [1, 1, 0.3])
        mix.ownQuorums = random.one(of: [0, 0, 0.2])
        mix.foreignContexts = random.one(of: [0, 0.05])
        return mix
    }
}

extension FaultMix {
    static func random(using random: inout SeededGenerator) -> FaultMix {
        var mix = FaultMix()
        mix.loss = random.one(of: [0, 0, 0.002, 0.01])
        mix.duplication = random.one(of: [0, 0.01, 0.05])
        mix.slowness = random.one(of: [0, 0.02, 0.1])
        mix.lateness = random.one(of: [0, 0, 0.002])
        mix.syncFailure = random.one(of: [0, 0, 0.005])
        mix.powerLossAfterAcknowledgement = random.one(of: [0, 0, 0.01])
        mix.clockSkewMilliseconds = random.one(of: [0, 100, 400, 5000])
        mix.clockDrift = random.one(of: [0, 0, 0.02])
        for fault in Fault.allCases where random.chance(0.35) {
            let mean = Int.random(in: 1...8, using: &random)
            mix.gaps[fault] = .milliseconds(mean * (fault == .powerLoss || fault == .lostDisk ? 800 : 400))
        }
        return mix
    }
}
