import ArgumentParser
import QuireCore
import Testing

@testable import quire

@Suite struct SimulatePlanTests {
    @Test(arguments: [
        ["--partitions", "100"], ["--nodes", "0"], ["--replicas", "8"], ["--nodes", "2", "--leave", "2"],
        ["--nodes", "3"], ["--random", "0"], ["--nodes", "256", "--join", "1"],
    ])
    func refusesWhatCannotBePlanned(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try SimulatePlan.parse(arguments) }
    }

    /// Dynamo §6.2: a node that joins takes its share from all others, and nothing else moves.
    @Test func aFourthNodeTakesItsShare() throws {
        let command = try SimulatePlan.parse(["--nodes", "3", "--join", "1"])
        let figures = try PaperPlan(command).figures()
        #expect(figures.isSound)
        #expect(figures.moved == 192)
        #expect(figures.tokensMin == 64)
        #expect(figures.tokensMax == 64)
    }

    @Test func theSameSeedDrawsTheSameChange() {
        let first = RandomPlan.drawn(seed: 5)
        let second = RandomPlan.drawn(seed: 5)
        #expect(first.members == second.members)
        #expect(first.batches == second.batches)
        #expect(RandomPlan.drawn(seed: 6).members != first.members)
    }

    @Test func aViolationNamesItsSeed() {
        let impossible = RandomPlan(
            partitionCount: .standard,
            replicas: 8,
            members: RandomPlan.drawn(seed: 1).members,
            batches: [[]]
        )
        let outcome = impossible.outcome()
        #expect(outcome.violation?.contains("quorumsOutOfRange") == true)
        var summary = RandomPlanSummary()
        summary.add(outcome, seed: 7)
        #expect(summary.text.contains("seed 7: quorumsOutOfRange"))
    }

    /// Every kind of change occurs, and each of these plans is accepted by the checker and moves the least.
    @Test func randomPlansMoveTheLeast() {
        var summary = RandomPlanSummary()
        var kinds: Set<String> = []
        for seed in UInt64(1)...100 {
            let random = RandomPlan.drawn(seed: seed)
            var gone: Set<NodeID> = []
            for change in random.batches.joined() {
                if let joiner = change.joiner, gone.contains(joiner.id) { kinds.insert("return") }
                switch change {
                case .join: kinds.insert("join")
                case .leave(let node, _):
                    kinds.insert("leave")
                    gone.insert(node)
                case .replace: kinds.insert("replace")
                case .setWeight: kinds.insert("weight")
                case .setZone: kinds.insert("zone")
                case .setQuorums: kinds.insert("quorums")
                }
            }
            // The large ones are for the command in a release build.
            guard random.partitionCount.rawValue <= 128 else { continue }
            summary.add(random.outcome(), seed: seed)
        }
        #expect(kinds.count == 7)
        #expect(summary.plans > 50)
        #expect(summary.moved == summary.lowerBound)
        #expect(summary.violations.isEmpty, "\(summary.text)")
    }
}
