import QuireCore
import Testing

@Suite struct LayoutAcceptorTests {
    private let low = Ballot(round: 1, node: .a)
    private let high = Ballot(round: 2, node: .b)
    private let next = LayoutVersion(2)

    /// A member that has adopted version 1.
    private func member() -> LayoutAcceptor {
        var acceptor = LayoutAcceptor(state: .init(), isStranger: true)
        let isNews = acceptor.learned(LayoutVersion(1), [1], isMember: true)
        #expect(isNews)
        return acceptor
    }

    @Test func keepsItsPromise() {
        var acceptor = self.member()
        #expect(acceptor.prepared(self.next, self.high) == .promise(self.next, self.high, accepted: nil))
        let refusal = ControlMessage.refused(self.next, promised: self.high, decided: LayoutVersion(1))
        #expect(acceptor.prepared(self.next, self.low) == refusal)
        #expect(acceptor.proposed(self.next, self.low, [7]) == refusal)
        #expect(acceptor.state.accepted == nil)
        #expect(acceptor.proposed(self.next, self.high, [8]) == .accepted(self.next, self.high))
    }

    @Test func tellsALaterProposerWhatItHasAccepted() {
        var acceptor = self.member()
        _ = acceptor.proposed(self.next, self.low, [7])
        let accepted = AcceptedLayout(ballot: self.low, layout: [7])
        #expect(acceptor.prepared(self.next, self.high) == .promise(self.next, self.high, accepted: accepted))
    }

    /// SAFETY rule 13: what was promised and accepted survives a restart, whoever restarts it.
    @Test func theStateAloneBringsPromiseAndAcceptanceBack() {
        var acceptor = self.member()
        _ = acceptor.proposed(self.next, self.high, [7])
        var restarted = LayoutAcceptor(state: acceptor.state, isStranger: false)
        let refusal = ControlMessage.refused(self.next, promised: self.high, decided: LayoutVersion(1))
        #expect(restarted.proposed(self.next, self.low, [8]) == refusal)
        #expect(restarted.state == acceptor.state)
    }

    /// A proposer that forgot its ballot in a crash may not bind a second value to it.
    @Test func acceptsOneValueForEachBallot() {
        var acceptor = self.member()
        _ = acceptor.proposed(self.next, self.low, [7])
        #expect(acceptor.proposed(self.next, self.low, [7]) == .accepted(self.next, self.low))
        let refusal = ControlMessage.refused(self.next, promised: self.low, decided: LayoutVersion(1))
        #expect(acceptor.proposed(self.next, self.low, [8]) == refusal)
        #expect(acceptor.state.accepted?.layout == [7])
    }

    @Test func votesOnTheVersionAfterItsOwnAndOnNoOther() {
        var acceptor = self.member()
        for version in [1, 3].map(LayoutVersion.init) {
            let refusal = ControlMessage.refused(version, promised: .none, decided: LayoutVersion(1))
            #expect(acceptor.prepared(version, self.low) == refusal)
        }
    }

    @Test func forgetsItsVoteOnlyWhenTheVersionIsDecided() {
        var acceptor = self.member()
        _ = acceptor.proposed(self.next, self.high, [7])
        let isRepeated = acceptor.learned(LayoutVersion(1), [9], isMember: true)
        #expect(!isRepeated)
        #expect(acceptor.state.accepted?.layout == [7])
        let isNews = acceptor.learned(self.next, [7], isMember: true)
        #expect(isNews)
        #expect(acceptor.state.accepted == nil)
        #expect(acceptor.prepared(self.next.next, self.low) == .promise(self.next.next, self.low, accepted: nil))
    }

