import QuireCore
import Testing

/// One test per claim of the Dynamo paper (SOSP 2007), sections 4 and 5, that the pure core keeps; a file per section.
///
/// Where we keep a claim otherwise than the paper does, the test's comment says how. What the paper tells of
/// engines, event pipelines and wires is tested beside the code of those targets.
@Suite("The Dynamo paper") struct DynamoPaperTests {}

// MARK: What the dialogues below have in common

/// Machines and answers as the paper's sections need them.
enum Paper {
    static let row: [NodeID] = (1...7).map { NodeID(number: $0) }

    static func get(replicas: Int, readQuorum: Int) -> GetOperation {
        GetOperation(row: Array(self.row.prefix(replicas)), readQuorum: readQuorum)
    }

    static func put(replicas: Int, writeQuorum: Int) -> PutOperation {
        PutOperation(
            rows: [Array(self.row.prefix(replicas))],
            writeQuorum: writeQuorum,
            isLastWriteWins: false,
            timestamp: HybridTimestamp(wallMilliseconds: 1)
        )
    }

    static func blindPut(_ key: Key, value: [UInt8] = [1]) -> ClientOperation {
        .put(PutRequest(key: key, value: value, supersession: .context(VersionVector())))
    }

    /// The version that storage mints in these dialogues, the only one of `Record.minted(7)`.
    static let minted = StorageOutcome.minted(.minted(7), dot: Dot(actor: ActorID(rawValue: 7), counter: 1))

    static let acknowledged = PeerMessage.acknowledged(latestTimestamp: .zero)
}

extension GetOperation {
    /// A member answers; what the client is told then, if it is told now.
    mutating func heard(_ node: NodeID, _ record: Record?) -> Record? {
        guard case .record(let read, _)? = self.answered(node, record).reply else { return nil }
        return read
    }

    /// A member fails, and nobody stands in; whether the quorum is lost by that.
    mutating func isLost(without node: NodeID) -> Bool {
        if case .quorumLost? = self.failed(node, candidates: { [] }).reply { return true }
        return false
    }
}

extension PutOperation {
    /// A member has it on disk; whether the client is told now.
    mutating func isSuccessful(with node: NodeID) -> Bool {
        self.acknowledged(node, isSynced: true, latest: .zero).outcome == .succeeded(standIns: 0)
    }

    /// A member fails, and nobody stands in; whether the quorum is lost by that.
    mutating func isLost(without node: NodeID) -> Bool {
        if case .quorumLost? = self.failed(node, candidates: { [] }).outcome { return true }
        return false
    }
}

extension RequestCoreDialogue {
    /// The peer answers what it was asked.
    mutating func answer(
        _ question: (node: NodeID, correlation: UInt64, message: PeerMessage),
        _ message: PeerMessage
    ) -> [RequestCore.Effect] {
        self.handle(.peerAnswered(question.node, correlation: question.correlation, message))
    }
}

extension [RequestCore.Effect] {
    /// What clients were told that a key is.
    var recordsRead: [Record] {
        self.clientResults.compactMap { result in
            if case .record(let record, _) = result { return record }
            return nil
        }
    }

    /// What clients were told that was stored.
    var recordsStored: [Record] {
        self.clientResults.compactMap { result in
            if case .stored(let record, _, _) = result { return record }
            return nil
        }
    }

    /// Records that peers are told to store.
    var recordsSent: [(node: NodeID, record: Record)] {
        self.questions.compactMap { question in
            if case .put(_, _, let record, _) = question.message { return (question.node, record) }
            return nil
        }
    }

    /// Peers that are told to store a record for somebody else.
    var nodesHinted: [NodeID] {
        self.questions.compactMap { question in
            if case .hint = question.message { return question.node }
            return nil
        }
    }

    /// Peers that are asked what they know of a key.
    var nodesRead: [NodeID] {
        self.questions.compactMap { question in
            if case .get = question.message { return question.node }
            return nil
        }
    }

    /// Peers that are asked to coordinate a put.
    var nodesForwardedTo: [NodeID] {
        self.questions.compactMap { question in
            if case .coordinate = question.message { return question.node }
            return nil
        }
    }
}
