import QuireCore

/// Drives what nodes do in the background: one action at a time, each answered by a peer, by storage, or at once.
extension SimulatedCluster {
    /// Set in the storage tokens of tasks.
    static var taskToken: UInt64 { 1 << 63 }

    func begin(_ task: NodeTask, at node: SimulatedNode) {
        let id = self.takeID()
        node.tasks[id] = task
        switch task.machine {
        case .transfer(var transfer):
            let action = transfer.start()
            node.tasks[id]?.machine = .transfer(transfer)
            self.perform(action, of: id, at: node)
        case .cover(var cover):
            let action = cover.start()
            node.tasks[id]?.machine = .cover(cover)
            self.perform(action, of: id, at: node)
        case .exchange(var exchange):
            let action = exchange.start()
            node.tasks[id]?.machine = .exchange(exchange)
            self.perform(action, of: id, at: node)
        case .hints(var hints):
            let action = hints.start()
            node.tasks[id]?.machine = .hints(hints)
            self.perform(action, of: id, at: node)
        case .collection(var collection):
            let action = collection.start()
            node.tasks[id]?.machine = .collection(collection)
            self.perform(action, of: id, at: node)
        case .witness(var witness):
            let action = witness.start()
            node.tasks[id]?.machine = .witness(witness)
            self.perform(action, of: id, at: node)
        }
    }

    func answerTask(_ id: UInt64, _ answer: NodeTask.Answer, at node: SimulatedNode) {
        guard let task = node.tasks[id] else { return }
        switch task.machine {
        case .transfer(var transfer):
            guard let told = self.answerOfPull(answer, of: id, from: transfer.source, at: node) else { return }
            let action = transfer.answered(told)
            node.tasks[id]?.machine = .transfer(transfer)
            self.perform(action, of: id, at: node)
        case .cover(var cover):
            let action = cover.answered(answer.ofExchange)
            node.tasks[id]?.machine = .cover(cover)
            self.perform(action, of: id, at: node)
        case .exchange(var exchange):
            let action = exchange.answered(answer.ofExchange)
            node.tasks[id]?.machine = .exchange(exchange)
            self.perform(action, of: id, at: node)
        case .hints(var hints):
            let action = hints.answered(answer.ofExchange)
            node.tasks[id]?.machine = .hints(hints)
            self.perform(action, of: id, at: node)
        case .collection(var collection):
            let action = collection.told(answer, now: node.moment(at: self.queue.now))
            node.tasks[id]?.machine = .collection(collection)
            self.perform(action, of: id, at: node)
        case .witness(var witness):
            guard case .storage(let outcome) = answer else { return }
            let action = witness.answered(outcome)
            node.tasks[id]?.machine = .witness(witness)
            self.perform(action, of: id, at: node)
        }
    }

    // MARK: Actions

    private func perform(_ action: PartitionTransfer.Action, of id: UInt64, at node: SimulatedNode) {
        self.noteStep(action, at: node)
        switch action {
        case .ask(let peer, let message):
            self.ask(peer, message, for: id, at: node)
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .revive(let version):
            self.revive(since: version, of: id, at: node)
        case .prepareImage(let manifest):
            self.prepareImage(manifest, of: id, at: node)
        case .pullBlocks(let source, _):
            self.pullNextBlock(from: source, of: id, at: node)
        case .discardImage:
            node.tasks[id]?.pull = nil
            self.finishLocally(id, at: node)
        case .installImage:
            guard let task = node.tasks[id], let entries = SimulatedImage.decode(task.pull?.bytes ?? []) else {
                self.answerTask(id, .failed("the image is damaged"), at: node)
                return
            }
            node.storage.install(entries, in: task.partition)
            node.disturbed(task.partition)
            self.reached(.target, .hasInstalled, at: node)
            self.finishLocally(id, at: node)
        case .unseal(let source, let seal):
            guard let task = node.tasks[id], case .transfer(var transfer) = task.machine else { return }
            let message = PeerMessage.control(.unseal(task.partition, seal: seal))
            _ = self.send(message, from: node, to: source, origin: .task(0))
            let next = transfer.unsealed()
            node.tasks[id]?.machine = .transfer(transfer)
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
            let isRefetch = node.tasks[id]?.purpose.isRefetch ?? false
            self.execute(command, token: id | Self.taskToken, at: node, isRefetch: isRefetch)
        case .finish:
            self.finished(id, PartitionMove.Receipt(node: node.id, root: "", bytes: 0, checksum: ""), at: node)
        case .fail(let reason):
            self.failed(id, reason, at: node)
        }
    }

    private func perform(_ action: MerkleExchange.Action, of id: UInt64, at node: SimulatedNode) {
        guard case .repair(let pair)? = node.tasks[id]?.purpose else { return }
        switch action {
        case .ask(let message):
            self.ask(pair.peer, message, for: id, at: node)
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .finish, .fail:
            node.tasks[id] = nil
            node.schedule.repairEnded(pair, isComplete: action == .finish, now: self.queue.now)
        }
    }

    private func perform(_ action: HintDelivery.Action, of id: UInt64, at node: SimulatedNode) {
        guard let task = node.tasks[id], case .hints(let delivery) = task.machine else { return }
        switch action {
        case .ask(let peer, let message):
            self.ask(peer, message, for: id, at: node)
            if self.configuration.mutation == .dropsHintsOnSend, case .deliver(let partition, let records) = message {
                self.execute(.dropBatch(.hints(partition), records), token: 0, at: node)
            }
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .finish:
            node.tasks[id] = nil
            node.schedule.deliveryEnded(task.partition, delivery.summary, now: self.queue.now)
        }
    }

