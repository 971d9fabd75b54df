/// Proposes one layout version and learns whether it was decided: single-decree Paxos (SAFETY rules 13 and 15).
///
/// The quorum is a majority of the voters that the version before names (`LayoutElectorate`), so a few dead voters
/// delay nothing. Any member may propose. A proposer that finds an accepted value finishes that one first: it may have
/// been chosen already.
///
/// A ballot belongs to one value of this type for ever. A second decision under the same ballot could count
/// acceptances of the first one's layout for its own, and two layouts of one version would be decided: who begins a
/// decision takes a higher round than in all his earlier ones, and after a crash finds the last of them on disk.
///
/// Transitions: `preparing → accepting → decided`; `preparing | accepting → outbid | objected`. The last three are
/// final.
///
/// Invariant: a voter is counted at most once per question, whatever it sends; who is no voter is never counted.
package struct LayoutDecision: Hashable, Sendable {
    package enum Action: Equatable, Sendable {
        case wait
        /// Ask every voter that has not answered yet.
        case ask([NodeID], ControlMessage)
        /// A quorum accepted: tell everyone. `isOwn` is false when an earlier proposal was finished.
        case decided(layout: [UInt8], isOwn: Bool)
        /// Someone promised a higher ballot or knows a decision; start over with a round above this one.
        case outbid(round: UInt64, decided: LayoutVersion)
        /// The checkers of so many voters object to the layout that the others are no quorum (SAFETY rule 14).
        case objected([NodeID])
    }

    private enum State: Hashable {
        case preparing
        case accepting
        case over
    }

    package let version: LayoutVersion
    package let ballot: Ballot
    package let electorate: LayoutElectorate
    private let own: [UInt8]
    private var value: AcceptedLayout?
    private var answered: Set<NodeID> = []
    private var objectors: Set<NodeID> = []
    private var state = State.preparing

    /// - Parameter layout: The proposed layout as it will be stored.
    package init(version: LayoutVersion, ballot: Ballot, electorate: LayoutElectorate, layout: [UInt8]) {
        precondition(!electorate.voters.isEmpty, "a decision without voters")
        self.version = version
        self.ballot = ballot
        self.electorate = electorate
        self.own = layout
    }

    /// Voters whose answer to the current question is missing.
    package var missing: [NodeID] { self.electorate.voters.filter { !self.answered.contains($0) } }

    /// The first question, or the current one again for those that have not answered.
    ///
    /// All are asked until it is decided: those who answered first may not be there for the second question.
    package func ask() -> Action {
        switch self.state {
        case .preparing: return .ask(self.missing, .prepare(self.version, self.ballot))
        case .accepting: return .ask(self.missing, .accept(self.version, self.ballot, layout: self.chosen))
        case .over: return .wait
        }
    }

    package mutating func promised(_ node: NodeID, accepted: AcceptedLayout?) -> Action {
        guard case .preparing = self.state, self.electorate.voters.contains(node) else { return .wait }
        self.answered.insert(node)
        if let accepted, accepted.ballot > self.value?.ballot ?? .none {
            self.value = accepted
        }
        guard self.answered.count >= self.electorate.needed else { return .wait }
        self.state = .accepting
        self.answered = []
        return self.ask()
    }

    package mutating func accepted(_ node: NodeID) -> Action {
        guard case .accepting = self.state, self.electorate.voters.contains(node) else { return .wait }
        self.answered.insert(node)
        guard self.answered.count >= self.electorate.needed else { return .wait }
        self.state = .over
        return .decided(layout: self.chosen, isOwn: self.chosen == self.own)
    }

    /// - Parameters:
    ///   - promised: The highest ballot that `node` has promised. This very one, by a node that is up to date, is the
    ///     objection of its checker.
    ///   - decided: The version of the layout that `node` has.
    package mutating func refused(_ node: NodeID, promised: Ballot, decided: LayoutVersion) -> Action {
        if case .over = self.state { return .wait }
        if promised > self.ballot || decided >= self.version {
            self.state = .over
            return .outbid(round: promised.round, decided: decided)
        }
        guard case .accepting = self.state, promised == self.ballot, decided.next == self.version,
            self.electorate.voters.contains(node)
        else {
            // A voter that is merely behind is brought up to date by gossip; the question is asked again then.
            return .wait
        }
        self.objectors.insert(node)
        guard self.electorate.voters.count - self.objectors.count < self.electorate.needed else { return .wait }
        self.state = .over
        return .objected(self.objectors.sorted())
    }

    private var chosen: [UInt8] { self.value?.layout ?? self.own }
}
