import QuireCore
import Testing

/// SAFETY rules 13 and 15, exhaustively: two proposers, three voters, one crash of any of them at any point. And what
/// each of their sentences is for: without it, the same search finds two layouts of one version.
@Suite struct LayoutLogModelTests {
    /// The proposers are voters, as in most clusters.
    private static let together = LayoutLogModel.Shape(proposers: [0, 1], attempts: [2, 1], crashes: 1)
    /// Any member may propose.
    private static let apart = LayoutLogModel.Shape(proposers: [3, 4], attempts: [2, 1], crashes: 1)

    private func expectSafe(
        _ shape: LayoutLogModel.Shape,
        statesMin: Int,
        location: SourceLocation = #_sourceLocation
    ) {
        let report = LayoutLogModel(shape).explore(statesMax: 2_000_000)
        #expect(report.violation == nil, sourceLocation: location)
        #expect(report.isComplete, "\(report.states) states were not all", sourceLocation: location)
        #expect(
            report.states > statesMin && report.decidedStates > statesMin / 3,
            "\(report)",
            sourceLocation: location
        )
    }

    @Test func rule13VotersThatProposeNeverDecideTwoLayoutsOfOneVersion() {
        self.expectSafe(Self.together, statesMin: 300_000)
    }

    @Test func rule13ProposersThatAreNoVotersNeverDecideTwoLayoutsOfOneVersion() {
        self.expectSafe(Self.apart, statesMin: 300_000)
    }

    // MARK: Mutations

    private func violation(_ shape: LayoutLogModel.Shape, _ change: (inout LayoutLogModel.Rules) -> Void) -> String? {
        var rules = LayoutLogModel.Rules()
        change(&rules)
        return LayoutLogModel(shape, rules: rules).explore(statesMax: 1_000_000).violation
    }

    @Test func rule13AVoterThatForgetsItsPromiseInACrashIsFound() {
        let found = self.violation(Self.apart) { rules in
            rules.restarted = { state in
                var state = state
                state.promised = .none
                return state
            }
        }
        #expect(found != nil)
    }

    @Test func rule13AVoterThatForgetsWhatItHasAcceptedInACrashIsFound() {
        let found = self.violation(Self.apart) { rules in
            rules.restarted = { state in
                var state = state
                state.accepted = nil
                return state
            }
        }
        #expect(found != nil)
    }

    @Test func rule13AWipedVoterThatKeepsItsIDIsFound() {
        let found = self.violation(Self.apart) { rules in
            rules.restarted = { state in
                var wiped = LayoutAcceptor.State()
                wiped.decidedVersion = LayoutVersion(1)
                return wiped
            }
        }
        #expect(found != nil)
    }

    @Test func rule13AVoterThatAcceptsBelowItsPromiseIsFound() {
        let found = self.violation(Self.apart) { rules in
            rules.accepting = { acceptor, version, ballot, value in
                var state = acceptor.state
                state.promised = .none
                acceptor = LayoutAcceptor(state: state, isStranger: false)
                return acceptor.proposed(version, ballot, value)
            }
        }
        #expect(found != nil)
    }

    @Test func rule13AProposerThatIgnoresAcceptedValuesIsFound() {
        #expect(self.violation(Self.apart) { $0.heard = { _ in nil } } != nil)
    }

    @Test func rule15AMinorityThatDecidesIsFound() {
        #expect(self.violation(Self.apart) { $0.needed = 1 } != nil)
    }

    /// The ballot of an operator's step that was given up, used again for his next one.
    @Test func rule13AProposerThatUsesABallotForTwoDecisionsIsFound() {
        #expect(self.violation(Self.together) { $0.following = { $0 } } != nil)
        #expect(self.violation(Self.apart) { $0.following = { $0 } } != nil)
    }

    @Test func rule13AProposerThatForgetsItsBallotInACrashIsFound() {
        #expect(self.violation(Self.together) { $0.recovered = { _ in 1 } } != nil)
        #expect(self.violation(Self.apart) { $0.recovered = { _ in 1 } } != nil)
    }
}