    @Test func aStrangerVotesOnTheVersionThatInvitesIt() {
        var stranger = LayoutAcceptor(state: .init(), isStranger: true)
        let version = LayoutVersion(6)
        #expect(stranger.proposed(version, self.low, [7]) == .accepted(version, self.low))
        let other = LayoutVersion(9)
        #expect(
            stranger.prepared(other, self.high) == .refused(other, promised: self.low, decided: .none),
            "a stranger that accepted one invitation is not free for another"
        )
    }

    @Test func aVoidInvitationFreesAStranger() {
        var stranger = LayoutAcceptor(state: .init(), isStranger: true)
        _ = stranger.proposed(LayoutVersion(6), self.low, [7])
        let isNews = stranger.learned(LayoutVersion(6), [8], isMember: false)
        #expect(isNews)
        let other = LayoutVersion(9)
        #expect(stranger.prepared(other, self.high) == .promise(other, self.high, accepted: nil))
    }
}

@Suite struct LayoutDecisionTests {
    private let version = LayoutVersion(4)
    private let ballot = Ballot(round: 3, node: .a)

    private func decision() -> LayoutDecision {
        LayoutDecision(version: self.version, ballot: self.ballot, voters: [.a, .b, .c], layout: [1])
    }

    private func accept(_ nodes: [NodeID], _ layout: [UInt8]) -> LayoutDecision.Action {
        .ask(nodes, .accept(self.version, self.ballot, layout: layout))
    }

    @Test func needsEveryPromiseAndEveryAcceptance() {
        var decision = self.decision()
        #expect(decision.ask() == .ask([.a, .b, .c], .prepare(self.version, self.ballot)))
        #expect(decision.promised(.a, accepted: nil) == .wait)
        #expect(decision.promised(.a, accepted: nil) == .wait)
        #expect(decision.promised(.d, accepted: nil) == .wait)
        #expect(decision.promised(.c, accepted: nil) == .wait)
        #expect(decision.ask() == .ask([.b], .prepare(self.version, self.ballot)))
        #expect(decision.promised(.b, accepted: nil) == self.accept([.a, .b, .c], [1]))
        #expect(decision.accepted(.b) == .wait)
        #expect(decision.accepted(.c) == .wait)
        #expect(decision.missing == [.a])
        #expect(decision.accepted(.a) == .decided(layout: [1], isOwn: true))
        #expect(decision.ask() == .wait)
    }

    @Test func finishesTheAcceptedValueOfTheHighestBallotFirst() {
        var decision = self.decision()
        let older = AcceptedLayout(ballot: Ballot(round: 1, node: .b), layout: [8])
        let newer = AcceptedLayout(ballot: Ballot(round: 2, node: .c), layout: [9])
        _ = decision.promised(.a, accepted: newer)
        _ = decision.promised(.b, accepted: older)
        #expect(decision.promised(.c, accepted: nil) == self.accept([.a, .b, .c], [9]))
        _ = decision.accepted(.a)
        _ = decision.accepted(.b)
        #expect(decision.accepted(.c) == .decided(layout: [9], isOwn: false))
    }

    @Test func anAcceptanceBeforeAllPromisesCountsForNothing() {
        var decision = self.decision()
        #expect(decision.accepted(.a) == .wait)
        #expect(decision.missing == [.a, .b, .c])
    }

    @Test func aHigherPromiseOutbidsIt() {
        var decision = self.decision()
        let action = decision.refused(promised: Ballot(round: 7, node: .b), decided: LayoutVersion(3))
        #expect(action == .outbid(round: 7, decided: LayoutVersion(3)))
        #expect(decision.promised(.a, accepted: nil) == .wait)
        #expect(decision.ask() == .wait)
    }

    @Test func aDecisionElsewhereEndsIt() {
        var decision = self.decision()
        #expect(decision.refused(promised: .none, decided: self.version) == .outbid(round: 0, decided: self.version))
    }

    @Test func aVoterThatIsBehindIsWaitedFor() {
        var decision = self.decision()
        #expect(decision.refused(promised: .none, decided: LayoutVersion(2)) == .wait)
        #expect(decision.missing == [.a, .b, .c])
    }
}
