extension RequestCore {
    /// Fixes the identity and the timestamp of a client's put, and finds who coordinates it.
    mutating func beginPut(
        _ request: PutRequest,
        wasLive: Bool,
        layout: Layout,
        for asker: Asker,
        budget: Duration?,
        now: Moment,
        into effects: inout [Effect]
    ) {
        let quorums = layout.quorums
        if let asked = request.writeQuorum, !(quorums.writeQuorumMin...quorums.replicaCount).contains(asked) {
            let reason = "W must be in \(quorums.writeQuorumMin)...\(quorums.replicaCount), not \(asked)"
            self.answer(asker, with: .failed(.invalid(reason)), into: &effects)
            return
        }
        let partition = layout.partitionCount.partition(of: request.key)
        let write = Write(
            request: request,
            partition: partition,
            id: RequestID(high: self.generator.next(), low: self.generator.next()),
            timestamp: self.clock.tick(wallMilliseconds: now.wallMilliseconds),
            wasLive: wasLive
        )
        if self.coordinatesItself(partition, preferred: request.preferredReplica, layout) {
            self.coordinate(write, layout: layout, for: asker, budget: budget, now: now, into: &effects)
        } else {
            let candidates = self.otherCoordinators(of: partition, preferred: request.preferredReplica, layout)
            self.forward(
                write,
                to: candidates,
                layout: layout,
                for: asker,
                budget: budget,
                now: now,
                into: &effects
            )
        }
    }

    /// Mints at this node and sends the record to the members of the row.
    ///
    /// A node outside the row mints in its hint store (SAFETY rule 3).
    ///
    /// - Parameter budget: How long the asker waits, if it is another node.
    mutating func coordinate(
        _ write: Write,
        layout: Layout,
        for asker: Asker,
        budget: Duration? = nil,
        now: Moment,
        into effects: inout [Effect]
    ) {
        let rows = layout.writeRows(of: write.partition)
        let isMember = rows.contains { $0.contains(self.configuration.node) }
        let machine = PutOperation(
            rows: rows,
            required: layout.writeQuorums(of: write.partition, asked: write.request.writeQuorum),
            durability: write.request.durability ?? .all,
            isLastWriteWins: write.request.supersession == .older,
            timestamp: write.timestamp,
            coordinatingStandIn: isMember ? nil : self.configuration.node
        )
        let put = Put(
            machine: machine,
            write: write,
            store: isMember ? .replica(write.partition) : .hints(write.partition)
        )
        let bytes = write.request.key.bytes.count + (write.request.value?.count ?? 0)
        let id = self.insert(.put(put), layout: layout, for: asker, bytes: bytes, budget: budget, now: now)
        self.mint(put, of: id, into: &effects)
    }

    private mutating func mint(_ put: Put, of id: UInt64, into effects: inout [Effect]) {
        let request = MintRequest(
            key: put.write.request.key,
            value: put.write.request.value,
            supersession: put.write.request.supersession,
            timestamp: put.write.timestamp,
            request: RequestID(high: put.write.id.high, low: put.write.id.low &+ put.attempt)
        )
        self.store(.mint(put.store, request), for: .put(id, attempt: put.attempt), into: &effects)
    }

    /// The new version is merged here: the record may travel before our own sync (SAFETY rule 6).
    mutating func putMinted(_ record: Record, of id: UInt64, attempt: UInt64, now: Moment, into effects: inout [Effect])
    {
        guard case .put(var put)? = self.operations[id]?.body, put.attempt == attempt else { return }
        put.stored = record
        put.isMinting = false
        self.operations[id]?.body = .put(put)
        if put.isOvertaken, let layout = self.layout {
            self.countAnew(id, layout, now: now, into: &effects)
            return
        }
        let durability = put.write.request.durability ?? .all
        let message = PeerMessage.put(put.write.partition, put.write.request.key, record, sync: durability == .all)
        for node in put.machine.members where node != self.configuration.node {
            let wait = Wait.put(id, attempt: attempt)
            if self.ask(node, message, for: wait, into: &effects) {
                guard self.suspects.contains(node) else { continue }
                // It may be alive, so it is asked; nobody waits for it.
                self.putPatienceEnded(id, attempt: attempt, for: node, now: now, into: &effects)
            } else if !self.isExpected(node, now: now) {
                self.putFailed(at: node, id, attempt: attempt, now: now, into: &effects)
            }
        }
        if durability != .all {
            let latest = record.latestTimestamp
            let own = self.configuration.node
            self.putAcknowledged(by: own, id, attempt: attempt, isSynced: false, latest, now: now, into: &effects)
        }
    }

