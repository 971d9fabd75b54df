import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 13: what a voter has promised and accepted survives it.
@Suite struct SafetyRule13Tests {
    /// All lose power when something has been decided, and the only one that knows it stays away.
    @Test(arguments: [UInt64](1...3))
    func whatWasDecidedIsDecidedAgain(_ seed: UInt64) {
        #expect(Scenario.blackout.configuration(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    @Test(arguments: [Mutation.votesBeforeStoring, .forgetsPromises])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
