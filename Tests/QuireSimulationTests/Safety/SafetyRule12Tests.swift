import QuireCore
import QuireSimulation
import Testing

/// SAFETY rule 12: who is skipped is named, and what a move has achieved is in the layout.
@Suite struct SafetyRule12Tests {
    /// A founder that never runs is skipped by fences after a while; the change ends, and nothing is lost.
    @Test func aChangeEndsWithoutANodeThatNeverAnswers() {
        var configuration = SimulationConfiguration(seed: 1)
        configuration.founders = 4
        configuration.spares = 1
        configuration.silentNode = 3
        configuration.duration = .seconds(12)
        configuration.scripts = [.inTurn([.join(5)])]
        let outcome = configuration.outcome()
        #expect(outcome.violations == [])
        #expect(outcome.changesEnded == [.planned: 1])
    }

    @Test(arguments: [Mutation.keepsReceiptsInMemory])
    func theSimulatorCatches(_ mutation: Mutation) {
        #expect(PlantedDefect.of(mutation).caughtBy() != nil)
    }
}
