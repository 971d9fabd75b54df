/// One voter's part in deciding the next layout version: single-decree Paxos per version (SAFETY rules 13, 15).
///
/// Every change of `state` must be on disk before the answer that it belongs to is sent.
///
/// Invariants: nothing is promised or accepted below the promised ballot; what was accepted is kept until the
/// next version is decided and adopted.
package struct LayoutAcceptor: Sendable {
    /// What must survive a crash.
    package struct State: Hashable, Sendable {
        /// The newest layout this node has adopted, as decided; `nil` before any.
        package var decided: AcceptedLayout?
        package var decidedVersion = LayoutVersion.none
        /// The version that is being voted on, its promise, and what was accepted for it.
        package var voting = LayoutVersion.none
        package var promised = Ballot.none
        package var accepted: AcceptedLayout?

        package init() {}
    }

    package private(set) var state: State
    /// A node outside any cluster votes on whatever version its first cluster proposes.
    private var isStranger: Bool

    package init(state: State, isStranger: Bool) {
        self.state = state
        self.isStranger = isStranger
    }

    /// - Returns: the answer, to be sent once `state` is stored.
    package mutating func prepared(_ version: LayoutVersion, _ ballot: Ballot) -> ControlMessage {
        guard self.isVoting(on: version), ballot >= self.state.promised else { return self.refusal(version) }
        self.state.promised = ballot
        return .promise(version, ballot, accepted: self.state.accepted)
    }

    /// - Returns: the answer, to be sent once `state` is stored.
    package mutating func proposed(_ version: LayoutVersion, _ ballot: Ballot, _ layout: [UInt8]) -> ControlMessage {
        guard self.isVoting(on: version), ballot >= self.state.promised else { return self.refusal(version) }
        // One value per ballot, even if its proposer crashed and forgot what it had proposed.
        if let earlier = self.state.accepted, earlier.ballot == ballot, earlier.layout != layout {
            return self.refusal(version)
        }
        self.state.promised = ballot
        self.state.accepted = AcceptedLayout(ballot: ballot, layout: layout)
        return .accepted(version, ballot)
    }

    /// A version was decided, here or elsewhere.
    ///
    /// - Returns: whether it is news; `state` must be stored then.
    package mutating func learned(_ version: LayoutVersion, _ layout: [UInt8], isMember: Bool) -> Bool {
        guard version > self.state.decidedVersion else { return false }
        self.state.decidedVersion = version
        self.state.decided = AcceptedLayout(ballot: .none, layout: layout)
        self.isStranger = !isMember
        if self.state.voting <= version {
            self.state.voting = version.next
            self.state.promised = .none
            self.state.accepted = nil
        }
        return true
    }

    /// Whether this node votes on `version` now; begins to, when it is the version after the adopted one.
    private mutating func isVoting(on version: LayoutVersion) -> Bool {
        if version == self.state.voting { return true }
        let isNext = version == self.state.decidedVersion.next
        let isInvitation = self.isStranger && self.state.accepted == nil && version > self.state.decidedVersion
        guard isNext || isInvitation, version > self.state.voting else { return false }
        self.state.voting = version
        self.state.promised = .none
        self.state.accepted = nil
        return true
    }

    private func refusal(_ version: LayoutVersion) -> ControlMessage {
        .refused(version, promised: self.state.promised, decided: self.state.decidedVersion)
    }
}
