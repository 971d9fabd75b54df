/// Fills a newcomer of a partition's row while clients keep writing (DESIGN §6, steps 4-6; SAFETY rules 11, 16).
///
/// The file of one replica is sealed, pulled in checksummed blocks, installed under the live writes, and then
/// the newcomer covers *every* old replica. It may begin only after the barrier of the dual-write phase: from
/// then on each acknowledged write is either on an old replica already or is sent here too.
///
/// When there is little to gain from a file (the newcomer already holds most records, or the source none)
/// copying is skipped: covering alone moves what differs.
///
/// The driver executes one action at a time. A failure ends the attempt; the next one begins anew and finds
/// what the last one has left.
package struct PartitionTransfer: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(NodeID, PeerMessage)
        case store(StorageCommand)
        /// Make room for an image of this size in `incoming/`.
        case createImage(sizeBytes: Int)
        case appendBlock([UInt8])
        /// Sync the image, check it, and make it the partition's file, keeping all that was written meanwhile.
        case installImage
        /// Let the source have its file back; the next action follows by `unsealed()`, whatever it answers.
        case unseal(NodeID, seal: UInt64)
        case finish(PartitionMove.Receipt)
        case fail(String)
    }

    package enum Answer: Sendable {
        case peer(PeerMessage)
        case storage(StorageOutcome)
        /// The image was created, appended to, or installed; the last with its SHA-256 in hexadecimal.
        case done(checksum: String)
        case failed(String)
    }

    package enum Step: String, Sendable {
        case waiting
        case sealing
        case copying
        case installing
        case covering
        case covered
    }

    private enum State {
        case counting
        case sealing(ownRecords: Int)
        case creating(SealedDescription)
        case reading(SealedDescription, index: Int)
        case appending(SealedDescription, index: Int)
        case installing
        case covering
        case readingRoot
        case over
    }

    package let partition: PartitionID
    package let source: NodeID
    package private(set) var step = Step.waiting
    package private(set) var bytesDone = 0
    package private(set) var bytesTotal = 0
    private let node: NodeID
    private var cover: ReplicaCover
    private var checksum = ""
    private var isImageComplete = false
    private var state = State.over

    /// - Parameters:
    ///   - node: The newcomer: this node.
    ///   - replicas: All replicas of the old row, the one to copy from first.
    package init(partition: PartitionID, node: NodeID, replicas: [NodeID]) {
        precondition(!replicas.isEmpty, "partition \(partition) has no replica to copy from")
        self.partition = partition
        self.node = node
        self.source = replicas[0]
        self.cover = ReplicaCover(partition: partition, peers: replicas)
    }

    package mutating func start() -> Action {
        self.state = .counting
        return .store(.count(.replica(self.partition)))
    }

    /// The seal has been let go.
    package mutating func unsealed() -> Action {
        guard self.isImageComplete else { return self.startCovering() }
        self.state = .installing
        self.step = .installing
        return .installImage
    }

    package mutating func answered(_ answer: Answer) -> Action {
        switch (self.state, answer) {
        case (_, .failed(let reason)):
            return self.end(.fail(reason))
        case (.counting, .storage(.counts(let counts))):
            self.state = .sealing(ownRecords: counts.records)
            self.step = .sealing
            return .ask(self.source, .control(.seal(self.partition)))
        case (.sealing(let ownRecords), .peer(.control(.sealed(let sealed)))):
            guard let sealed else { return self.startCovering() }
            guard sealed.blockBytes > 0 else {
                return self.end(.fail("the source sealed \(sealed.sizeBytes) bytes in blocks of \(sealed.blockBytes)"))
            }
            guard ownRecords * 2 <= sealed.records else { return .unseal(self.source, seal: sealed.seal) }
            self.state = .creating(sealed)
            self.step = .copying
            self.bytesTotal = sealed.sizeBytes
            return .createImage(sizeBytes: sealed.sizeBytes)
        case (.creating(let sealed), .done):
            return self.readBlock(sealed, index: 0)
        case (.reading(let sealed, let index), .peer(.control(.block(let bytes, let checksum)))):
            return self.blockArrived(bytes, checksum, sealed, index)
        case (.appending(let sealed, let index), .done):
            return self.readBlock(sealed, index: index + 1)
        case (.installing, .done(let checksum)):
            self.checksum = checksum
            return self.startCovering()
        case (.covering, .peer(let message)):
            return self.translate(self.cover.answered(.peer(message)))
        case (.covering, .storage(let outcome)):
            return self.translate(self.cover.answered(.storage(outcome)))
        case (.readingRoot, .storage(.leaves(let leaves))):
            self.step = .covered
            return self.end(.finish(self.receipt(root: leaves.root)))
        case (.reading, .peer(.control(.sealExpired))):
            return self.end(.fail("the source needed its file back; starting again"))
        case (_, .peer(.failed(let reason))):
            return self.end(.fail("the source refused: \(reason)"))
        case (_, .storage(.failed(let failure))):
            return self.end(.fail("own storage: \(failure)"))
        case (_, .peer), (_, .storage), (_, .done):
            return self.end(.fail("unexpected answer while \(self.step)"))
        }
    }

    private mutating func readBlock(_ sealed: SealedDescription, index: Int) -> Action {
        guard index * sealed.blockBytes < sealed.sizeBytes else {
            self.isImageComplete = true
            return .unseal(self.source, seal: sealed.seal)
        }
        self.state = .reading(sealed, index: index)
        return .ask(self.source, .control(.readBlock(self.partition, seal: sealed.seal, index: index)))
    }

    private mutating func blockArrived(
        _ bytes: [UInt8],
        _ checksum: UInt32,
        _ sealed: SealedDescription,
        _ index: Int
    ) -> Action {
        let expected = min(sealed.blockBytes, sealed.sizeBytes - index * sealed.blockBytes)
        guard bytes.count == expected, CRC32C.checksum(bytes) == checksum else {
            return self.end(.fail("block \(index) arrived damaged"))
        }
        self.bytesDone += bytes.count
        self.state = .appending(sealed, index: index)
        return .appendBlock(bytes)
    }

    private mutating func startCovering() -> Action {
        self.state = .covering
        self.step = .covering
        return self.translate(self.cover.start())
    }

    private mutating func translate(_ action: ReplicaCover.Action) -> Action {
        switch action {
        case .ask(let node, let message): return .ask(node, message)
        case .store(let command): return .store(command)
        case .fail(let reason): return self.end(.fail(reason))
        case .finish:
            self.state = .readingRoot
            return .store(.leaves(.replica(self.partition)))
        }
    }

    private func receipt(root: [UInt8]) -> PartitionMove.Receipt {
        PartitionMove.Receipt(
            node: self.node,
            root: Hexadecimal.encode(root),
            bytes: self.bytesDone,
            checksum: self.checksum
        )
    }

    private mutating func end(_ action: Action) -> Action {
        self.state = .over
        return action
    }
}
