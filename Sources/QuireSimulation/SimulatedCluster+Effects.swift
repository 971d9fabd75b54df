import QuireCore

/// The shell: carries out what the cores decide, and takes messages from node to node.
extension SimulatedCluster {
    // MARK: Effects

    func perform(_ effects: [RequestCore.Effect], at node: SimulatedNode) {
        for effect in effects {
            switch effect {
            case .answerClient(let id, let result):
                self.clientAnswered(id, result)
            case .store(let token, let command):
                node.noteHint(command)
                self.execute(self.expiring(command), token: token, at: node)
            case .askPeer(let peer, let correlation, let message, let budget):
                _ = self.send(message, from: node, to: peer, origin: .request(correlation), budget: budget)
            case .answerPeer(let request, let message):
                self.reply(request, message, from: node)
            case .layoutNeeded(let version):
                self.perform(node.control.handle(.layoutSeen(version), now: self.queue.now), at: node)
            }
        }
    }

    func perform(_ effects: [ControlCore.Effect], at node: SimulatedNode) {
        for effect in effects {
            self.noteStep(effect, at: node)
            switch effect {
            case .store(let token, let state):
                self.save(state, token, at: node)
            case .answerPeer(let request, let message):
                self.reply(request, .control(message), from: node)
            case .askPeer(let peer, let correlation, let message) where self.isForged(message):
                self.forgeAnswer(of: peer, to: message, correlation, at: node)
            case .askPeer(let peer, let correlation, let message):
                _ = self.send(.control(message), from: node, to: peer, origin: .control(correlation))
            case .adopt(let layout):
                self.adopt(layout, at: node)
            case .confirmAdoption(let version):
                self.perform(node.control.handle(.adoptionConfirmed(version), now: self.queue.now), at: node)
            case .fill(let order):
                self.fill(order, at: node)
            case .takeOver(let order):
                let cover = ReplicaCover(partition: order.partition, peers: order.sources)
                let task = NodeTask(
                    partition: order.partition,
                    purpose: .takeOver(order.session),
                    machine: .cover(cover)
                )
                self.begin(task, at: node)
            case .stop(let orders):
                let sessions = Set(orders.map(\.session))
                node.tasks = node.tasks.filter { !($0.value.purpose.session.map(sessions.contains) ?? false) }
            case .countHints:
                let count = node.storage.hintCount
                self.perform(node.control.handle(.hintsCounted(count), now: self.queue.now), at: node)
            case .keepOnly(let partitions):
                self.keepOnly(partitions, at: node)
            case .answerOperator(let id, let result):
                self.operatorAnswered(id, result)
            case .raise(let alarm):
                self.checker.violated("node \(node.id) raises an alarm: \(alarm)")
            case .link, .identify, .remember:
                // Simulated nodes keep their addresses: links follow `wantedPeers`.
                continue
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
        node.stored = self.configuration.mutation == .forgetsPromises ? state.withoutVotes : state
        guard self.configuration.mutation != .votesBeforeStoring else { return }
        self.perform(node.control.handle(.stored(token: token), now: self.queue.now), at: node)
    }

    private func adopt(_ layout: Layout, at node: SimulatedNode) {
        self.traced(UInt64(layout.version.rawValue))
        self.forgetHints(at: node, layout)
        node.layout = layout
        node.schedule.layoutAdopted(layout, now: self.queue.now)
        self.redirectHints(of: node, layout)
        self.checker.adopted(layout, as: self.catalogue.encode(layout), by: node.id)
        if !self.layouts.contains(where: { $0.version == layout.version }) {
            let place = self.layouts.firstIndex { $0.version > layout.version } ?? self.layouts.endIndex
            self.layouts.insert(layout, at: place)
            self.crashAfterDecision(of: node)
        }
        if layout.change?.isFinished == true, layout.change?.origin == nil { node.storage.forgetRetired() }
        // Who adopts late learns of rows that may have turned back since.
        if layout.version == self.layouts.last?.version { self.checkNewRows(of: layout) }
        let known =
            switch self.configuration.mutation {
            case .writesToTheOldRowOnly: layout.withoutDualWrites
            case .dropsTargetsAtOnce: layout.withoutReversals
            default: layout
            }
        self.perform(node.request.handle(.layoutAdopted(known), now: node.moment(at: self.queue.now)), at: node)
    }

    private func checkNewRows(of layout: Layout) {
        for key in self.workload.allKeys {
            let partition = layout.partitionCount.partition(of: key)
            guard let move = layout.move(of: partition), move.phase == .readNew,
                let history = self.checker.histories[key]
            else { continue }
            let held = move.to.compactMap { id -> VersionSet? in
                let storage = self.node(id).storage
                guard !storage.quarantined.contains(partition), !self.destroyed.contains(id) else { return nil }
                return history.accounted(storage.syncedRecord(of: key, in: .replica(partition)))
            }
            // A replica that is set aside answers nobody before it is whole again.
            self.checker.readsTurned(to: held, of: key, readQuorum: layout.readQuorum(of: partition))
        }
    }

    // MARK: Storage

    /// Puts carry no expiry yet, records do: keys that fade get theirs on their way to the storage that mints.
    private func expiring(_ command: StorageCommand) -> StorageCommand {
        guard case .mint(let store, let request) = command, request.value != nil,
            self.workload.fadingKeys.contains(request.key)
        else { return command }
        let lifetime = UInt64(Workload.fadingMilliseconds)
        return .mint(
            store,
            MintRequest(
                key: request.key,
                value: request.value,
                supersession: request.supersession,
                timestamp: request.timestamp,
                request: request.request,
                expiryMilliseconds: request.timestamp.wallMilliseconds + lifetime
            )
        )
    }

    func execute(_ command: StorageCommand, token: UInt64, at node: SimulatedNode, isRefetch: Bool = false) {
        if self.configuration.mutation == .rewritesWhatExpired {
            node.storage.rewriteExpired(command, now: node.moment(at: self.queue.now).wallMilliseconds)
        }
        let answers = node.storage.execute(command, token: token, isRefetch: isRefetch)
        self.noteStorage(of: node)
        if !answers.isEmpty {
            let delay = Duration.microseconds(Int.random(in: 20...400, using: &self.random))
            self.queue.schedule(.storageAnswered(node.id, life: node.life, answers), after: delay)
        }
        self.syncIfNeeded(node)
    }

    /// Tells the checkers what has become of records.
    func noteStorage(of node: SimulatedNode) {
        for note in node.storage.takeNotes() {
            switch note {
            case .minted(let minting): self.checker.minted(minting, at: node.id)
            case .synced(.replica, let key, let before, let after):
                self.checker.synced(key, before, after, at: node.id)
            case .synced(.hints, let key, let before, let after):
                self.checker.checkForgotten(after, of: key, at: node.id)
                guard !before.isEmpty else { continue }
                // A hint may have been dropped and begun anew since the last sync.
                self.checker.gaveUp(before, of: key, at: node.id, left: self.copiesLeft(of: key))
            case .collected(let key, let record): self.checker.collected(record, of: key)
            case .dropped(_, let key, let record):
                self.checker.gaveUp(record, of: key, at: node.id, left: self.copiesLeft(of: key))
            }
        }
    }

    private func syncIfNeeded(_ node: SimulatedNode) {
        guard !node.isSyncing, node.storage.hasUnsynced else { return }
        node.isSyncing = true
        node.storage.syncBegan()
        let isSlow = self.random.chance(self.network.faults.slowness)
        let most = node.isDiskSlow ? 400_000 : isSlow ? 60_000 : 2500
        // Longer than any answer from memory, so that `.minted` is told before `.durable`.
        let delay = Duration.microseconds(Int.random(in: 500...most, using: &self.random))
        self.queue.schedule(.syncEnded(node.id, life: node.life), after: delay)
    }

    func syncEnded(at node: SimulatedNode) {
        node.isSyncing = false
        let isGood = !self.random.chance(self.network.faults.syncFailure)
        let answers = node.storage.syncEnded(isGood: isGood)
        self.noteStorage(of: node)
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
    func send(
        _ message: PeerMessage,
        from node: SimulatedNode,
        to peer: NodeID,
        origin: SimulatedNode.Origin,
        budget: Duration? = nil
    ) -> Bool {
        guard self.network.generation(from: node.id, to: peer) != nil else { return false }
        let ask = self.takeID()
        node.asks[ask] = SimulatedNode.Ask(to: peer, origin: origin)
        let sent = self.configuration.mutation == .sendsLoneVersions ? message.withoutSiblings : message
        let life = self.node(peer).life
        // Requests are sent with the version by which they are counted, background work with the node's.
        let isRequest = if case .request = origin { true } else { false }
        let version = isRequest ? node.request.layoutVersion : node.layout?.version ?? .none
        let event = Event.request(
            from: node.id,
            to: peer,
            life: life,
            ask: ask,
            sent,
            Event.SentAt(time: self.queue.now, budget: budget, version: version)
        )
        self.transmit(event, from: node.id, to: peer, asker: node.id)
        if self.configuration.mutation == .countsSendsAsStored, message.isStoring {
            let answer = PeerMessage.acknowledged(latestTimestamp: .zero)
            self.queue.schedule(.answer(to: node.id, ask: ask, answer), after: .microseconds(50))
        }
        return true
    }

    func reply(_ request: RequestCore.PeerRequestID, _ message: PeerMessage, from node: SimulatedNode) {
        let asker = NodeID(rawValue: request.link)
        if case .failed = message {
            node.refused.insert(request.correlation)
        }
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
        case .held:
            self.held[SimulatedNetwork.Pair(from: from, to: to), default: []].append(event)
        case .lost(let silence):
            guard let generation = self.network.generation(from: asker, to: asked) else { return }
            self.queue.schedule(.linkSilent(from: asker, to: asked, generation: generation), after: silence)
        }
    }

    func requestArrived(
        from asker: NodeID,
        at node: SimulatedNode,
        _ ask: UInt64,
        _ message: PeerMessage,
        sentAt: Event.SentAt
    ) {
        // Nothing comes twice on a TCP connection: a duplicate shows what the product does about executing things twice,
        // but one of a request that was refused would be executed for the first time after its refusal.
        guard !node.refused.contains(ask) else { return }
        self.traced(ask)
        self.noteStep(message, at: node)
        // Only the first delivery has somebody who waits: the other's answer, perhaps a refusal, reaches nobody.
        let isFirst = node.seen.insert(ask).inserted
        let correlation = isFirst ? ask : ask | Self.duplicate
        let request = RequestCore.PeerRequestID(link: asker.rawValue, correlation: correlation)
        guard case .control(let control) = message else {
            let isBlind = self.configuration.mutation == .acceptsLateMessages
            var timing: MessageTiming =
                isBlind ? .fresh : MessageTiming(age: self.queue.now - sentAt.time, budget: sentAt.budget)
            timing.version = self.configuration.mutation == .countsOlderRequests ? nil : sentAt.version
            let now = node.moment(at: self.queue.now)
            self.perform(node.request.handle(.peerAsked(request, message, timing), now: now), at: node)
            return
        }
        if let (purpose, batch) = control.askedOfWitness {
            self.witness(purpose, batch, for: .peer(request), at: node)
        } else if let answer = self.answerOfSource(control, at: node) {
            self.reply(request, .control(answer), from: node)
        } else {
            self.perform(node.control.handle(.peerAsked(request, control), now: self.queue.now), at: node)
        }
    }

    /// Set in the correlations of requests that came before.
    private static var duplicate: UInt64 { 1 << 62 }

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

extension PeerMessage {
    fileprivate var isStoring: Bool {
        switch self {
        case .put, .hint: true
        default: false
        }
    }

    /// The mistake of a replica that sends what it has just minted instead of its whole record (SAFETY rule 1).
    fileprivate var withoutSiblings: PeerMessage {
        guard case .put(let partition, let key, let record, let sync) = self, let winner = record.winner,
            let lone = Record(vector: record.vector, siblings: [winner])
        else { return self }
        return .put(partition, key, lone, sync: sync)
    }
}
