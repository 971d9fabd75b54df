/// Coordinates one `put` at a replica of the key's row and decides when it has succeeded (Dynamo §4.5).
///
/// The replica mints the version, sends the whole record to every other replica, and waits until W of each
/// row have stored it durably; while a partition moves there are two rows (SAFETY rule 11). Its own
/// acknowledgement counts like any other: once it is synced (rule 6).
///
/// A last-write-wins put that meets a later timestamp must write again above it before it succeeds (rule 4):
/// else its client would read an older value than its own.
///
/// Transitions: `waiting → succeeded | failed`; both are final. A put that failed may survive on some replicas.
///
/// Invariant: a node is counted at most once per row and attempt, whatever it sends.
package struct PutOperation: Sendable {
    package enum Action: Equatable, Sendable {
        case wait
        case succeed
        /// Mint once more, with a timestamp after this one, and start counting again.
        case writeAgain(after: HybridTimestamp)
        /// Fewer replicas than `required` of some row can still acknowledge.
        case quorumLost(acknowledged: Int, required: Int)
    }

    private enum State {
        case waiting
        case succeeded
        case failed
    }

    private let rows: [[NodeID]]
    private let required: [Int]
    private let isLastWriteWins: Bool
    private var acknowledged: [NodeID] = []
    private var failed: [NodeID] = []
    private var timestamp: HybridTimestamp
    private var latestSeen = HybridTimestamp.zero
    private var state = State.waiting

    /// - Parameters:
    ///   - rows: One row, or the old and the new one; each not empty and of distinct nodes.
    ///   - writeQuorum: W; a row shorter than W needs all of its nodes.
    ///   - isLastWriteWins: Whether later timestamps must be exceeded.
    package init(rows: [[NodeID]], writeQuorum: Int, isLastWriteWins: Bool, timestamp: HybridTimestamp) {
        precondition(!rows.isEmpty && rows.allSatisfy { !$0.isEmpty }, "a put without replicas")
        precondition(writeQuorum >= 1, "W=\(writeQuorum)")
        self.rows = rows
        self.required = rows.map { Layout.effective(writeQuorum, in: $0) }
        self.isLastWriteWins = isLastWriteWins
        self.timestamp = timestamp
    }

    /// Every node that the record is sent to, each once.
    package var targets: [NodeID] {
        var result = self.rows[0]
        for node in self.rows.dropFirst().joined() where !result.contains(node) {
            result.append(node)
        }
        return result
    }

    /// A replica has the record on stable storage.
    package mutating func replicaAcknowledged(_ node: NodeID, _ receipt: DurableReceipt) -> Action {
        guard self.targets.contains(node), !self.acknowledged.contains(node) else { return .wait }
        self.acknowledged.append(node)
        self.latestSeen = max(self.latestSeen, receipt.latestTimestamp)
        return self.decide()
    }

    package mutating func replicaFailed(_ node: NodeID) -> Action {
        guard !self.failed.contains(node), !self.acknowledged.contains(node) else { return .wait }
        self.failed.append(node)
        return self.decide()
    }

    package mutating func deadlinePassed() -> Action {
        guard case .waiting = self.state else { return .wait }
        return self.fail()
    }

    /// The version was minted again, with a timestamp above all that had been seen.
    package mutating func writtenAgain(with timestamp: HybridTimestamp) {
        self.timestamp = timestamp
        self.acknowledged = []
        self.failed = []
        self.latestSeen = .zero
    }

    private mutating func decide() -> Action {
        guard case .waiting = self.state else { return .wait }
        let isReached = zip(self.rows, self.required).allSatisfy { row, required in
            row.count { self.acknowledged.contains($0) } >= required
        }
        if isReached {
            if self.isLastWriteWins, self.latestSeen > self.timestamp {
                return .writeAgain(after: self.latestSeen)
            }
            self.state = .succeeded
            return .succeed
        }
        let isLost = zip(self.rows, self.required).contains { row, required in
            row.count { !self.failed.contains($0) } < required
        }
        return isLost ? self.fail() : .wait
    }

    private mutating func fail() -> Action {
        self.state = .failed
        let (acknowledged, required) = zip(self.rows, self.required)
            .map { row, required in (row.count { self.acknowledged.contains($0) }, required) }
            .min { $0.0 - $0.1 < $1.0 - $1.1 }!
        return .quorumLost(acknowledged: acknowledged, required: required)
    }
}
