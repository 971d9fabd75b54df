import QuireCore

/// Forgetting deleted keys, at those who hold tokens and at those who are asked (SAFETY rule 9).
extension SimulatedCluster {
    // MARK: Collecting

    /// Begins a pass over each partition whose token is here and which has something to forget.
    func collectTombstones(at node: SimulatedNode, _ layout: Layout) {
        guard let rules = self.configuration.tombstones, self.queue.now >= node.collectsAt else { return }
        node.collectsAt = self.queue.now + SimulatedNode.collectionPause
        if self.configuration.mutation == .dropsTombstonesUnasked {
            self.dropUnasked(at: node, layout)
            return
        }
        // As in the product: while somebody cannot be reached, nothing is scanned in vain.
        let isAlone = layout.members.contains { member in
            member.id != node.id && self.network.generation(from: node.id, to: member.id) == nil
        }
        guard !isAlone else { return }
        for partition in layout.partitionCount.partitions where layout.readRow(of: partition).first == node.id {
            guard !layout.isInMotion(partition), node.storage.hasTombstones(in: partition),
                !node.tasks.values.contains(where: { $0.purpose == .collect && $0.partition == partition })
            else { continue }
            let collection = TombstoneCollection(
                partition: partition,
                node: node.id,
                layout: layout,
                rules: rules,
                digester: SimulatedStorage.digester
            )
            self.begin(
                NodeTask(partition: partition, purpose: .collect, machine: .collection(collection)),
                at: node
            )
        }
    }

    private func dropUnasked(at node: SimulatedNode, _ layout: Layout) {
        for partition in layout.partitionCount.partitions where layout.readRow(of: partition).contains(node.id) {
            let store = StoreID.replica(partition)
            let settled = node.storage.entries(of: store).filter { $0.record.settledMilliseconds != nil }
            guard !settled.isEmpty else { continue }
            self.execute(.dropBatch(store, settled), token: 0, at: node)
        }
    }

    func perform(_ action: TombstoneCollection.Action, of id: UInt64, at node: SimulatedNode) {
        switch action {
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .ask(let member, let message):
            self.askWitness(member, message, for: id, at: node)
        case .wait(let until):
            let isOneRound = self.configuration.mutation == .asksOnce
            let event = Event.taskAnswered(node.id, life: node.life, task: id, .timePassed(until))
            self.queue.schedule(event, after: isOneRound ? .milliseconds(1) : max(until - self.queue.now, .zero))
        case .finish(let outcome):
            self.traced(UInt64(outcome.dropped))
            if let kept = outcome.kept { self.checker.keptTombstones(because: kept.obstacle) }
            node.tasks[id] = nil
        }
    }

    private func askWitness(_ member: NodeID, _ message: PeerMessage, for id: UInt64, at node: SimulatedNode) {
        guard case .control(let control) = message, let (purpose, batch) = control.askedOfWitness else {
            self.ask(member, message, for: id, at: node)
            return
        }
        let row = node.layout?.readRow(of: batch.partition) ?? []
        if self.configuration.mutation == .asksTheRowOnly, !row.contains(member) {
            let granted = PeerMessage.control(.tombstonesAnswered(.granted(epoch: 0, exceptions: [])))
            let event = Event.taskAnswered(node.id, life: node.life, task: id, .peer(granted))
            self.queue.schedule(event, after: .milliseconds(1))
        } else if member == node.id {
            self.witness(purpose, batch, for: .task(id), at: node)
        } else {
            self.ask(member, message, for: id, at: node)
        }
    }

    // MARK: Attesting

    /// In the order of the product: what requests have in hand is stored or given up, then the surroundings are looked
    /// at, then the records.
    func witness(
        _ purpose: TombstoneWitness.Purpose,
        _ batch: TombstoneBatch,
        for asker: NodeTask.Asker,
        at node: SimulatedNode
    ) {
        guard let rules = self.configuration.tombstones else { return }
        let now = node.moment(at: self.queue.now)
        self.perform(node.request.handle(.timePassed, now: now), at: node)
        let witness = TombstoneWitness(
            purpose,
            batch,
            in: TombstoneWitness.Circumstances(
                node: node.id,
                layout: node.layout,
                surroundings: node.surroundings(of: batch.partition),
                wallMilliseconds: now.wallMilliseconds,
                rules: rules,
                digester: SimulatedStorage.digester
            )
        )
        self.begin(
            NodeTask(partition: batch.partition, purpose: .witness(asker), machine: .witness(witness)),
            at: node
        )
    }

    func perform(_ action: TombstoneWitness.Action, of id: UInt64, at node: SimulatedNode) {
        switch action {
        case .store(.scan(.hints(let partition), _, _)) where self.configuration.mutation == .collectsDespiteHints:
            let command = StorageCommand.scan(.hints(partition), after: nil, limit: PageLimit(records: 0))
            self.execute(command, token: id | Self.taskToken, at: node)
        case .store(let command):
            self.execute(command, token: id | Self.taskToken, at: node)
        case .answer(let answer):
            guard case .witness(let asker)? = node.tasks.removeValue(forKey: id)?.purpose else { return }
            self.answerAsker(asker, self.told(answer), at: node)
        }
    }

    private func told(_ answer: TombstoneAnswer) -> TombstoneAnswer {
        guard self.configuration.mutation == .collectsDespiteHints, case .granted(_, let exceptions) = answer else {
            return answer
        }
        return .granted(epoch: 0, exceptions: exceptions)
    }

    private func answerAsker(_ asker: NodeTask.Asker, _ answer: TombstoneAnswer, at node: SimulatedNode) {
        switch asker {
        case .peer(let request):
            self.reply(request, .control(.tombstonesAnswered(answer)), from: node)
        case .task(let task):
            let answer = NodeTask.Answer.peer(.control(.tombstonesAnswered(answer)))
            let event = Event.taskAnswered(node.id, life: node.life, task: task, answer)
            self.queue.schedule(event, after: .microseconds(100))
        }
    }
}

extension ControlMessage {
    var askedOfWitness: (TombstoneWitness.Purpose, TombstoneBatch)? {
        switch self {
        case .attestTombstones(let batch): (.attest, batch)
        case .dropTombstones(let batch): (.drop, batch)
        default: nil
        }
    }
}

extension SimulatedNode {
    /// Between the passes over a node's partitions.
    static let collectionPause = Duration.milliseconds(100)

    /// Old values of the partition may have come to this node, or have gone from it.
    func disturbed(_ partition: PartitionID) {
        self.disturbances[partition, default: 0] += 1
    }

    /// A hint may have come and been delivered between two looks at the hint store.
    func noteHint(_ command: StorageCommand) {
        switch command {
        case .merge(.hints(let partition), _, _, _), .mint(.hints(let partition), _),
            .mergeBatch(.hints(let partition), _):
            self.disturbed(partition)
        default:
            return
        }
    }

    /// Each life has epochs of its own.
    func surroundings(of partition: PartitionID) -> PartitionSurroundings {
        PartitionSurroundings(
            epoch: self.life << 32 + (self.disturbances[partition] ?? 0),
            isBusy: self.tasks.values.contains { $0.partition == partition && $0.purpose.keepsRecords },
            hasRetiredCopy: self.storage.retired[partition] != nil
        )
    }
}

extension SimulatedStorage {
    func hasTombstones(in partition: PartitionID) -> Bool {
        self.live[.replica(partition)]?.values.contains { $0.settledMilliseconds != nil } ?? false
    }
}
