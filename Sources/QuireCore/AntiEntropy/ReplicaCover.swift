/// Makes one partition replica cover others: afterwards it holds, itself or a descendant, every record that
/// each of them held when the exchange began (Dynamo §4.7).
///
/// For each peer in turn: compare Merkle leaves, read the records of those that differ, merge them durably.
/// Equal leaves are the shortcut, not the condition: live writes go on meanwhile on both sides, and what
/// a peer held at the start is never missed, because records only grow.
///
/// The driver executes one action at a time and reports its answer; a peer's failure ends the exchange.
package struct ReplicaCover: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(NodeID, PeerMessage)
        case store(StorageCommand)
        case finish
        case fail(String)
    }

    package enum Answer: Sendable {
        case peer(PeerMessage)
        case storage(StorageOutcome)
        case unreachable(String)
    }

    private enum State {
        case readingPeerLeaves
        case readingOwnLeaves(MerkleLeaves)
        case readingEntries
        case merging(next: ScanPosition?)
        case over
    }

    package let partition: PartitionID
    /// Records that peers sent because leaves differed.
    package private(set) var receivedRecords = 0
    private var peers: [NodeID]
    private var leaves: [Int] = []
    private var position: ScanPosition?
    private var state = State.over
    private let limit = PageLimit(records: 1000)

    /// - Parameter peers: The replicas to cover, distinct; may be empty.
    package init(partition: PartitionID, peers: [NodeID]) {
        self.partition = partition
        self.peers = peers
    }

    package mutating func start() -> Action {
        guard let peer = self.peers.first else { return self.end(.finish) }
        self.state = .readingPeerLeaves
        return .ask(peer, .readLeaves(self.partition))
    }

    package mutating func answered(_ answer: Answer) -> Action {
        if case .unreachable(let reason) = answer {
            return self.end(.fail(reason))
        }
        if case .storage(.failed(let failure)) = answer {
            return self.end(.fail("own storage: \(failure)"))
        }
        switch (self.state, answer) {
        case (.readingPeerLeaves, .peer(.leaves(let theirs))):
            self.state = .readingOwnLeaves(theirs)
            return .store(.leaves(.replica(self.partition)))
        case (.readingOwnLeaves(let theirs), .storage(.leaves(let own))):
            self.leaves = own.differences(from: theirs)
            self.position = nil
            return self.readNextEntries()
        case (.readingEntries, .peer(.page(let entries, let isLast))):
            return self.merge(entries, isLast: isLast)
        case (.merging(let next), .storage(.durable)):
            self.position = next
            return self.readNextEntries()
        case (_, .peer(let message)):
            return self.end(.fail("unexpected answer of a peer: \(String(describing: message).prefix(80))"))
        case (_, .storage(let outcome)):
            return self.end(.fail("unexpected answer of storage: \(String(describing: outcome).prefix(80))"))
        case (_, .unreachable(let reason)):
            return self.end(.fail(reason))
        }
    }

    private mutating func merge(_ entries: [KeyedRecord], isLast: Bool) -> Action {
        let next = isLast ? nil : entries.last.map { ScanPosition(key: $0.key) }
        if next == nil {
            self.leaves.removeFirst()
        }
        guard !entries.isEmpty else {
            self.position = nil
            return self.readNextEntries()
        }
        self.receivedRecords += entries.count
        self.state = .merging(next: next)
        return .store(.mergeBatch(.replica(self.partition), entries))
    }

    /// Goes on with the current leaf, the next leaf, or the next peer.
    private mutating func readNextEntries() -> Action {
        guard let peer = self.peers.first, let leaf = self.leaves.first else {
            self.peers = Array(self.peers.dropFirst())
            return self.start()
        }
        self.state = .readingEntries
        return .ask(peer, .leafEntries(self.partition, leaf: leaf, after: self.position, limit: self.limit))
    }

    private mutating func end(_ action: Action) -> Action {
        self.state = .over
        return action
    }
}