    /// A fence was set since the version by which this put counts: no acknowledgement from before it counts, not even
    /// the own one, for the replica may have been given up and taken up again meanwhile (SAFETY rule 11). Or nodes have
    /// other parts now: what a former member has stored counts for no member that it stands in for from now on.
    mutating func countAnew(_ id: UInt64, _ layout: Layout, now: Moment, into effects: inout [Effect]) {
        guard case .put(var put)? = self.operations[id]?.body, !put.machine.hasEnded else { return }
        guard !put.isMinting else {
            put.isOvertaken = true
            self.operations[id]?.body = .put(put)
            return
        }
        let (partition, key) = (put.write.partition, put.write.request.key)
        let rows = layout.writeRows(of: partition)
        let own = self.configuration.node
        let isMember = rows.contains { $0.contains(own) }
        // One that leaves would have to hand its hint on first, and may have been counted as empty already.
        let standsIn = !isMember && !layout.leaving.contains(own)
        put.isOvertaken = false
        put.attempt += 1
        put.store = isMember ? .replica(partition) : .hints(partition)
        put.machine.beganAnew(
            rows: rows,
            required: layout.writeQuorums(of: partition, asked: put.write.request.writeQuorum),
            coordinatingStandIn: standsIn ? own : nil
        )
        self.operations[id]?.body = .put(put)
        if isMember || standsIn {
            let sync = put.write.request.durability ?? .all == .all
            let command = StorageCommand.merge(put.store, key, put.stored, sync: sync)
            self.store(command, for: .ownHint(id, attempt: put.attempt), into: &effects)
        }
        for node in put.machine.members where node != own {
            self.askAgain(node, id, put, now: now, into: &effects)
        }
    }

    mutating func askAgain(_ node: NodeID, _ id: UInt64, _ put: Put, now: Moment, into effects: inout [Effect]) {
        let sync = put.write.request.durability ?? .all == .all
        let message = PeerMessage.put(put.write.partition, put.write.request.key, put.stored, sync: sync)
        let isSent = self.ask(node, message, for: .put(id, attempt: put.attempt), into: &effects)
        if !isSent && !self.isExpected(node, now: now) {
            self.putFailed(at: node, id, attempt: put.attempt, now: now, into: &effects)
        }
    }

    mutating func putAcknowledged(
        by node: NodeID,
        _ id: UInt64,
        attempt: UInt64,
        isSynced: Bool,
        _ latest: HybridTimestamp,
        now: Moment,
        into effects: inout [Effect]
    ) {
        self.updatePut(id, attempt: attempt, now: now, into: &effects) { machine, _ in
            machine.acknowledged(node, isSynced: isSynced, latest: latest)
        }
    }

    mutating func putFailed(
        at node: NodeID,
        _ id: UInt64,
        attempt: UInt64,
        now: Moment,
        into effects: inout [Effect]
    ) {
        self.updatePut(id, attempt: attempt, now: now, into: &effects) { machine, candidates in
            machine.failed(node, candidates: candidates)
        }
    }

    /// - Parameter node: The one member that is slow, or `nil` when time itself tells who is.
    mutating func putPatienceEnded(
        _ id: UInt64,
        attempt: UInt64,
        for node: NodeID? = nil,
        now: Moment,
        into effects: inout [Effect]
    ) {
        var slow: [NodeID] = []
        self.updatePut(id, attempt: attempt, now: now, into: &effects) { machine, candidates in
            if let node { return machine.suspected(node, candidates: candidates) }
            let (step, found) = machine.patienceEnded(candidates: candidates)
            slow = found
            return step
        }
        self.suspect(slow)
    }

    mutating func putDeadlinePassed(_ id: UInt64, attempt: UInt64, now: Moment, into effects: inout [Effect]) {
        self.updatePut(id, attempt: attempt, now: now, into: &effects) { machine, _ in machine.deadlinePassed() }
    }

    mutating func updatePut(
        _ id: UInt64,
        attempt: UInt64,
        now: Moment,
        into effects: inout [Effect],
        _ event: (inout PutOperation, () -> [NodeID]) -> PutOperation.Step
    ) {
        guard case .put(var put)? = self.operations[id]?.body, put.attempt == attempt else { return }
        let partition = put.write.partition
        let step = event(&put.machine) { self.standIns(for: partition) }
        self.operations[id]?.body = .put(put)
        self.perform(step, of: id, put, now: now, into: &effects)
    }

    private mutating func perform(
        _ step: PutOperation.Step,
        of id: UInt64,
        _ put: Put,
        now: Moment,
        into effects: inout [Effect]
    ) {
        switch step.outcome {
        case nil: break
        case .succeeded(let standIns):
            let result = ClientResult.stored(put.stored, wasLive: put.write.wasLive, standIns: standIns)
            self.answerAsker(of: id, with: result, into: &effects)
        case .quorumLost(let acknowledged, let required):
            if let failure = put.ownFailure, acknowledged == 0 {
                let reason = "\(failure); the write may survive on some replicas; read before you retry"
                self.answerAsker(of: id, with: .failed(.notDurable(reason)), into: &effects)
            } else {
                self.answerAsker(of: id, with: Self.writeLost(acknowledged, required), into: &effects)
            }
        case .writeAgain(let latest):
            self.writeAgain(put, of: id, after: latest, now: now, into: &effects)
            return
        }
        if step.isOver {
            self.remove(id)
        }
        self.sendHints(step, of: id, put, now: now, into: &effects)
    }

