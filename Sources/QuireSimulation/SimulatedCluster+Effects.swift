import QuireCore

/// The shell: carries out what the cores decide, and takes messages from node to node.
extension SimulatedCluster {
    // MARK: Effects

    func perform(_ effects: [RequestCore.Effect], at node: SimulatedNode) {
        for effect in effects {
            switch effect {
            case .answerClient(let id, let result):
                self.clientAnswered(id, result, by: node)
            case .store(let token, let command):
                self.execute(command, token: token, at: node)
            case .askPeer(let peer, let correlation, let message, _):
                _ = self.send(message, from: node, to: peer, origin: .request(correlation))
            case .answerPeer(let request, let message):
                self.reply(request, message, from: node)
            case .drained(let version):
                self.perform(node.control.handle(.drained(version), now: self.queue.now), at: node)
            }
        }
    }

    func perform(_ effects: [ControlCore.Effect], at node: SimulatedNode) {
        for effect in effects {
            switch effect {
            case .store(let token, let state):
                self.save(state, token, at: node)
            case .answerPeer(let request, let message):
                self.reply(request, .control(message), from: node)
            case .askPeer(let peer, let correlation, let message):
                _ = self.send(.control(message), from: node, to: peer, origin: .control(correlation))
            case .adopt(let layout):
                self.adopt(layout, at: node)
            case .drain(let version):
                let now = node.moment(at: self.queue.now)
                self.perform(node.request.handle(.drainAsked(version), now: now), at: node)
                if self.configuration.mutation == .drainsAtOnce {
                    self.perform(node.control.handle(.drained(version), now: self.queue.now), at: node)
                }
            case .fill(let partition, let sources):
                self.fill(partition, from: sources, at: node)
            case .takeOver(let partition, let owners):
                let cover = ReplicaCover(partition: partition, peers: owners)
                self.begin(MoveTask(partition: partition, purpose: .takeOver, machine: .cover(cover)), at: node)
            case .keepOnly(let partitions):
                node.storage.keepOnly(partitions)
            case .answerOperator(_, let result):
                self.operatorAnswered(result)
            }
        }
    }

    private func save(_ state: LayoutAcceptor.State, _ token: UInt64, at node: SimulatedNode) {
        let delay = Duration.microseconds(Int.random(in: 200...3000, using: &self.random))
        node.stateSavedAt = max(node.stateSavedAt, self.queue.now) + delay
        let event = Event.stateSaved(node.id, life: node.life, token: token, state)
        if self.configuration.mutation == .votesBeforeStoring {
            self.queue.schedule(event, after: .milliseconds(400))
            self.perform(node.control.handle(.stored(token: token), now: self.queue.now), at: node)
        } else {
            self.queue.schedule(event, after: node.stateSavedAt - self.queue.now)
        }
    }

    func stateSaved(_ token: UInt64, _ state: LayoutAcceptor.State, at node: SimulatedNode) {
        node.stored = state
        guard self.configuration.mutation != .votesBeforeStoring else { return }
        self.perform(node.control.handle(.stored(token: token), now: self.queue.now), at: node)
    }

    private func adopt(_ layout: Layout, at node: SimulatedNode) {
        self.traced(UInt64(layout.version.rawValue))
        self.checker.adopted(layout, as: self.catalogue.encode(layout), by: node.id)
        self.checkNewRows(of: layout)
        self.perform(node.request.handle(.layoutAdopted(layout), now: node.moment(at: self.queue.now)), at: node)
        guard self.configuration.mutation == .fillsBeforeTheBarrier else { return }
        for move in layout.moves where move.phase == .dualWrite && move.newcomers.contains(node.id) {
            guard !node.tasks.values.contains(where: { $0.partition == move.partition }) else { continue }
            self.fill(move.partition, from: move.from, at: node)
        }
    }

    private func checkNewRows(of layout: Layout) {
        for key in self.workload.keys {
            let partition = layout.partitionCount.partition(of: key)
            guard let move = layout.move(of: partition), move.phase == .readNew else { continue }
            let records = move.to.map { self.node($0).storage.synced[.replica(partition)]?[key] ?? Record() }
            self.checker.readsTurned(to: records, of: key, readQuorum: layout.quorums.readQuorum)
        }
    }

    // MARK: Storage

    func execute(_ command: StorageCommand, token: UInt64, at node: SimulatedNode) {
        let answers = node.storage.execute(command, token: token)
        for minting in node.storage.takeMintings() {
            self.checker.minted(minting, at: node.id)
        }
        if !answers.isEmpty {
            let delay = Duration.microseconds(Int.random(in: 20...400, using: &self.random))
            self.queue.schedule(.storageAnswered(node.id, life: node.life, answers), after: delay)
        }
        self.syncIfNeeded(node)
    }

