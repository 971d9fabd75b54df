import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 15: layouts are decided by a quorum and by nothing less.
@Suite struct SafetyRule15Tests {
    /// Two operators and a network that splits: what was the quorum of the first log is a majority now.
    @Test(arguments: [UInt64](4...6))
    func rivalsDecideOneLayoutAfterTheOther(_ seed: UInt64) {
        #expect(Scenario.rivals.configuration(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    @Test(arguments: [Mutation.decidesAlone])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
