import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 10: nothing is retired before every owner of the new row has it.
@Suite struct SafetyRule10Tests {
    /// Replicas differ and nobody repairs: what one former owner alone has must reach the new row all the same.
    @Test(arguments: [UInt64](11...13))
    func whatAFormerOwnerAloneHasReachesTheNewRow(_ seed: UInt64) {
        let outcome = Scenario.thin.configuration(seed: seed).outcome()
        #expect(outcome.violations == [], "seed \(seed)")
        #expect(outcome.changesEnded[.planned] ?? 0 > 0)
    }

    @Test(arguments: [Mutation.retiresBeforeCovered])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
