import QuireCore

/// Transfers of partitions, at the target and at the source.
extension SimulatedCluster {
    func fill(_ order: ControlCore.CoverOrder, at node: SimulatedNode) {
        let partition = order.partition
        let sources = order.sources
        if self.configuration.mutation == .coversWithoutCopying {
            let receipt = PartitionMove.Receipt(node: node.id, root: "", bytes: 0, checksum: "")
            let event = ControlCore.Event.covered(session: order.session, receipt)
            self.perform(node.control.handle(event, now: self.queue.now), at: node)
            return
        }
        let isOneEnough = self.configuration.mutation == .fillsFromOneReplica
        let transfer = PartitionTransfer(
            partition: partition,
            node: node.id,
            replicas: isOneEnough ? Array(sources.prefix(1)) : sources,
            reviveSince: order.reviveSince
        )
        self.begin(
            NodeTask(partition: partition, purpose: .fill(order.session), machine: .transfer(transfer)),
            at: node
        )
    }

    /// What the node has retired of the partition comes back at once; the machine hears of it later, as of every file.
    func revive(since version: LayoutVersion, of id: UInt64, at node: SimulatedNode) {
        guard let partition = node.tasks[id]?.partition else { return }
        let isRevived = node.storage.revive(partition, since: version)
        if isRevived { node.disturbed(partition) }
        self.noteStorage(of: node)
        if isRevived, self.configuration.mutation == .undoesWithoutComparing {
            self.finished(id, PartitionMove.Receipt(node: node.id, root: "", bytes: 0, checksum: ""), at: node)
        } else {
            self.finishLocally(id, with: .revived(isRevived), at: node)
        }
    }

    // MARK: Retiring

    /// What a node holds for others from an earlier membership is void: it has delivered it, and nobody asked it since
    /// then whether deleted keys may be forgotten (SAFETY rules 8 and 9).
    func forgetHints(at node: SimulatedNode, _ layout: Layout) {
        let since = layout.member(node.id)?.joinedAt ?? layout.version
        guard let last = node.lastVersion, last < since || layout.member(node.id) == nil else {
            node.lastVersion = layout.version
            return
        }
        node.lastVersion = layout.version
        node.storage.forgetHints()
        self.noteStorage(of: node)
    }

    func keepOnly(_ partitions: [PartitionID], at node: SimulatedNode) {
        let kept = self.kept(partitions, at: node)
        self.partitionCount.partitions.filter { !kept.contains($0) }.forEach { node.disturbed($0) }
        if !node.storage.partitionsToRetire(keeping: kept).isEmpty { self.reached(.source, .retires, at: node) }
        node.storage.keepOnly(kept, by: node.control.layout?.version ?? .none)
        self.noteStorage(of: node)
    }

    private func kept(_ partitions: [PartitionID], at node: SimulatedNode) -> [PartitionID] {
        guard self.configuration.mutation == .retiresBeforeCovered, let layout = node.control.layout else {
            return partitions
        }
        return partitions.filter { partition in
            guard let move = layout.move(of: partition), move.phase == .dualWrite else { return true }
            return move.to.contains(node.id)
        }
    }

    // MARK: Serving as a source

    /// - Returns: `nil` for what the control core answers itself.
    func answerOfSource(_ message: ControlMessage, at node: SimulatedNode) -> ControlMessage? {
        switch message {
        case .seal(let partition) where node.storage.quarantined.contains(partition):
            return .sealExpired
        case .seal(let partition):
            let image = SimulatedImage(node.storage.entries(of: .replica(partition)))
            guard image.records > 0 else { return .sealed(nil) }
            let seal = self.takeID()
            node.seals[seal] = image
            return .sealed(image.manifest(seal: seal))
        case .readBlocks(_, let seal, let blocks):
            guard let image = node.seals[seal], let index = blocks.first?.lowerBound,
                !self.random.chance(self.network.faults.loss)
            else { return .sealExpired }
            let block = image.block(index)
            let isDamaged = self.random.chance(self.network.faults.blockDamage)
            return .block(isDamaged ? block.map { ~$0 } : block)
        case .unseal(_, let seal):
            node.seals[seal] = nil
            return .sealExpired
        default:
            return nil
        }
    }

    // MARK: Pulling as a target

    func prepareImage(_ manifest: SealManifest, of id: UInt64, at node: SimulatedNode) {
        let pull = SimulatedPull(manifest, keeping: node.tasks[id]?.pull)
        node.tasks[id]?.pull = pull
        self.finishLocally(id, with: .prepared(heldBytes: pull.heldBytes), at: node)
    }

    func pullNextBlock(from source: NodeID, of id: UInt64, at node: SimulatedNode) {
        guard let task = node.tasks[id], let question = node.tasks[id]?.pull?.next(of: task.partition) else {
            self.finishLocally(id, at: node)
            return
        }
        self.ask(source, .control(question), for: id, at: node)
    }

    /// - Returns: What to tell the machine; `nil` when the next block was asked for.
    func answerOfPull(
        _ answer: NodeTask.Answer,
        of id: UInt64,
        from source: NodeID?,
        at node: SimulatedNode
    ) -> PartitionTransfer.Answer? {
        guard var pull = node.tasks[id]?.pull, pull.isPulling, let source else { return answer.ofTransfer }
        let isGood: Bool
        if case .peer(.control(.block(let bytes))) = answer {
            isGood = pull.arrived(bytes)
        } else {
            isGood = false
        }
        if !isGood { pull.end() }
        node.tasks[id]?.pull = pull
        if isGood {
            self.pullNextBlock(from: source, of: id, at: node)
            return nil
        }
        if case .peer(.control(.sealExpired)) = answer { return .expired }
        return .bad("a block did not come")
    }
}

extension NodeTask.Answer {
    var ofTransfer: PartitionTransfer.Answer {
        switch self {
        case .peer(let message): .peer(message)
        case .storage(let outcome): .storage(outcome)
        case .done: .done
        case .revived(let isRevived): .revived(isRevived)
        case .prepared(let heldBytes): .prepared(heldBytes: heldBytes)
        case .timePassed: .failed("nothing was waited for")
        case .failed(let reason): .bad(reason)
        }
    }
}
