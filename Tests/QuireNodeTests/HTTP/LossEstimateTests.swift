import QuireCore
import Testing

@testable import QuireNode

@Suite struct LossEstimateTests {
    private let all: Set<NodeID> = [ChangingCluster.a, ChangingCluster.b, ChangingCluster.c]

    @Test func oneOfThreeIsNeverAloneWithAWriteOfTwo() throws {
        let layout = try ChangingCluster.calm()
        let estimate = LossEstimate(
            layout,
            lost: [ChangingCluster.c],
            reachable: [ChangingCluster.a, ChangingCluster.b]
        )
        #expect(estimate.held == 8)
        #expect(estimate.withoutLiveReplica == 0)
        #expect(estimate.exposed == 0)
        #expect(
            estimate.sentence("n3", hints: 0)
                == "n3 is in the rows of 8 partitions: each has another live replica; no acknowledged write can be on "
                + "lost nodes alone; it told last that it held no hints for others"
        )
    }

    @Test func aWriteOfOneMayBeGone() throws {
        let layout = try ChangingCluster.calm(writeQuorum: 1)
        let estimate = LossEstimate(layout, lost: [ChangingCluster.c], reachable: self.all)
        #expect(estimate.exposed == 8)
        let sentence = estimate.sentence("n3", hints: 4)
        #expect(sentence.contains("in 8 of them a write may have been acknowledged by lost nodes alone"))
        #expect(sentence.hasSuffix("4 hints that it held for others, as it told last, are given up"))
    }

    @Test func twoOfThreeMayHaveAcknowledgedAlone() throws {
        let layout = try ChangingCluster.calm()
        let lost: Set<NodeID> = [ChangingCluster.b, ChangingCluster.c]
        #expect(LossEstimate(layout, lost: lost, reachable: [ChangingCluster.a]).exposed == 8)
    }

    @Test func whereTheOthersAreAwayNothingIsLive() throws {
        let layout = try ChangingCluster.calm()
        let estimate = LossEstimate(layout, lost: [ChangingCluster.c], reachable: [ChangingCluster.c])
        #expect(estimate.withoutLiveReplica == 8)
        #expect(estimate.sentence("n3", hints: nil).contains("8 HAVE NO OTHER LIVE REPLICA"))
    }
}
