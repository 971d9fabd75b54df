package import QuireCore

/// One wish of an operator about the membership, by the numbers of the nodes.
package enum MembershipChange: Sendable, Hashable {
    case join(Int)
    case leave(Int)
    case replace(Int, with: Int)
    case setWeight(Int, Int)
    case setZone(Int, Int)
    case setQuorums(QuorumSettings)
}

/// One step of an operator's script; a script is a list of them, and each begins when the one before it has ended.
package enum MembershipOperation: Sendable, Hashable {
    /// Stages all of these, plans them, and commits them as one change.
    case change([MembershipChange])
    /// The node crashes for good and its disk is gone, as soon as the budget of losses allows it. Changes that take it
    /// out of the cluster afterwards declare it lost.
    case destroy(Int)
    /// As `destroy`, but whoever takes it out does not know.
    case destroyUnnoticed(Int)
    /// A leaving member that was destroyed unnoticed is given up.
    case declareLost(Int)
    /// Until this part of the running change is done, in percent, or the change has ended.
    case progress(Int)
    case wait(milliseconds: Int)
    case pause
    case resume
    case abort
    case undo
    case closeUndo
    case limit(transfersPerNode: Int)
    /// Until no partition moves.
    case settle
}

/// What one operator does, step by step, whatever happens to the requests.
package struct MembershipScript: Sendable, Hashable {
    package var operations: [MembershipOperation]
    /// The nodes that the operator asks; `nil`: any.
    package var asks: [Int]?

    package init(_ operations: [MembershipOperation], asking nodes: [Int]? = nil) {
        self.operations = operations
        self.asks = nodes
    }

    /// Each change by itself, one after the other.
    package static func inTurn(_ changes: [MembershipChange]) -> MembershipScript {
        MembershipScript(changes.flatMap { [.change([$0]), .settle] })
    }
}

extension MembershipScript {
    /// Replaces nodes by others, some at once.
    static func exchanging(_ pairs: [(old: Int, new: Int)], atOnce count: Int) -> MembershipScript {
        let batches = stride(from: 0, to: pairs.count, by: count).map { start in
            pairs[start..<min(start + count, pairs.count)].map { MembershipChange.replace($0.old, with: $0.new) }
        }
        return MembershipScript(batches.flatMap { [.change($0), .settle] })
    }
}

extension MembershipScript: CustomStringConvertible {
    package var description: String {
        self.operations.map(\.description).joined(separator: "; ")
    }
}

extension MembershipChange: CustomStringConvertible {
    package var description: String {
        switch self {
        case .join(let number): "join \(number)"
        case .leave(let number): "leave \(number)"
        case .replace(let number, let other): "replace \(number) by \(other)"
        case .setWeight(let number, let weight): "weight \(number) \(weight)"
        case .setZone(let number, let zone): "zone \(number) z\(zone)"
        case .setQuorums(let quorums):
            "N=\(quorums.replicaCount) R=\(quorums.readQuorum) W=\(quorums.writeQuorum)"
        }
    }
}

extension MembershipOperation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .change(let changes): changes.map(\.description).joined(separator: " + ")
        case .destroy(let number): "destroy \(number)"
        case .destroyUnnoticed(let number): "destroy \(number) unnoticed"
        case .declareLost(let number): "declare \(number) lost"
        case .progress(let percent): "until \(percent) %"
        case .wait(let milliseconds): "wait \(milliseconds) ms"
        case .pause: "pause"
        case .resume: "resume"
        case .abort: "abort"
        case .undo: "undo"
        case .closeUndo: "close undo"
        case .limit(let transfers): "limit \(transfers)"
        case .settle: "settle"
        }
    }
}

extension Layout {
    /// How much of the running change is done, in percent: each move has three steps.
    func progress(of movesInAll: Int) -> Int {
        let left = self.moves.reduce(0) { sum, move in
            switch move.phase {
            case .dualWrite: sum + 3
            case .readNew: sum + 2
            case .draining: sum + 1
            }
        }
        return movesInAll == 0 ? 100 : 100 - left * 100 / (3 * movesInAll)
    }
}
