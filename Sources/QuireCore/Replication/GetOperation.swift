/// Coordinates one `get` over a key's replica row (Dynamo §4.5, §5).
///
/// All N replicas are asked; the answer is what the first R of them know, merged. The operation then waits a
/// little for the rest, and replicas that knew less than the merged record are repaired.
///
/// Transitions: `waiting → answered → over`, or `waiting → over` when the quorum is lost.
///
/// Invariant: a replica is counted at most once, whatever it sends.
package struct GetOperation: Sendable {
    /// What the coordinator must do next; each part at most once in the life of the operation.
    package struct Step: Equatable, Sendable {
        package enum Reply: Equatable, Sendable {
            case record(Record)
            case quorumLost(answered: Int, required: Int)
        }

        package static let wait = Step()

        package var reply: Reply?
        /// Replicas that must learn `merged`.
        package var repairs: [NodeID] = []
        package var isOver = false

        package init(reply: Reply? = nil, repairs: [NodeID] = [], isOver: Bool = false) {
            self.reply = reply
            self.repairs = repairs
            self.isOver = isOver
        }
    }

    private enum State {
        case waiting
        case answered
        case over
    }

    /// What the replicas that answered know together.
    package private(set) var merged = Record()
    private var answers: [(node: NodeID, record: Record)] = []
    private var pending: [NodeID]
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

    package mutating func replicaAnswered(_ node: NodeID, _ record: Record?) -> Step {
        guard let index = self.pending.firstIndex(of: node) else { return .wait }
        self.pending.remove(at: index)
        let known = record ?? Record()
        self.answers.append((node, known))
        self.merged.merge(known)
        return self.advance()
    }

    package mutating func replicaFailed(_ node: NodeID) -> Step {
        guard let index = self.pending.firstIndex(of: node) else { return .wait }
        self.pending.remove(at: index)
        return self.advance()
    }

    /// No more answers are waited for.
    package mutating func deadlinePassed() -> Step {
        self.pending = []
        return self.advance()
    }

    private mutating func advance() -> Step {
        switch self.state {
        case .waiting:
            if self.answers.count >= self.required {
                self.state = .answered
                var step = self.finishIfComplete()
                step.reply = .record(self.merged)
                return step
            }
            guard self.answers.count + self.pending.count < self.required else { return .wait }
            self.state = .over
            return Step(reply: .quorumLost(answered: self.answers.count, required: self.required), isOver: true)
        case .answered:
            return self.finishIfComplete()
        case .over:
            return .wait
        }
    }

    private mutating func finishIfComplete() -> Step {
        guard self.pending.isEmpty else { return .wait }
        self.state = .over
        let stale = self.answers.filter { $0.record != self.merged }.map(\.node)
        return Step(repairs: stale, isOver: true)
    }
}
