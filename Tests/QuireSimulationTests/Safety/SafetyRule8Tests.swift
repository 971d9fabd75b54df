import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 8: a hint is deleted only when every member of its row has synced exactly what is stored.
@Suite struct SafetyRule8Tests {
    /// Whoever is away for a while finds its writes when it returns; no hint is left anywhere.
    @Test(arguments: [Scenario.sloppy, .lonely, .wandering], [UInt64](11...13))
    func hintsReachEveryMemberOfTheRow(_ scenario: Scenario, _ seed: UInt64) {
        #expect(scenario.configuration(seed: seed).outcome().violations == [])
    }

    @Test(arguments: [Mutation.dropsHintsOnSend, .deliversHintsToOneOwner, .deliversHintsToFormerOwners, .evictsHints])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
