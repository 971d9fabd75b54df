import QuireCore
import QuireSimulation
import Testing

/// Runs that once showed a defect of the product, each with its reason.
@Suite struct RegressionTests {
    /// W = 1, R = N: a write that only a leaver had was missed when its row shrank and reads turned to those who stayed,
    /// for none of them was a newcomer that had to cover it.
    @Test(arguments: [UInt64](1...12))
    func aSmallerRowKnowsWhatItsLeaversHad(_ seed: UInt64) {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.quorums = QuorumSettings(replicaCount: 3, readQuorum: 3, writeQuorum: 1)
        configuration.scripts = [.inTurn([.leave(1)])]
        configuration.repairs = false
        configuration.workload = WorkloadMix([.register: 1, .pinned: 1])
        configuration.workload.keys = 20
        configuration.workload.clients = 8
        configuration.workload.reads = 0.1
        configuration.workload.pauseMax = 4000
        configuration.faults.loss = 0.05
        #expect(configuration.outcome().violations == [], "seed \(seed)")
    }

    /// A put that is written again above a later timestamp ran out of patience before its second version was minted,
    /// and stand-ins that took the first version counted for the second.
    @Test func onlyCopiesOfTheVersionThatIsAcknowledgedCount() {
        #expect(Scenario.returning.configuration(seed: 9).outcome().violations == [])
    }
}
