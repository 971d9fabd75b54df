import QuireCore

/// Drives transfers and covers, and serves as their source.
extension SimulatedCluster {
    /// Set in the storage tokens of tasks.
    static var taskToken: UInt64 { 1 << 63 }

    func fill(_ partition: PartitionID, from sources: [NodeID], at node: SimulatedNode) {
        let isOneEnough = self.configuration.mutation == .fillsFromOneReplica
        let transfer = PartitionTransfer(
            partition: partition,
            node: node.id,
            replicas: isOneEnough ? Array(sources.prefix(1)) : sources
        )
        self.begin(MoveTask(partition: partition, purpose: .fill, machine: .transfer(transfer)), at: node)
    }

    func begin(_ task: MoveTask, at node: SimulatedNode) {
        let id = self.takeID()
        var task = task
        switch task.machine {
        case .transfer(var transfer):
            let action = transfer.start()
            task.machine = .transfer(transfer)
            node.tasks[id] = task
            self.perform(action, of: id, at: node)
        case .cover(var cover):
            let action = cover.start()
            task.machine = .cover(cover)
            node.tasks[id] = task
            self.perform(action, of: id, at: node)
        }
    }

    func answerTask(_ id: UInt64, _ answer: MoveTask.Answer, at node: SimulatedNode) {
        guard var task = node.tasks[id] else { return }
        switch task.machine {
        case .transfer(var transfer):
            let action = transfer.answered(Self.transferAnswer(answer))
            task.machine = .transfer(transfer)
            node.tasks[id] = task
            self.perform(action, of: id, at: node)
        case .cover(var cover):
            let action = cover.answered(Self.coverAnswer(answer))
            task.machine = .cover(cover)
            node.tasks[id] = task
            self.perform(action, of: id, at: node)
        }
    }

    private static func transferAnswer(_ answer: MoveTask.Answer) -> PartitionTransfer.Answer {
        switch answer {
        case .peer(let message): .peer(message)
        case .storage(let outcome): .storage(outcome)
        case .done: .done(checksum: "")
        case .failed(let reason): .failed(reason)
        }
    }

    private static func coverAnswer(_ answer: MoveTask.Answer) -> ReplicaCover.Answer {
        switch answer {
        case .peer(let message): .peer(message)
        case .storage(let outcome): .storage(outcome)
        case .done: .unreachable("nothing was to be done")
        case .failed(let reason): .unreachable(reason)
        }
    }

    private func perform(_ action: PartitionTransfer.Action, of id: UInt64, at node: SimulatedNode) {
        switch action {
        case .ask(let peer, let message):
            self.ask(peer, message, for: id, at: node)
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .createImage:
            node.tasks[id]?.image = []
            self.finishLocally(id, at: node)
        case .appendBlock(let bytes):
            node.tasks[id]?.image += bytes
            self.finishLocally(id, at: node)
        case .installImage:
            guard let task = node.tasks[id], let entries = SimulatedImage.decode(task.image) else {
                self.answerTask(id, .failed("the image is damaged"), at: node)
                return
            }
            node.storage.install(entries, in: task.partition)
            self.finishLocally(id, at: node)
        case .unseal(let source, let seal):
            guard var task = node.tasks[id], case .transfer(var transfer) = task.machine else { return }
            let message = PeerMessage.control(.unseal(task.partition, seal: seal))
            _ = self.send(message, from: node, to: source, origin: .task(0))
            let next = transfer.unsealed()
            task.machine = .transfer(transfer)
            node.tasks[id] = task
            self.perform(next, of: id, at: node)
        case .finish(let receipt):
            self.finished(id, receipt, at: node)
        case .fail(let reason):
            self.failed(id, reason, at: node)
        }
    }

    private func perform(_ action: ReplicaCover.Action, of id: UInt64, at node: SimulatedNode) {
        switch action {
        case .ask(let peer, let message):
            self.ask(peer, message, for: id, at: node)
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .finish:
            self.finished(id, PartitionMove.Receipt(node: node.id, root: "", bytes: 0, checksum: ""), at: node)
        case .fail(let reason):
            self.failed(id, reason, at: node)
        }
    }

    private func ask(_ peer: NodeID, _ message: PeerMessage, for id: UInt64, at node: SimulatedNode) {
        if !self.send(message, from: node, to: peer, origin: .task(id)) {
            self.answerTask(id, .failed("no link"), at: node)
        }
    }

    private func finishLocally(_ id: UInt64, at node: SimulatedNode) {
        let delay = Duration.microseconds(Int.random(in: 100...5000, using: &self.random))
        self.queue.schedule(.taskAnswered(node.id, life: node.life, task: id, .done), after: delay)
    }

    private func finished(_ id: UInt64, _ receipt: PartitionMove.Receipt, at node: SimulatedNode) {
        guard let task = node.tasks.removeValue(forKey: id) else { return }
        let phase: PartitionMove.Phase
        switch task.purpose {
        case .fill: phase = .dualWrite
        case .takeOver: phase = .draining
        case .equalise: return
        }
        let proof = PartitionReceipt(partition: task.partition, phase: phase, receipt: receipt)
        self.perform(node.control.handle(.covered(proof), now: self.queue.now), at: node)
    }

    private func failed(_ id: UInt64, _ reason: String, at node: SimulatedNode) {
        guard let task = node.tasks.removeValue(forKey: id) else { return }
        switch task.purpose {
        case .fill, .takeOver:
            let event = ControlCore.Event.coverFailed(task.partition, reason: reason)
            self.perform(node.control.handle(event, now: self.queue.now), at: node)
        case .equalise:
            return
        }
    }

    // MARK: Serving as a source

    /// - Returns: `nil` for what the control core answers itself.
    func answerOfSource(_ message: ControlMessage, at node: SimulatedNode) -> ControlMessage? {
        switch message {
        case .seal(let partition):
            let image = SimulatedImage(node.storage.entries(of: .replica(partition)))
            guard image.records > 0 else { return .sealed(nil) }
            let seal = self.takeID()
            node.seals[seal] = image
            return .sealed(image.description(seal: seal))
        case .readBlock(_, let seal, let index):
            guard let image = node.seals[seal], !self.random.chance(self.network.faults.loss) else {
                return .sealExpired
            }
            let block = image.block(index)
            return .block(block, checksum: CRC32C.checksum(block))
        case .unseal(_, let seal):
            node.seals[seal] = nil
            return .sealExpired
        default:
            return nil
        }
    }
}
