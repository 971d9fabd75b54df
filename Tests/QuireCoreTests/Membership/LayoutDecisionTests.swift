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

    /// SAFETY rule 13: a wiped voter comes back as a stranger, and a stranger founds or does not vote at all.
    @Test func aStrangerVotesOnTheFirstVersionOnly() {
        var stranger = LayoutAcceptor(state: .init(), isStranger: true)
        let later = LayoutVersion(6)
        let refusal = ControlMessage.refused(later, promised: .none, decided: .none)
        #expect(stranger.prepared(later, self.low) == refusal)
        #expect(stranger.proposed(later, self.low, [7]) == refusal)
        let first = LayoutVersion(1)
        #expect(stranger.proposed(first, self.low, [7]) == .accepted(first, self.low))
    }

    /// It keeps the layout in which it had left, and is a voter of nobody.
    @Test func aNodeThatHasLeftVotesOnNothing() {
        var acceptor = self.member()
        let isNews = acceptor.learned(self.next, [8], isMember: false)
        #expect(isNews)
        let version = self.next.next
        #expect(acceptor.prepared(version, self.low) == .refused(version, promised: .none, decided: self.next))
    }

    /// A layout is complete: what lies between two decided ones is decided.
    @Test func mayAdoptALaterVersionAndVotesOnTheOneAfterIt() {
        var acceptor = self.member()
        _ = acceptor.proposed(self.next, self.high, [7])
        let isNews = acceptor.learned(LayoutVersion(9), [9], isMember: true)
        #expect(isNews)
        let version = LayoutVersion(10)
        #expect(acceptor.prepared(version, self.low) == .promise(version, self.low, accepted: nil))
        #expect(acceptor.prepared(self.next, self.high).isConsent == false)
    }
}

@Suite struct LayoutDecisionTests {
    private let version = LayoutVersion(4)
    private let ballot = Ballot(round: 3, node: .a)

    private func decision() -> LayoutDecision {
        LayoutDecision(
            version: self.version,
            ballot: self.ballot,
            electorate: .majority(of: [.a, .b, .c]),
            layout: [1]
        )
    }

    private func accept(_ nodes: [NodeID], _ layout: [UInt8]) -> LayoutDecision.Action {
        .ask(nodes, .accept(self.version, self.ballot, layout: layout))
    }

    @Test func needsAMajorityOfPromisesAndOneOfAcceptances() {
        var decision = self.decision()
        #expect(decision.ask() == .ask([.a, .b, .c], .prepare(self.version, self.ballot)))
        #expect(decision.promised(.c, accepted: nil) == .wait)
        #expect(decision.ask() == .ask([.a, .b], .prepare(self.version, self.ballot)))
        #expect(decision.promised(.b, accepted: nil) == self.accept([.a, .b, .c], [1]))
        #expect(decision.accepted(.b) == .wait)
        #expect(decision.missing == [.a, .c])
        #expect(decision.ask() == self.accept([.a, .c], [1]))
        #expect(decision.accepted(.a) == .decided(layout: [1], isOwn: true))
        #expect(decision.ask() == .wait)
        #expect(decision.accepted(.c) == .wait)
    }

    @Test func countsADuplicateOnceAndAStrangerNever() {
        var decision = self.decision()
        _ = decision.promised(.a, accepted: nil)
        #expect(decision.promised(.a, accepted: nil) == .wait)
        #expect(decision.promised(.d, accepted: nil) == .wait)
        _ = decision.promised(.b, accepted: nil)
        #expect(decision.promised(.c, accepted: nil) == .wait)
        #expect(decision.accepted(.c) == .wait)
        #expect(decision.accepted(.c) == .wait)
        #expect(decision.accepted(.d) == .wait)
        #expect(decision.accepted(.a) == .decided(layout: [1], isOwn: true))
    }

    /// Nobody has named voters yet: two foundings that share a node must not both come about.
    @Test func theFirstVersionNeedsEveryFounder() {
        let members = (1...4).map { Member.numbered($0) }
        #expect(LayoutElectorate.founders(members) == LayoutElectorate(voters: [.a, .b, .c, .d], needed: 4))
    }

    @Test(arguments: [(1, 1), (3, 2), (5, 3), (7, 4)])
    func twoMajoritiesShareAVoter(_ voters: Int, _ needed: Int) {
        let electorate = LayoutElectorate.majority(of: (1...voters).map { NodeID(number: $0) })
        #expect(electorate.needed == needed)
        #expect(2 * electorate.needed > voters)
    }

    @Test func finishesTheAcceptedValueOfTheHighestBallotFirst() {
        var decision = self.decision()
        let older = AcceptedLayout(ballot: Ballot(round: 1, node: .b), layout: [8])
        let newer = AcceptedLayout(ballot: Ballot(round: 2, node: .c), layout: [9])
        _ = decision.promised(.a, accepted: newer)
        #expect(decision.promised(.b, accepted: older) == self.accept([.a, .b, .c], [9]))
        _ = decision.accepted(.a)
        #expect(decision.accepted(.c) == .decided(layout: [9], isOwn: false))
    }

    @Test func anAcceptanceBeforeAMajorityOfPromisesCountsForNothing() {
        var decision = self.decision()
        #expect(decision.accepted(.a) == .wait)
        #expect(decision.missing == [.a, .b, .c])
    }

    @Test func aHigherPromiseOutbidsIt() {
        var decision = self.decision()
        let action = decision.refused(.b, promised: Ballot(round: 7, node: .b), decided: LayoutVersion(3))
        #expect(action == .outbid(round: 7, decided: LayoutVersion(3)))
        #expect(decision.promised(.a, accepted: nil) == .wait)
        #expect(decision.ask() == .wait)
    }

    @Test func aDecisionElsewhereEndsIt() {
        var decision = self.decision()
        let outbid = LayoutDecision.Action.outbid(round: 0, decided: self.version)
        #expect(decision.refused(.a, promised: .none, decided: self.version) == outbid)
    }

    @Test func aVoterThatIsBehindIsWaitedFor() {
        var decision = self.decision()
        #expect(decision.refused(.a, promised: .none, decided: LayoutVersion(2)) == .wait)
        #expect(decision.missing == [.a, .b, .c])
    }

    /// SAFETY rule 14: a refusal with the very ballot is the objection of a checker.
    @Test func endsWhenTheCheckersLeaveNoQuorum() {
        var decision = self.decision()
        let current = LayoutVersion(3)
        #expect(decision.refused(.a, promised: self.ballot, decided: current) == .wait, "nothing is proposed yet")
        _ = decision.promised(.a, accepted: nil)
        _ = decision.promised(.b, accepted: nil)
        #expect(decision.refused(.a, promised: self.ballot, decided: current) == .wait)
        #expect(decision.refused(.a, promised: self.ballot, decided: current) == .wait, "counted once")
        #expect(decision.refused(.d, promised: self.ballot, decided: current) == .wait, "no voter")
        #expect(decision.refused(.b, promised: self.ballot, decided: current) == .objected([.a, .b]))
        #expect(decision.accepted(.c) == .wait)
    }
}
