/// Makes one partition replica cover others: afterwards it holds, itself or a descendant, every record that
/// each of them held when the exchange with it began (Dynamo §4.7).
///
/// One `MerkleExchange` after the other. The driver executes one action at a time and reports its answer; a peer's
/// failure ends everything, for a peer that was skipped is not covered.
///
/// It ends with a sync of what this replica had already: equal digests speak of memory, and a receipt speaks of the
/// disk (SAFETY rule 10). Once a replica with a record that a failed sync had left in memory gave a receipt for it.
package struct ReplicaCover: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(NodeID, PeerMessage)
        case store(StorageCommand)
        case finish
        case fail(String)
    }

    package typealias Answer = MerkleExchange.Answer

    package let partition: PartitionID
    private var peers: [NodeID]
    private var exchange: MerkleExchange
    private var receivedBefore = 0
    private var isSettling = false

    /// - Parameter peers: The replicas to cover, distinct; may be empty.
    package init(partition: PartitionID, peers: [NodeID]) {
        self.partition = partition
        self.peers = peers
        self.exchange = MerkleExchange(partition: partition)
    }

    /// Records that peers sent because digests differed.
    package var receivedRecords: Int { self.receivedBefore + self.exchange.receivedRecords }

    package mutating func start() -> Action {
        guard !self.peers.isEmpty else { return .finish }
        return self.translate(self.exchange.start())
    }

    package mutating func answered(_ answer: Answer) -> Action {
        guard self.isSettling else { return self.translate(self.exchange.answered(answer)) }
        switch answer {
        case .storage(.durable): return .finish
        case .storage(.failed(let failure)): return .fail("own storage: \(failure)")
        case .storage, .peer: return .fail("unexpected answer while waiting for a sync")
        case .unreachable(let reason): return .fail(reason)
        }
    }

    private mutating func translate(_ action: MerkleExchange.Action) -> Action {
        switch action {
        case .ask(let message):
            guard let peer = self.peers.first else { preconditionFailure("an exchange without a peer") }
            return .ask(peer, message)
        case .store(let command):
            return .store(command)
        case .fail(let reason):
            return .fail(reason)
        case .finish:
            self.receivedBefore = self.receivedRecords
            self.exchange = MerkleExchange(partition: self.partition)
            self.peers.removeFirst()
            guard self.peers.isEmpty else { return self.start() }
            self.isSettling = true
            return .store(.mergeBatch(.replica(self.partition), []))
        }
    }
}
