import QuireCore
import QuireSimulation
import Testing

/// Whole clusters under seeded faults: safety always, rest after healing.
@Suite struct SimulatedClusterTests {
    @Test func aClusterWithoutFaultsAnswersEverything() {
        var configuration = SimulationConfiguration(seed: 1)
        configuration.duration = .seconds(2)
        let outcome = configuration.outcome()
        #expect(outcome.violations == [])
        #expect(outcome.acknowledgedWrites > 100)
        #expect(outcome.strictReads > 50)
    }

    @Test(arguments: Scenario.allCases, [UInt64](1...2))
    func everyFixedConfigurationKeepsItsPromises(_ scenario: Scenario, _ seed: UInt64) {
        let outcome = scenario.configuration(seed: seed).outcome()
        #expect(outcome.violations == [], "\(scenario), seed \(seed)")
        #expect(outcome.acknowledgedWrites > 0)
    }

    @Test(arguments: [UInt64](1...20))
    func randomConfigurationsKeepTheirPromises(_ seed: UInt64) {
        #expect(SimulationConfiguration.chaos(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    @Test(arguments: [UInt64](1...10))
    func randomChangesOfTheMembershipKeepTheirPromises(_ seed: UInt64) {
        #expect(SimulationConfiguration.membership(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    @Test(arguments: [3, 4] as [UInt64])
    func theSameSeedGivesTheSameTrace(_ seed: UInt64) {
        let runs = (0..<2).map { _ in Scenario.moving.configuration(seed: seed).outcome() }
        #expect(runs[0].trace == runs[1].trace)
        #expect(Scenario.moving.configuration(seed: seed + 100).outcome().trace != runs[0].trace)
    }
}
