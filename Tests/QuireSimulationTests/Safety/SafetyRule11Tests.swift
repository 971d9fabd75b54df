import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 11: a move has four states, and fences between them.
@Suite struct SafetyRule11Tests {
    /// Those who have a partition stand still when reads turn: writes leave the old row only when it is fenced.
    @Test(arguments: [UInt64](1...3))
    func writesLeaveTheOldRowOnlyWhenItIsFenced(_ seed: UInt64) {
        #expect(Scenario.tardy.configuration(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    @Test(arguments: [Mutation.coversWithoutCopying, .writesToTheOldRowOnly])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
