/// Coordinates one `put` and decides when it has succeeded (Dynamo §4.5, §4.6).
///
/// The coordinator mints the version and sends the whole record to every member of the row; the put succeeds when W
/// of each row have stored it at the asked durability. While a partition moves there are two rows (SAFETY rule 11).
/// Its own acknowledgement counts like any other: once it is as durable as asked (rule 6).
///
/// A member that fails, or keeps the operation waiting for too long, is replaced by the next healthy node of the
/// preference list, which stores the record as a hint and counts in the rows of the member that it stands in for.
/// After its success the operation goes on until every member, or a stand-in for it, has the record.
///
/// A last-write-wins put that meets a later timestamp must write again above it before it succeeds (rule 4): else
/// its client would read an older value than its own.
///
/// Transitions: `waiting → succeeded → over`, `waiting → over`. A put that failed may survive on some replicas.
///
/// Invariant: a node is counted at most once per row and attempt, whatever it sends.
package struct PutOperation: Sendable {
    /// Node `node` stores the record as a hint because `member` does not answer.
    package struct StandIn: Hashable, Sendable {
        package let node: NodeID
        package let member: NodeID

        package init(node: NodeID, member: NodeID) {
            self.node = node
            self.member = member
        }
    }

    package struct Step: Equatable, Sendable {
        package enum Outcome: Equatable, Sendable {
            /// - Parameter standIns: How many of the W acknowledgements came from stand-ins.
            case succeeded(standIns: Int)
            /// Mint once more, with a timestamp after this one, and start counting again.
            case writeAgain(after: HybridTimestamp)
            /// Fewer nodes than `required` of some row can still acknowledge.
            case quorumLost(acknowledged: Int, required: Int)
        }

        package static let wait = Step()

        package var outcome: Outcome?
        /// Send them the record as a hint.
        package var hints: [StandIn] = []
        /// Send them the record once more, to be synced: the one copy that was to be synced is lost.
        package var syncs: [NodeID] = []
        package var isOver = false

        package init(outcome: Outcome? = nil, hints: [StandIn] = [], syncs: [NodeID] = [], isOver: Bool = false) {
            self.outcome = outcome
            self.hints = hints
            self.syncs = syncs
            self.isOver = isOver
        }
    }

    private enum Progress {
        case pending
        case merged
        case synced
        case failed
    }

    private enum State {
        case waiting
        case succeeded
        case over
    }

    /// Members of all rows, each once.
    package private(set) var members: [NodeID]
    private var rows: [[NodeID]]
    private var required: [Int]
    private let durability: Durability
    private let isLastWriteWins: Bool
    private var coordinatingStandIn: StandIn?
    /// By index in `members`.
    private var progress: [Progress]
    private var standIns: [(who: StandIn, progress: Progress)] = []
    /// Nodes that may stand in and were not asked yet, best first; `nil` until they are needed.
    private var candidates: [NodeID]?
    private var timestamp: HybridTimestamp
    private var latestSeen = HybridTimestamp.zero
    private var state = State.waiting

    /// - Parameters:
    ///   - rows: One row, or the old and the new one; each not empty and of distinct nodes.
    ///   - required: W of each row, in `1...row.count`.
    ///   - isLastWriteWins: Whether later timestamps must be exceeded.
    ///   - coordinatingStandIn: The node that mints, when it is no member of a row (SAFETY rule 3).
    package init(
        rows: [[NodeID]],
        required: [Int],
        durability: Durability = .all,
        isLastWriteWins: Bool,
        timestamp: HybridTimestamp,
        coordinatingStandIn: NodeID? = nil
    ) {
        precondition(!rows.isEmpty && rows.allSatisfy { !$0.isEmpty }, "a put without replicas")
        precondition(
            zip(rows, required).allSatisfy { (1...$0.count).contains($1) } && rows.count == required.count,
            "W=\(required) of \(rows)"
        )
        let members = Self.members(of: rows)
        self.rows = rows
        self.members = members
        self.required = required
        self.durability = durability
        self.isLastWriteWins = isLastWriteWins
        self.timestamp = timestamp
        self.progress = Array(repeating: .pending, count: members.count)
        self.coordinatingStandIn = coordinatingStandIn.map { Self.standIn($0, of: members, rows) }
        if let coordinatingStandIn = self.coordinatingStandIn {
            self.standIns = [(coordinatingStandIn, .pending)]
        }
    }

    /// It stands in for a member of every row, if there is one.
    private static func standIn(_ node: NodeID, of members: [NodeID], _ rows: [[NodeID]]) -> StandIn {
        let represented = members.first { member in rows.allSatisfy { $0.contains(member) } } ?? members[0]
        return StandIn(node: node, member: represented)
    }

    private static func members(of rows: [[NodeID]]) -> [NodeID] {
        var members = rows[0]
        for node in rows.dropFirst().joined() where !members.contains(node) {
            members.append(node)
        }
        return members
    }

    // MARK: Events

    /// The partition has other rows, or was fenced anew: whatever was acknowledged before counts for nothing, and everyone
    /// is asked once more.
    package mutating func beganAnew(rows: [[NodeID]], required: [Int], coordinatingStandIn: NodeID?) {
        guard self.state == .waiting else { return }
        self.rows = rows
        self.required = required
        self.members = Self.members(of: rows)
        self.coordinatingStandIn = coordinatingStandIn.map { Self.standIn($0, of: self.members, rows) }
        self.writtenAgain(with: self.timestamp)
    }

    /// Whether nobody waits for it any more.
    package var hasEnded: Bool { self.state != .waiting }

    /// Members that have not told yet what became of the record.
    package var pendingMembers: [NodeID] {
        zip(self.members, self.progress).filter { $0.1 == .pending }.map(\.0)
    }

    // MARK: Events of storing

    /// A member or a stand-in has stored the record, `isSynced` or not.
    package mutating func acknowledged(_ node: NodeID, isSynced: Bool, latest: HybridTimestamp) -> Step {
        guard self.advance(node, to: isSynced ? .synced : .merged) else { return .wait }
        self.latestSeen = max(self.latestSeen, latest)
        return self.decide(Step())
    }

    /// A member or a stand-in cannot store the record.
    ///
    /// - Parameter candidates: Who may stand in, best first; asked for once, when it is first needed.
    package mutating func failed(_ node: NodeID, candidates: () -> [NodeID]) -> Step {
        let wasMerged = self.isMerged(node)
        guard self.advance(node, to: .failed) else { return .wait }
        var step = Step()
        if self.durability == .one, wasMerged {
            step.syncs = self.members.filter { $0 != node && self.isMerged($0) }
        }
        let member = self.standIns.first { $0.who.node == node }?.who.member ?? node
        if !self.isRepresented(member) {
            self.appoint(for: member, candidates, &step)
        }
        return self.decide(step)
    }

    /// It has taken too long: members that have not answered get stand-ins, and both may count.
    ///
    /// - Returns: those members besides what is to be done.
    package mutating func patienceEnded(candidates: () -> [NodeID]) -> (Step, slow: [NodeID]) {
        if case .over = self.state { return (.wait, []) }
        var step = Step()
        var slow: [NodeID] = []
        for (index, member) in self.members.enumerated() where self.progress[index] == .pending {
            slow.append(member)
            if !self.isRepresented(member) {
                self.appoint(for: member, candidates, &step)
            }
        }
        return (self.decide(step), slow)
    }

    /// The member is known to be slow: it gets a stand-in at once.
    package mutating func suspected(_ member: NodeID, candidates: () -> [NodeID]) -> Step {
        guard let index = self.members.firstIndex(of: member), self.progress[index] == .pending,
            !self.isRepresented(member), self.state != .over
        else { return .wait }
        var step = Step()
        self.appoint(for: member, candidates, &step)
        return self.decide(step)
    }

    package mutating func deadlinePassed() -> Step {
        switch self.state {
        case .waiting:
            return self.lose(Step())
        case .succeeded:
            self.state = .over
            return Step(isOver: true)
        case .over:
            return .wait
        }
    }

    /// The version was minted again, with a timestamp above all that had been seen.
    package mutating func writtenAgain(with timestamp: HybridTimestamp) {
        self.timestamp = timestamp
        self.progress = Array(repeating: .pending, count: self.members.count)
        self.standIns = self.coordinatingStandIn.map { [($0, .pending)] } ?? []
        self.candidates = nil
        self.latestSeen = .zero
    }

    // MARK: Counting

    /// - Returns: whether that is news.
    private mutating func advance(_ node: NodeID, to next: Progress) -> Bool {
        if let index = self.members.firstIndex(of: node) {
            guard Self.isStep(from: self.progress[index], to: next) else { return false }
            self.progress[index] = next
            return true
        }
        guard let index = self.standIns.firstIndex(where: { $0.who.node == node }),
            Self.isStep(from: self.standIns[index].progress, to: next)
        else { return false }
        self.standIns[index].progress = next
        return true
    }

    private static func isStep(from: Progress, to: Progress) -> Bool {
        switch (from, to) {
        case (.pending, _), (.merged, .synced), (.merged, .failed): to != .pending
        case (.merged, _), (.synced, _), (.failed, _): false
        }
    }

    private func isMerged(_ node: NodeID) -> Bool {
        self.members.firstIndex(of: node).map { self.progress[$0] == .merged } ?? false
    }

    private func counts(_ progress: Progress) -> Bool {
        switch progress {
        case .synced: true
        case .merged: self.durability != .all
        case .pending, .failed: false
        }
    }

    /// A stand-in for this member has the record or is about to.
    private func isRepresented(_ member: NodeID) -> Bool {
        self.standIns.contains { $0.who.member == member && $0.progress != .failed }
    }

    private func memberCount(_ row: [NodeID], where isIncluded: (Progress) -> Bool) -> Int {
        zip(self.members, self.progress).count { row.contains($0) && isIncluded($1) }
    }

    private func standInCount(_ row: [NodeID], where isIncluded: (Progress) -> Bool) -> Int {
        self.standIns.count { row.contains($0.who.member) && isIncluded($0.progress) }
    }

    private mutating func appoint(for member: NodeID, _ candidates: () -> [NodeID], _ step: inout Step) {
        var left = self.candidates ?? candidates()
        left.removeAll { node in self.members.contains(node) || self.standIns.contains { $0.who.node == node } }
        if !left.isEmpty {
            let standIn = StandIn(node: left.removeFirst(), member: member)
            self.standIns.append((standIn, .pending))
            step.hints.append(standIn)
        }
        self.candidates = left
    }

    // MARK: Deciding

    private mutating func decide(_ step: Step) -> Step {
        var step = step
        switch self.state {
        case .waiting:
            if self.isReached {
                if self.isLastWriteWins, self.latestSeen > self.timestamp {
                    step.outcome = .writeAgain(after: self.latestSeen)
                    return step
                }
                self.state = .succeeded
                step.outcome = .succeeded(standIns: self.standInsNeeded)
                return self.finishIfSettled(step)
            }
            return self.isOutOfReach ? self.lose(step) : step
        case .succeeded:
            return self.finishIfSettled(step)
        case .over:
            return step
        }
    }

    private var isReached: Bool {
        let isEverywhere = zip(self.rows, self.required).allSatisfy { row, required in
            self.memberCount(row, where: self.counts) + self.standInCount(row, where: self.counts) >= required
        }
        guard isEverywhere, self.durability == .one else { return isEverywhere }
        return self.progress.contains(.synced) || self.standIns.contains { $0.progress == .synced }
    }

    private var isOutOfReach: Bool {
        let isPossible = { (progress: Progress) in progress != .failed }
        return zip(self.rows, self.required).contains { row, required in
            let possible = self.memberCount(row, where: isPossible) + self.standInCount(row, where: isPossible)
            return possible < required
        }
    }

    private var standInsNeeded: Int {
        zip(self.rows, self.required).map { row, required in
            max(0, required - self.memberCount(row, where: self.counts))
        }.max() ?? 0
    }

    /// Every member has the record, or a stand-in has it for the member, or nobody is left who could.
    private mutating func finishIfSettled(_ step: Step) -> Step {
        let isSettled = zip(self.members, self.progress).allSatisfy { member, progress in
            if self.counts(progress) { return true }
            let represented = self.standIns.filter { $0.who.member == member && $0.progress != .failed }
            if represented.isEmpty { return progress == .failed }
            return represented.contains { self.counts($0.progress) }
        }
        guard isSettled else { return step }
        self.state = .over
        var step = step
        step.isOver = true
        return step
    }

    private mutating func lose(_ step: Step) -> Step {
        self.state = .over
        var step = step
        var least = (acknowledged: 0, required: 1)
        for (index, (row, required)) in zip(self.rows, self.required).enumerated() {
            let acknowledged =
                self.memberCount(row, where: self.counts) + self.standInCount(row, where: self.counts)
            if index == 0 || acknowledged - required < least.acknowledged - least.required {
                least = (acknowledged, required)
            }
        }
        step.outcome = .quorumLost(acknowledged: least.acknowledged, required: least.required)
        step.isOver = true
        return step
    }
}
