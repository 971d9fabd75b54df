/// Coordinates one `get` over a key's replica row (Dynamo §4.5, §5).
///
/// All N members are asked; the answer is what the first R of them know, merged. Stand-ins are asked for members that
/// fail, or that keep the operation waiting: what they hold is merged in, and they count towards R only when fewer
/// than R members are left (SAFETY rule 3). The operation then waits a little for the rest, and members that knew
/// less than the merged record are repaired.
///
/// A member may answer with the outline of its record. If the merged record lacks a sibling of it, the whole record
/// is fetched before the member counts.
///
/// Transitions: `waiting → answered → over`, or `waiting → over` when the quorum is lost.
///
/// Invariant: a node is counted at most once, whatever it sends.
package struct GetOperation: Sendable {
    /// What the coordinator must do next; each part at most once in the life of the operation.
    package struct Step: Equatable, Sendable {
        package enum Reply: Equatable, Sendable {
            case record(Record, ReadEvidence)
            case quorumLost(answered: Int, required: Int)
        }

        package static let wait = Step()

        package var reply: Reply?
        /// Ask these what they hold as stand-ins.
        package var standIns: [NodeID] = []
        /// Ask these members for the whole record.
        package var fetches: [NodeID] = []
        /// Members that must learn `merged`.
        package var repairs: [NodeID] = []
        package var isOver = false

        package init(
            reply: Reply? = nil,
            standIns: [NodeID] = [],
            fetches: [NodeID] = [],
            repairs: [NodeID] = [],
            isOver: Bool = false
        ) {
            self.reply = reply
            self.standIns = standIns
            self.fetches = fetches
            self.repairs = repairs
            self.isOver = isOver
        }
    }

    /// What a member has told; an outline is made of a record only to be compared with another.
    private enum Known {
        case record(Record)
        case outline(RecordOutline)

        func differs(from merged: Record) -> Bool {
            switch self {
            case .record(let record): record != merged
            case .outline(let outline): outline != RecordOutline(of: merged)
            }
        }
    }

    private enum State {
        case waiting
        case answered
        case over
    }

    /// What everyone who has answered knows together.
    package private(set) var merged = Record()
    private var answers: [(node: NodeID, known: Known)] = []
    private var pending: [NodeID]
    /// Outlines that wait for the merged record to have their siblings.
    private var outlines: [(node: NodeID, outline: RecordOutline, isFetched: Bool)] = []
    private var fastest: NodeID?
    private var pendingStandIns: [NodeID] = []
    private var answeredStandIns = 0
    private var candidates: [NodeID]?
    /// Members for which a stand-in was asked already.
    private var represented: [NodeID] = []
    private let required: Int
    private var state = State.waiting

    /// - Parameters:
    ///   - row: The N replicas, distinct, not empty.
    ///   - readQuorum: R, in `1...row.count`.
    package init(row: [NodeID], readQuorum: Int) {
        precondition((1...row.count).contains(readQuorum), "R=\(readQuorum) of \(row.count) replicas")
        self.pending = row
        self.required = readQuorum
    }

    /// Whether its asker has been told.
    package var hasAnswered: Bool { self.state != .waiting }

    // MARK: Events

    /// A member or a stand-in told all that it holds.
    package mutating func answered(_ node: NodeID, _ record: Record?) -> Step {
        let known = record ?? Record()
        if let index = self.pendingStandIns.firstIndex(of: node) {
            self.pendingStandIns.remove(at: index)
            self.answeredStandIns += 1
            self.merged.merge(known)
            return self.advance()
        }
        if let index = self.pending.firstIndex(of: node) {
            self.pending.remove(at: index)
        } else if let index = self.outlines.firstIndex(where: { $0.node == node }) {
            self.outlines.remove(at: index)
        } else {
            return .wait
        }
        self.fastest = self.fastest ?? node
        self.merged.merge(known)
        self.answers.append((node, .record(known)))
        return self.weighOutlines(Step())
    }

    /// A member told the outline of what it holds.
    package mutating func answered(_ node: NodeID, _ outline: RecordOutline) -> Step {
        guard let index = self.pending.firstIndex(of: node) else { return .wait }
        self.pending.remove(at: index)
        self.outlines.append((node, outline, false))
        guard !self.answers.isEmpty else { return .wait }
        return self.weighOutlines(Step())
    }

    /// - Parameter candidates: Who may stand in, best first; asked for once, when it is first needed.
    package mutating func failed(_ node: NodeID, candidates: () -> [NodeID]) -> Step {
        var step = Step()
        if let index = self.pendingStandIns.firstIndex(of: node) {
            self.pendingStandIns.remove(at: index)
            self.askStandIn(candidates, &step)
            return self.advance(step)
        }
        if let index = self.pending.firstIndex(of: node) {
            self.pending.remove(at: index)
        } else if let index = self.outlines.firstIndex(where: { $0.node == node }) {
            self.outlines.remove(at: index)
        } else {
            return .wait
        }
        if self.answers.isEmpty, let first = self.outlines.first, !first.isFetched {
            // The one member that was asked for its record may be the one that is gone.
            self.outlines[0].isFetched = true
            step.fetches.append(first.node)
        }
        self.represent(node, candidates, &step)
        return self.advance(step)
    }

    /// It has taken too long: stand-ins are asked for members that have not answered.
    ///
    /// - Returns: those members besides what is to be done.
    package mutating func patienceEnded(candidates: () -> [NodeID]) -> (Step, slow: [NodeID]) {
        guard case .waiting = self.state else { return (.wait, self.pending) }
        var step = Step()
        for node in self.pending {
            self.represent(node, candidates, &step)
        }
        return (self.advance(step), self.pending)
    }

    /// No more answers are waited for.
    package mutating func deadlinePassed() -> Step {
        self.pending = []
        self.pendingStandIns = []
        self.outlines = []
        return self.advance()
    }

    // MARK: Stand-ins and outlines

    private mutating func represent(_ member: NodeID, _ candidates: () -> [NodeID], _ step: inout Step) {
        guard case .waiting = self.state, !self.represented.contains(member) else { return }
        self.represented.append(member)
        self.askStandIn(candidates, &step)
    }

    private mutating func askStandIn(_ candidates: () -> [NodeID], _ step: inout Step) {
        guard case .waiting = self.state else { return }
        var left = self.candidates ?? candidates()
        if !left.isEmpty {
            let node = left.removeFirst()
            self.pendingStandIns.append(node)
            step.standIns.append(node)
        }
        self.candidates = left
    }

    /// Counts members whose outline the merged record can follow, fetches the others' records.
    private mutating func weighOutlines(_ step: Step) -> Step {
        var step = step
        var waiting: [(node: NodeID, outline: RecordOutline, isFetched: Bool)] = []
        for entry in self.outlines {
            if self.merged.merge(entry.outline) {
                self.answers.append((entry.node, .outline(entry.outline)))
            } else {
                if !entry.isFetched { step.fetches.append(entry.node) }
                waiting.append((entry.node, entry.outline, true))
            }
        }
        self.outlines = waiting
        return self.advance(step)
    }

    // MARK: Deciding

    private mutating func advance(_ step: Step = Step()) -> Step {
        var step = step
        switch self.state {
        case .waiting:
            let alive = self.answers.count + self.pending.count + self.outlines.count
            let borrowed = alive < self.required ? min(self.answeredStandIns, self.required - alive) : 0
            if self.answers.count + borrowed >= self.required {
                self.state = .answered
                step.reply = .record(self.merged, ReadEvidence(fastest: self.fastest, standIns: borrowed))
                return self.finishIfComplete(step)
            }
            guard alive + self.answeredStandIns + self.pendingStandIns.count < self.required else { return step }
            self.state = .over
            let answered = self.answers.count + self.answeredStandIns
            step.reply = .quorumLost(answered: answered, required: self.required)
            step.isOver = true
            return step
        case .answered:
            return self.finishIfComplete(step)
        case .over:
            return .wait
        }
    }

    private mutating func finishIfComplete(_ step: Step) -> Step {
        guard self.pending.isEmpty, self.pendingStandIns.isEmpty, self.outlines.isEmpty else { return step }
        self.state = .over
        var step = step
        step.repairs = self.answers.filter { $0.known.differs(from: self.merged) }.map(\.node)
        step.isOver = true
        return step
    }
}
