package import QuireCore

/// What became of one simulated run.
package struct ChaosOutcome: Sendable {
    package let seed: UInt64
    package let violations: [String]
    package let events: Int
    package let simulated: Duration
    /// Of everything that happened: the same for the same seed, in every process.
    package let trace: UInt64
    package let acknowledgedWrites: Int
    package let strictReads: Int
    package let siblingsMax: Int
    package let vectorEntriesMax: Int
    /// Deleted records that replicas have dropped.
    package let collectedRecords: Int
    /// How many of them while faults still happened.
    package let collectedBeforeHealing: Int
    /// How often tombstones were kept, and why.
    package let obstacles: [TombstoneObstacle: Int]
    /// Crashes that came at steps of moves.
    package let crashes: [CrashPoint: Int]
    /// Changes of the membership that ended, by how.
    package let changesEnded: [LayoutChange.Kind: Int]
    /// While a minority was cut off.
    package let cut: CutOff
}

extension SimulationConfiguration {
    /// Runs a cluster of this configuration to its end.
    package func outcome() -> ChaosOutcome {
        let cluster = SimulatedCluster(configuration: self)
        let violations = cluster.run()
        return ChaosOutcome(
            seed: self.seed,
            violations: violations,
            events: cluster.eventCount,
            simulated: cluster.now,
            trace: cluster.trace.value,
            acknowledgedWrites: cluster.checker.acknowledgedWrites,
            strictReads: cluster.checker.strictReads,
            siblingsMax: cluster.checker.siblingsMax,
            vectorEntriesMax: cluster.checker.vectorEntriesMax,
            collectedRecords: cluster.checker.collectedRecords,
            collectedBeforeHealing: cluster.checker.collectedBeforeHealing,
            obstacles: cluster.checker.obstacles,
            crashes: cluster.crashes,
            changesEnded: cluster.checker.changesEnded,
            cut: cluster.cut
        )
    }
}

extension PlantedDefect {
    /// The first seed whose run finds the defect.
    ///
    /// - Returns: `nil` when it survives all seeds that it is given.
    package func caughtBy() -> ChaosOutcome? {
        for seed in 1...self.seedsMax {
            var configuration = self.scenario.configuration(seed: seed)
            configuration.mutation = self.mutation
            let outcome = configuration.outcome()
            if !outcome.violations.isEmpty { return outcome }
        }
        return nil
    }
}
