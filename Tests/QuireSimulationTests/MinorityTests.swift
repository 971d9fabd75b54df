import QuireCore
import QuireSimulation
import Testing

/// Five nodes, two of them cut off: both sides go on reading and writing, one of them goes on deciding, and they agree
/// afterwards (Dynamo §4.6; SAFETY rule 13).
@Suite struct MinorityTests {
    private func outcome(_ seed: UInt64) -> ChaosOutcome {
        var configuration = SimulationConfiguration(seed: seed)
        configuration.founders = 5
        configuration.minority = [4, 5]
        configuration.scripts = [
            MembershipScript([.wait(milliseconds: 700), .limit(transfersPerNode: 7)], asking: [4, 5]),
            MembershipScript([.wait(milliseconds: 700), .limit(transfersPerNode: 3)], asking: [1, 2, 3]),
        ]
        return configuration.outcome()
    }

    @Test(arguments: [UInt64](1...3))
    func bothSidesAnswerAndOnlyTheMajorityDecides(_ seed: UInt64) {
        let outcome = self.outcome(seed)
        #expect(outcome.violations == [])
        for node in 1...5 {
            #expect(outcome.cut.writes[node] ?? 0 > 0, "node \(node) acknowledged nothing")
            #expect(outcome.cut.reads[node] ?? 0 > 0, "node \(node) answered no read")
        }
        let (before, after) = (outcome.cut.versionsBefore, outcome.cut.versionsAfter)
        #expect(after[3...] == before[3...])
        #expect(after[..<3].allSatisfy { $0 > before[0] })
    }
}
