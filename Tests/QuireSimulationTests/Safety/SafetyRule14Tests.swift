import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 14: the checker decides what is accepted, never what is adopted.
@Suite struct SafetyRule14Tests {
    /// `LayoutLogTests` has the alarm of a node that objects afterwards; here every node follows what was decided.
    @Test(arguments: [UInt64](21...22))
    func everyMemberAdoptsWhatWasDecided(_ seed: UInt64) {
        let outcome = Scenario.moving.configuration(seed: seed).outcome()
        #expect(outcome.violations == [], "seed \(seed)")
        #expect(outcome.changesEnded[.planned] == 2)
    }

    @Test(arguments: [Mutation.refusesWhatWasDecided])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
