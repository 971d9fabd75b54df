/// Proposes one layout version and learns whether it was decided.
///
/// The quorum is everyone: all members of the version before, and the newcomers of the one proposed (SAFETY
/// rule 15). So a dead member delays membership steps; it never delays writes. A proposer that finds an
/// accepted value finishes that one first.
///
/// Transitions: `preparing → accepting → decided`; `preparing | accepting → outbid`. The last two are final.
package struct LayoutDecision: Sendable {
    package enum Action: Equatable, Sendable {
        case wait
        /// Ask every voter that has not answered yet.
        case ask([NodeID], ControlMessage)
        /// Everyone accepted: tell everyone. `isOwn` is false when an earlier proposal was finished.
        case decided(layout: [UInt8], isOwn: Bool)
        /// Someone promised a higher ballot or knows a decision; start over with a round above this one.
        case outbid(round: UInt64, decided: LayoutVersion)
    }

    private enum State {
        case preparing
        case accepting
        case over
    }

    package let version: LayoutVersion
    package let ballot: Ballot
    private let voters: [NodeID]
    private let own: [UInt8]
    private var value: AcceptedLayout?
    private var answered: Set<NodeID> = []
    private var state = State.preparing

    /// - Parameters:
    ///   - voters: Members of the version before and of the proposed one, ascending.
    ///   - layout: The proposed layout as it will be stored.
    package init(version: LayoutVersion, ballot: Ballot, voters: [NodeID], layout: [UInt8]) {
        precondition(!voters.isEmpty, "a decision without voters")
        self.version = version
        self.ballot = ballot
        self.voters = voters
        self.own = layout
    }

    /// Voters whose answer to the current question is missing.
    package var missing: [NodeID] { self.voters.filter { !self.answered.contains($0) } }

    /// The first question, or the current one again for those that have not answered.
    package func ask() -> Action {
        switch self.state {
        case .preparing: return .ask(self.missing, .prepare(self.version, self.ballot))
        case .accepting: return .ask(self.missing, .accept(self.version, self.ballot, layout: self.chosen))
        case .over: return .wait
        }
    }

    package mutating func promised(_ node: NodeID, accepted: AcceptedLayout?) -> Action {
        guard case .preparing = self.state, self.voters.contains(node) else { return .wait }
        self.answered.insert(node)
        if let accepted, accepted.ballot > self.value?.ballot ?? .none {
            self.value = accepted
        }
        guard self.missing.isEmpty else { return .wait }
        self.state = .accepting
        self.answered = []
        return self.ask()
    }

    package mutating func accepted(_ node: NodeID) -> Action {
        guard case .accepting = self.state, self.voters.contains(node) else { return .wait }
        self.answered.insert(node)
        guard self.missing.isEmpty else { return .wait }
        self.state = .over
        return .decided(layout: self.chosen, isOwn: self.chosen == self.own)
    }

    package mutating func refused(promised: Ballot, decided: LayoutVersion) -> Action {
        if case .over = self.state { return .wait }
        // A voter that is merely behind is brought up to date by gossip; the question is asked again then.
        guard promised > self.ballot || decided >= self.version else { return .wait }
        self.state = .over
        return .outbid(round: promised.round, decided: decided)
    }

    private var chosen: [UInt8] { self.value?.layout ?? self.own }
}