    private func syncIfNeeded(_ node: SimulatedNode) {
        guard !node.isSyncing, node.storage.hasUnsynced else { return }
        node.isSyncing = true
        node.storage.syncBegan()
        let isSlow = self.random.chance(self.network.faults.slowness)
        // Longer than any answer from memory, so that `.minted` is told before `.durable`.
        let delay = Duration.microseconds(Int.random(in: 500...(isSlow ? 60_000 : 2500), using: &self.random))
        self.queue.schedule(.syncEnded(node.id, life: node.life), after: delay)
    }

    func syncEnded(at node: SimulatedNode) {
        node.isSyncing = false
        let isGood = !self.random.chance(self.network.faults.syncFailure)
        let answers = node.storage.syncEnded(isGood: isGood)
        self.syncIfNeeded(node)
        self.storageAnswered(answers, at: node)
    }

    func storageAnswered(_ answers: [SimulatedStorage.Answer], at node: SimulatedNode) {
        for answer in answers where answer.token != 0 {
            self.traced(answer.token)
            if answer.token & Self.taskToken != 0 {
                self.answerTask(answer.token & ~Self.taskToken, .storage(answer.outcome), at: node)
            } else {
                let completion = StorageCompletion(token: answer.token, outcome: answer.outcome)
                let now = node.moment(at: self.queue.now)
                self.perform(node.request.handle(.storageCompleted(completion), now: now), at: node)
            }
        }
    }

    // MARK: Messages

    /// - Returns: `false` when there is no link.
    func send(_ message: PeerMessage, from node: SimulatedNode, to peer: NodeID, origin: SimulatedNode.Origin) -> Bool {
        guard self.network.generation(from: node.id, to: peer) != nil else { return false }
        let ask = self.takeID()
        node.asks[ask] = SimulatedNode.Ask(to: peer, origin: origin)
        self.transmit(.request(from: node.id, to: peer, ask: ask, message), from: node.id, to: peer, asker: node.id)
        return true
    }

    private func reply(_ request: RequestCore.PeerRequestID, _ message: PeerMessage, from node: SimulatedNode) {
        let asker = NodeID(rawValue: request.link)
        let event = Event.answer(to: asker, ask: request.correlation, message)
        self.transmit(event, from: node.id, to: asker, asker: asker)
    }

    /// A lost message breaks the link of the one who asked.
    private func transmit(_ event: Event, from: NodeID, to: NodeID, asker: NodeID) {
        let asked = asker == from ? to : from
        switch self.network.fate(from: from, to: to, using: &self.random) {
        case .delivered(let delays):
            for delay in delays {
                self.queue.schedule(event, after: delay)
            }
        case .lost(let silence):
            guard let generation = self.network.generation(from: asker, to: asked) else { return }
            self.queue.schedule(.linkSilent(from: asker, to: asked, generation: generation), after: silence)
        }
    }

    func requestArrived(from asker: NodeID, at id: NodeID, _ ask: UInt64, _ message: PeerMessage) {
        let node = self.node(id)
        guard node.isUp else { return }
        self.traced(ask)
        let request = RequestCore.PeerRequestID(link: asker.rawValue, correlation: ask)
        guard case .control(let control) = message else {
            self.perform(
                node.request.handle(.peerAsked(request, message), now: node.moment(at: self.queue.now)),
                at: node
            )
            return
        }
        if let answer = self.answerOfSource(control, at: node) {
            self.reply(request, .control(answer), from: node)
        } else {
            self.perform(node.control.handle(.peerAsked(request, control), now: self.queue.now), at: node)
        }
    }

    func answerArrived(at id: NodeID, _ ask: UInt64, _ message: PeerMessage) {
        let node = self.node(id)
        guard let asked = node.asks.removeValue(forKey: ask) else { return }
        self.traced(ask)
        switch asked.origin {
        case .request(let correlation):
            let event = RequestCore.Event.peerAnswered(asked.to, correlation: correlation, message)
            self.perform(node.request.handle(event, now: node.moment(at: self.queue.now)), at: node)
        case .control(let correlation):
            let event = ControlCore.Event.peerAnswered(asked.to, correlation: correlation, message)
            self.perform(node.control.handle(event, now: self.queue.now), at: node)
        case .task(let task):
            self.answerTask(task, .peer(message), at: node)
        }
    }

    func breakLink(from: NodeID, to: NodeID) {
        guard self.network.disconnect(from: from, to: to) else { return }
        let node = self.node(from)
        guard node.isUp else { return }
        for ask in node.asks.keys.sorted() {
            guard let asked = node.asks[ask], asked.to == to else { continue }
            node.asks[ask] = nil
            switch asked.origin {
            case .request: continue
            case .control(let correlation):
                let event = ControlCore.Event.peerSilent(to, correlation: correlation)
                self.perform(node.control.handle(event, now: self.queue.now), at: node)
            case .task(let task): self.answerTask(task, .failed("the link broke"), at: node)
            }
        }
        self.perform(node.request.handle(.peerLost(to), now: node.moment(at: self.queue.now)), at: node)
        self.perform(node.control.handle(.peerLost(to), now: self.queue.now), at: node)
    }
}
