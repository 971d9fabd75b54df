import QuireCore
import QuireSimulation
import Testing

/// Whole clusters under seeded faults: safety always, rest after healing.
@Suite struct SimulatedClusterTests {
    static func steady(_ seed: UInt64) -> SimulationConfiguration {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.duration = .seconds(3)
        configuration.faults = .rough
        return configuration
    }

    static func changing(_ seed: UInt64) -> SimulationConfiguration {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.duration = .seconds(5)
        configuration.faults = .rough
        configuration.faults.crashGap = .seconds(2)
        configuration.changesMembership = true
        return configuration
    }

    /// Many keys, so that reads do not repair everything, and links that break all the time.
    static func lossy(_ seed: UInt64) -> SimulationConfiguration {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.duration = .seconds(4)
        configuration.keys = 40
        configuration.clients = 10
        configuration.faults.loss = 0.02
        configuration.faults.slowness = 0.05
        configuration.faults.partitionGap = .milliseconds(250)
        configuration.changesMembership = true
        return configuration
    }

    @Test func aClusterWithoutFaultsAnswersEverything() {
        var configuration = SimulationConfiguration(seed: 1)
        configuration.duration = .seconds(2)
        let cluster = SimulatedCluster(configuration: configuration)
        #expect(cluster.run() == [])
        #expect(cluster.checker.acknowledgedWrites > 100)
        #expect(cluster.checker.quorumReads > 100)
    }

    @Test(arguments: [UInt64](1...20))
    func crashesAndPartitionsLoseNothing(_ seed: UInt64) {
        let cluster = SimulatedCluster(configuration: Self.steady(seed))
        #expect(cluster.run() == [], "seed \(seed)")
        #expect(cluster.checker.acknowledgedWrites > 0)
    }

    @Test(arguments: [UInt64](1...20))
    func joiningAndLeavingUnderWritesLosesNothing(_ seed: UInt64) {
        let cluster = SimulatedCluster(configuration: Self.changing(seed))
        #expect(cluster.run() == [], "seed \(seed)")
        #expect(cluster.checker.acknowledgedWrites > 0)
    }

    /// Seed 3 once had a put, forwarded twice, lifted above a later one by the coordinator that was left behind.
    @Test(arguments: [UInt64](1...5))
    func brokenLinksReviveNothing(_ seed: UInt64) {
        let cluster = SimulatedCluster(configuration: Self.lossy(seed))
        #expect(cluster.run() == [], "seed \(seed)")
    }

    /// Once a plain read showed the older of two acknowledged writes: both nodes had given them one timestamp.
    @Test(arguments: [12, 38] as [UInt64])
    func aTieOfTimestampsHidesNoLaterWrite(_ seed: UInt64) {
        #expect(SimulatedCluster(configuration: Self.steady(seed)).run() == [], "seed \(seed)")
    }

    @Test(arguments: [3, 4] as [UInt64])
    func theSameSeedGivesTheSameTrace(_ seed: UInt64) {
        let runs = (0..<2).map { _ in
            let cluster = SimulatedCluster(configuration: Self.changing(seed))
            _ = cluster.run()
            return cluster.trace
        }
        #expect(runs[0] == runs[1])
        let other = SimulatedCluster(configuration: Self.changing(seed + 100))
        _ = other.run()
        #expect(other.trace != runs[0])
    }
}