    func ask(_ peer: NodeID, _ message: PeerMessage, for id: UInt64, at node: SimulatedNode) {
        if !self.send(message, from: node, to: peer, origin: .task(id)) {
            // Not at once: the machine is in the middle of its step.
            self.queue.schedule(
                .taskAnswered(node.id, life: node.life, task: id, .failed("no link")),
                after: .milliseconds(1)
            )
        }
    }

    func finishLocally(_ id: UInt64, with answer: NodeTask.Answer = .done, at node: SimulatedNode) {
        let delay = Duration.microseconds(Int.random(in: 100...5000, using: &self.random))
        self.queue.schedule(.taskAnswered(node.id, life: node.life, task: id, answer), after: delay)
    }

    // MARK: Ends

    func finished(_ id: UInt64, _ receipt: PartitionMove.Receipt, at node: SimulatedNode) {
        guard let task = node.tasks.removeValue(forKey: id) else { return }
        switch task.purpose {
        case .fill(let session), .takeOver(let session):
            if case .takeOver = task.purpose { self.reached(.target, .hasTakenOver, at: node) }
            self.perform(node.control.handle(.covered(session: session, receipt), now: self.queue.now), at: node)
        case .refetch(let version):
            // Fellows may have changed meanwhile: then it begins anew.
            if node.control.layout?.version == version {
                node.storage.refetched(task.partition)
                node.disturbed(task.partition)
            }
        case .repair, .deliverHints, .collect, .witness: return
        }
    }

    private func failed(_ id: UInt64, _ reason: String, at node: SimulatedNode) {
        guard let task = node.tasks.removeValue(forKey: id) else { return }
        switch task.purpose {
        case .fill(let session), .takeOver(let session):
            let event = ControlCore.Event.coverFailed(session: session, reason: reason)
            self.perform(node.control.handle(event, now: self.queue.now), at: node)
        case .refetch, .repair, .deliverHints, .collect, .witness:
            return
        }
    }

    // MARK: Repair and hints

    /// Begins what the node's schedule says.
    func workInBackground(at node: SimulatedNode) {
        guard let layout = node.layout else { return }
        self.refetchSome(at: node)
        self.collectTombstones(at: node, layout)
        let isOn = self.isHealed || self.configuration.repairs
        guard isOn else { return }
        let now = self.queue.now
        node.schedule.peersConnected(
            Set(self.order.filter { self.network.generation(from: node.id, to: $0) != nil }),
            now: now
        )
        node.schedule.hintsCounted(node.storage.partitionsWithHints, now: now)
        if let pair = node.schedule.nextRepair(now: now) {
            let exchange = MerkleExchange(partition: pair.partition)
            self.begin(
                NodeTask(partition: pair.partition, purpose: .repair(pair), machine: .exchange(exchange)),
                at: node
            )
        }
        if let job = node.schedule.nextDelivery(now: now) {
            let delivery = HintDelivery(
                partition: job.partition,
                own: node.id,
                members: self.addressees(job, layout),
                digester: SimulatedStorage.digester
            )
            let task = NodeTask(partition: job.partition, purpose: .deliverHints, machine: .hints(delivery))
            self.begin(task, at: node)
        }
    }

    private func addressees(_ job: BackgroundSchedule.HintJob, _ layout: Layout) -> [NodeID] {
        switch self.configuration.mutation {
        case .deliversHintsToOneOwner: Array(job.members.prefix(1))
        case .deliversHintsToFormerOwners: self.layouts.first?.readRow(of: job.partition) ?? job.members
        default: job.members
        }
    }

    /// Hints follow a row that has moved.
    func redirectHints(of node: SimulatedNode, _ layout: Layout) {
        let mutation = self.configuration.mutation
        guard mutation != .deliversHintsToOneOwner, mutation != .deliversHintsToFormerOwners else { return }
        for id in node.tasks.keys {
            guard let task = node.tasks[id], case .hints(var delivery) = task.machine else { continue }
            delivery.rowChanged(to: BackgroundSchedule.members(of: task.partition, in: layout))
            node.tasks[id]?.machine = .hints(delivery)
        }
    }
}

extension NodeTask.Answer {
    fileprivate var ofExchange: MerkleExchange.Answer {
        switch self {
        case .peer(let message): .peer(message)
        case .storage(let outcome): .storage(outcome)
        case .done, .revived, .prepared, .timePassed: .unreachable("nothing was to be done")
        case .failed(let reason): .unreachable(reason)
        }
    }
}

extension TombstoneCollection {
    fileprivate mutating func told(_ answer: NodeTask.Answer, now: Moment) -> Action {
        switch answer {
        case .peer(let message): self.answered(.peer(message), now: now)
        case .storage(let outcome): self.answered(.storage(outcome), now: now)
        case .timePassed(let until):
            self.timePassed(now: Moment(elapsed: max(until, now.elapsed), wallMilliseconds: now.wallMilliseconds))
        case .done, .revived, .prepared, .failed: self.answered(.unreachable, now: now)
        }
    }
}
