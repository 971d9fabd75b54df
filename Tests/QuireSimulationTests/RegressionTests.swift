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

    /// A replica that left the row was appointed to stand in for another while a put was in flight, and its answer about
    /// the copy in the file that it gave up counted for the hint. That this is over is shown step by step by
    /// `RequestLayoutTests`; these are the changes that showed it.
    @Test func aFormerMembersCopyIsNoHint() {
        #expect(SimulationConfiguration.membership(seed: 2620).outcome().violations == [])
    }

    /// A dead node left, and a newcomer of the same change died for good: the change could neither go on nor be taken
    /// back, because the way back led to the first.
    @Test(arguments: [2422, 3748, 4987] as [UInt64])
    func aChangeInWhichALeaverAndANewcomerDieEnds(_ seed: UInt64) {
        #expect(SimulationConfiguration.membership(seed: seed).outcome().violations == [], "seed \(seed)")
    }

    /// Two shrinkings left one voter, and that died for good.
    @Test func aLogThatHasLostItsOnlyVoterIsRecovered() {
        #expect(SimulationConfiguration.membership(seed: 2067).outcome().violations == [])
    }
}
