/// Fills a newcomer of a partition's row while clients keep writing (DESIGN §6, steps 4-6; SAFETY rules 11, 16).
///
/// What this node has retired of the partition comes back first, if the caller asks for that. Then the file of one
/// replica is copied (`ImageCopy`), and then the newcomer covers *every* old replica. It may begin only after the
/// barrier of the dual-write phase: from then on each acknowledged write is either on an old replica already or is sent
/// here too.
///
/// When there is little to gain from a file (the newcomer already holds most records, or the source none)
/// copying is skipped: covering alone moves what differs. So an undo copies only what was written since.
///
/// The driver executes one action at a time. A failure ends the attempt; the next one begins anew and finds
/// what the last one has left.
package struct PartitionTransfer: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(NodeID, PeerMessage)
        case store(StorageCommand)
        /// Bring back the newest retired file of the partition that is not older than this.
        case revive(since: LayoutVersion)
        /// Make room for this image in `incoming/`, and find out which of its blocks are there already.
        case prepareImage(SealManifest)
        /// Pull what is missing; each block is verified before it is written.
        case pullBlocks(NodeID, SealManifest)
        case discardImage
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
        /// Bringing back is over, whether or not there was a file.
        case revived(Bool)
        case prepared(heldBytes: Int)
        /// All blocks are pulled; the image is discarded, or installed.
        case done
        /// The source needs its file back.
        case expired
        /// The source, the link to it, a block, or the whole copy is bad.
        case bad(String)
        /// This node cannot go on.
        case failed(String)
    }

    package enum Step: String, Sendable {
        case waiting
        case reviving
        case sealing
        case copying
        case installing
        case covering
        case covered
    }

    private enum State {
        case reviving
        case counting
        case copying
        case covering
        case readingRoot
        case over
    }

    package let partition: PartitionID
    package private(set) var step = Step.waiting
    /// Whether a retired file came back.
    package private(set) var isRevived = false
    private let node: NodeID
    private let replicas: [NodeID]
    private let reviveSince: LayoutVersion?
    private var copy: ImageCopy?
    private var cover: ReplicaCover
    private var state = State.over

    /// - Parameters:
    ///   - node: The newcomer: this node.
    ///   - replicas: All replicas of the old row, the one to copy from first. Empty when all are lost: then there is
    ///     nothing to wait for.
    ///   - reviveSince: Bring back a retired file that is at least so new.
    package init(partition: PartitionID, node: NodeID, replicas: [NodeID], reviveSince: LayoutVersion? = nil) {
        self.partition = partition
        self.node = node
        self.replicas = replicas
        self.reviveSince = reviveSince
        self.cover = ReplicaCover(partition: partition, peers: replicas)
    }

    /// The replica whose file is copied, or was copied last.
    package var source: NodeID? { self.copy?.source ?? self.replicas.first }
    package var setbacks: [ImageCopy.Setback] { self.copy?.setbacks ?? [] }
    package var manifest: SealManifest? { self.copy?.manifest }
    package var heldBytes: Int { self.copy?.heldBytes ?? 0 }

    package mutating func start() -> Action {
        if let since = self.reviveSince {
            self.state = .reviving
            self.step = .reviving
            return .revive(since: since)
        }
        guard !self.replicas.isEmpty else { return self.end(.finish(self.receipt(root: ""))) }
        return self.count()
    }

    /// The seal has been let go.
    package mutating func unsealed() -> Action {
        guard case .copying = self.state, let action = self.copy?.unsealed() else {
            preconditionFailure("nothing was to be unsealed while \(self.step)")
        }
        return self.translate(action)
    }

    package mutating func answered(_ answer: Answer) -> Action {
        switch self.state {
        case .reviving: self.revivalAnswered(answer)
        case .counting: self.countAnswered(answer)
        case .copying: self.copyAnswered(answer)
        case .covering: self.coverAnswered(answer)
        case .readingRoot: self.rootAnswered(answer)
        case .over: self.unexpected()
        }
    }

    /// A retired file that cannot be used is no obstacle: what it holds is copied instead.
    private mutating func revivalAnswered(_ answer: Answer) -> Action {
        switch answer {
        case .revived(let isRevived):
            self.isRevived = isRevived
            return self.replicas.isEmpty ? self.readRoot() : self.count()
        case .failed, .bad: return self.replicas.isEmpty ? self.readRoot() : self.count()
        case .peer, .storage, .prepared, .done, .expired: return self.unexpected()
        }
    }

    private mutating func count() -> Action {
        self.state = .counting
        return .store(.count(.replica(self.partition)))
    }

    private mutating func countAnswered(_ answer: Answer) -> Action {
        guard case .storage(.counts(let counts)) = answer else { return self.storageFailed(answer) }
        var copy = ImageCopy(partition: self.partition, sources: self.replicas, ownRecords: counts.records)
        let action = copy.start()
        self.copy = copy
        self.state = .copying
        return self.translate(action)
    }

    private mutating func copyAnswered(_ answer: Answer) -> Action {
        let told: ImageCopy.Answer
        switch answer {
        case .peer(let message): told = .peer(message)
        case .prepared(let heldBytes): told = .prepared(heldBytes: heldBytes)
        case .done: told = .done
        case .expired: told = .expired
        case .bad(let reason): told = .bad(reason)
        case .failed(let reason): told = .failed(reason)
        case .storage, .revived: return self.unexpected()
        }
        guard let action = self.copy?.answered(told) else { return self.unexpected() }
        return self.translate(action)
    }

    private mutating func translate(_ action: ImageCopy.Action) -> Action {
        switch action {
        case .ask(let node, let message):
            self.step = .sealing
            return .ask(node, message)
        case .prepareImage(let manifest):
            self.step = .copying
            return .prepareImage(manifest)
        case .pullBlocks(let node, let manifest): return .pullBlocks(node, manifest)
        case .discardImage: return .discardImage
        case .installImage:
            self.step = .installing
            return .installImage
        case .unseal(let node, let seal): return .unseal(node, seal: seal)
        case .finish:
            self.state = .covering
            self.step = .covering
            return self.translate(self.cover.start())
        case .fail(let reason): return self.end(.fail(reason))
        }
    }

    private mutating func coverAnswered(_ answer: Answer) -> Action {
        switch answer {
        case .peer(let message): return self.translate(self.cover.answered(.peer(message)))
        case .storage(let outcome): return self.translate(self.cover.answered(.storage(outcome)))
        case .bad(let reason), .failed(let reason): return self.end(.fail(reason))
        case .revived, .prepared, .done, .expired: return self.unexpected()
        }
    }

    private mutating func translate(_ action: ReplicaCover.Action) -> Action {
        switch action {
        case .ask(let node, let message): return .ask(node, message)
        case .store(let command): return .store(command)
        case .fail(let reason): return self.end(.fail(reason))
        case .finish: return self.readRoot()
        }
    }

    private mutating func readRoot() -> Action {
        self.state = .readingRoot
        return .store(.leaves(.replica(self.partition)))
    }

    private mutating func rootAnswered(_ answer: Answer) -> Action {
        guard case .storage(.leaves(let leaves)) = answer else { return self.storageFailed(answer) }
        self.step = .covered
        return self.end(.finish(self.receipt(root: Hexadecimal.encode(leaves.root))))
    }

    private mutating func storageFailed(_ answer: Answer) -> Action {
        switch answer {
        case .storage(.failed(let failure)): self.end(.fail("own storage: \(failure)"))
        case .failed(let reason), .bad(let reason): self.end(.fail(reason))
        case .peer, .storage, .revived, .prepared, .done, .expired: self.unexpected()
        }
    }

    private func receipt(root: String) -> PartitionMove.Receipt {
        let image = self.copy?.installed
        return PartitionMove.Receipt(
            node: self.node,
            root: root,
            bytes: image?.sizeBytes ?? 0,
            checksum: image?.digest ?? ""
        )
    }

    private mutating func unexpected() -> Action {
        self.end(.fail("unexpected answer while \(self.step)"))
    }

    private mutating func end(_ action: Action) -> Action {
        self.state = .over
        return action
    }
}
