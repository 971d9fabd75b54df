/// One voter's part in deciding the next layout version: single-decree Paxos per version (SAFETY rules 13, 15).
///
/// Every change of `state` must be on disk before the answer that it belongs to is sent. A proposer keeps its ballots
/// here too, voter or not: it prepares its own acceptor before it asks others.
///
/// A node votes on the version after the one it has adopted and on no other. Adopted versions need not be consecutive:
/// a layout is complete, and whatever lies between two decided ones is decided. A stranger, which has no layout that
/// names it, votes on version 1 only, as a founder: a wiped voter comes back with another id and never votes in its
/// name.
///
/// The recovery from a lost majority leaves a gap of a million versions (`LayoutLineage`), so ballots need not name
/// their lineage: a voter of one life of the log is asked about versions that do not exist in the other. And even if
/// one life grew into the numbers of the other, nothing could fork: no node accepts a layout of a lineage that is not
/// its own (`ControlCore.votedOn`), so an acceptance never counts for two lives, and a promise is a true statement
/// about this node, whoever asked for it.
///
/// Invariants: nothing is promised or accepted below the promised ballot; what was accepted is kept until the
/// version is decided and adopted.
package struct LayoutAcceptor: Hashable, Sendable {
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
    /// A node outside any cluster, which may be a founder of one.
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
        self.begin(version.next)
        return true
    }

    /// Whether this node votes on `version` now; begins to, when it is the version after the adopted one.
    private mutating func isVoting(on version: LayoutVersion) -> Bool {
        guard version == self.state.decidedVersion.next else { return false }
        guard !self.isStranger || self.state.decidedVersion == .none else { return false }
        if self.state.voting != version {
            self.begin(version)
        }
        return true
    }

    private mutating func begin(_ version: LayoutVersion) {
        self.state.voting = version
        self.state.promised = .none
        self.state.accepted = nil
    }

    private func refusal(_ version: LayoutVersion) -> ControlMessage {
        .refused(version, promised: self.state.promised, decided: self.state.decidedVersion)
    }
}