    /// Also after the end of the operation: what a lost quorum leaves behind should be where it belongs.
    private mutating func sendHints(
        _ step: PutOperation.Step,
        of id: UInt64,
        _ put: Put,
        now: Moment,
        into effects: inout [Effect]
    ) {
        let (partition, key) = (put.write.partition, put.write.request.key)
        let sync = put.write.request.durability ?? .all == .all
        for standIn in step.hints {
            if standIn.node == self.configuration.node {
                let command = StorageCommand.merge(.hints(partition), key, put.stored, sync: sync)
                self.store(command, for: .ownHint(id, attempt: put.attempt), into: &effects)
                continue
            }
            let message = PeerMessage.hint(partition, key, put.stored, sync: sync)
            if !self.ask(standIn.node, message, for: .put(id, attempt: put.attempt), into: &effects) {
                self.putFailed(at: standIn.node, id, attempt: put.attempt, now: now, into: &effects)
            }
        }
        for node in step.syncs where node != self.configuration.node {
            let message = PeerMessage.put(partition, key, put.stored)
            if !self.ask(node, message, for: .put(id, attempt: put.attempt), into: &effects) {
                self.putFailed(at: node, id, attempt: put.attempt, now: now, into: &effects)
            }
        }
    }

    private mutating func writeAgain(
        _ put: Put,
        of id: UInt64,
        after latest: HybridTimestamp,
        now: Moment,
        into effects: inout [Effect]
    ) {
        // Whoever forwarded the put may have had it executed elsewhere meanwhile. Were it lifted here above all
        // that came later, it would revive what a later put overwrote: so the forwarder decides (SAFETY rule 4).
        if case .peer(let request)? = self.operations[id]?.asker {
            self.remove(id)
            effects.append(.answerPeer(request, .acknowledged(latestTimestamp: latest)))
            return
        }
        // A node that has left the rows meanwhile does not mint for them any more, nor does one that leaves the cluster.
        let own = self.configuration.node
        if let layout = self.layout, let operation = self.operations[id],
            put.store == .replica(put.write.partition) || layout.leaving.contains(own),
            !layout.writeRows(of: put.write.partition).contains(where: { $0.contains(own) })
        {
            self.remove(id)
            self.beginPut(
                put.write.request,
                wasLive: put.write.wasLive,
                layout: layout,
                for: operation.asker,
                budget: operation.deadline - now.elapsed,
                now: now,
                into: &effects
            )
            return
        }
        // A clock that runs ahead is not adopted, but this key must be written above it all the same.
        _ = self.clock.observe(latest, wallMilliseconds: now.wallMilliseconds)
        let ticked = self.clock.tick(wallMilliseconds: now.wallMilliseconds)
        var put = put
        put.write.timestamp = max(ticked, HybridTimestamp(rawValue: latest.rawValue + 1))
        put.attempt += 1
        put.isMinting = true
        put.machine.writtenAgain(with: put.write.timestamp)
        self.operations[id]?.body = .put(put)
        self.mint(put, of: id, into: &effects)
    }

    /// Our own storage could not take the version: another node may (a put is refused only when no healthy node can
    /// store it).
    ///
    /// Once it was minted it is on its way to the others. Then only our own acknowledgement is missing: to have the
    /// put executed once more elsewhere would make a second version, which could outlive a later overwrite.
    mutating func mintFailed(
        _ failure: StorageFailure,
        of id: UInt64,
        attempt: UInt64,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let operation = self.operations[id], case .put(var put) = operation.body, put.attempt == attempt,
            let layout = self.layout
        else { return }
        if put.isMinting, !put.stored.isEmpty {
            // The version above the later timestamp does not exist; what travels is the one below it.
            let reason = "\(failure); the write may survive below a later one; read before you retry"
            self.finish(id, with: .failed(.notDurable(reason)), into: &effects)
            return
        }
        guard put.stored.isEmpty else {
            put.ownFailure = failure
            self.operations[id]?.body = .put(put)
            self.putFailed(at: self.configuration.node, id, attempt: attempt, now: now, into: &effects)
            return
        }
        self.remove(id)
        guard case .client = operation.asker else {
            if case .peer(let request) = operation.asker {
                effects.append(.answerPeer(request, .failed("\(failure)")))
            }
            return
        }
        self.forward(
            put.write,
            to: self.otherCoordinators(of: put.write.partition, preferred: nil, layout),
            layout: layout,
            for: operation.asker,
            budget: operation.deadline - now.elapsed,
            now: now,
            reason: "\(failure)",
            into: &effects
        )
    }
}
