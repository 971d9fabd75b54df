import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 6: a reply counts for a quorum only at the requested durability.
@Suite struct SafetyRule6Tests {
    /// All nodes lose power just after acknowledgements, again and again: what was acknowledged is there.
    @Test(arguments: [UInt64](1...6))
    func powerLossAfterAnAcknowledgementLosesNothing(_ seed: UInt64) {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.faults.powerLossAfterAcknowledgement = 0.1
        let outcome = configuration.outcome()
        #expect(outcome.violations == [])
        #expect(outcome.acknowledgedWrites > 0)
    }

    @Test(arguments: PlantedDefect.all.filter { $0.rule == 6 }.map(\.mutation))
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
