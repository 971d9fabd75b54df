extension RequestCore {
    /// Fixes the identity and the timestamp of a client's put, which retries and forwards keep (SAFETY rule 4).
    mutating func beginPut(
        _ request: PutRequest,
        wasLive: Bool,
        layout: Layout,
        for asker: Asker,
        now: Moment,
        into effects: inout [Effect]
    ) {
        let quorums = layout.quorums
        if let asked = request.writeQuorum, !(quorums.writeQuorum...quorums.replicaCount).contains(asked) {
            let reason = "W must be in \(quorums.writeQuorum)...\(quorums.replicaCount), not \(asked)"
            self.answer(asker, with: .failed(.invalid(reason)), into: &effects)
            return
        }
        let id = RequestID(high: self.generator.next(), low: self.generator.next())
        let timestamp = self.clock.tick(wallMilliseconds: now.wallMilliseconds)
        let row = layout.readRow(of: layout.partitionCount.partition(of: request.key))
        if row.contains(self.configuration.node) {
            self.coordinate(
                request,
                id,
                timestamp,
                wasLive: wasLive,
                layout: layout,
                for: asker,
                now: now,
                into: &effects
            )
        } else {
            let forward = Forward(
                request: request,
                id: id,
                timestamp: timestamp,
                required: Layout.effective(request.writeQuorum ?? quorums.writeQuorum, in: row),
                candidates: row,
                wasLive: wasLive
            )
            let operation = self.insert(.forward(forward), layout: layout, for: asker, now: now)
            self.forwardToNext(operation, into: &effects)
        }
    }

    /// Mints at this replica.
    mutating func coordinate(
        _ request: PutRequest,
        _ id: RequestID,
        _ timestamp: HybridTimestamp,
        wasLive: Bool,
        layout: Layout,
        for asker: Asker,
        now: Moment,
        into effects: inout [Effect]
    ) {
        let partition = layout.partitionCount.partition(of: request.key)
        let machine = PutOperation(
            rows: layout.writeRows(of: partition),
            writeQuorum: request.writeQuorum ?? layout.quorums.writeQuorum,
            isLastWriteWins: request.supersession == .older,
            timestamp: timestamp
        )
        let put = Put(
            machine: machine,
            request: request,
            partition: partition,
            id: id,
            timestamp: timestamp,
            wasLive: wasLive
        )
        let operation = self.insert(.put(put), layout: layout, for: asker, now: now)
        self.mint(put, of: operation, into: &effects)
    }

    private mutating func mint(_ put: Put, of id: UInt64, into effects: inout [Effect]) {
        let request = MintRequest(
            key: put.request.key,
            value: put.request.value,
            supersession: put.request.supersession,
            timestamp: put.timestamp,
            request: RequestID(high: put.id.high, low: put.id.low &+ put.attempt)
        )
        self.store(.mint(put.partition, request), for: .put(id, attempt: put.attempt), into: &effects)
    }

    /// The new version is merged here: the record may travel before our own sync (rule 6).
    mutating func putMinted(_ record: Record, of id: UInt64, attempt: UInt64, now: Moment, into effects: inout [Effect])
    {
        guard case .put(var put)? = self.operations[id]?.body, put.attempt == attempt else { return }
        put.stored = record
        self.operations[id]?.body = .put(put)
        let message = PeerMessage.put(put.partition, put.request.key, record)
        for node in put.machine.targets where node != self.configuration.node {
            if !self.ask(node, message, for: .put(id, attempt: attempt), into: &effects) {
                self.putReplicaFailed(node, id, attempt: attempt, now: now, into: &effects)
            }
        }
    }

    mutating func putReplicaAcknowledged(
        _ node: NodeID,
        _ id: UInt64,
        attempt: UInt64,
        _ receipt: DurableReceipt,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .put(var put)? = self.operations[id]?.body, put.attempt == attempt else { return }
        let action = put.machine.replicaAcknowledged(node, receipt)
        self.operations[id]?.body = .put(put)
        self.perform(action, of: id, now: now, into: &effects)
    }

    mutating func putReplicaFailed(
        _ node: NodeID,
        _ id: UInt64,
        attempt: UInt64,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .put(var put)? = self.operations[id]?.body, put.attempt == attempt else { return }
        let action = put.machine.replicaFailed(node)
        self.operations[id]?.body = .put(put)
        self.perform(action, of: id, now: now, into: &effects)
    }

    /// Our own storage could not take the version: another replica of the row may (a put is refused only when
    /// no healthy replica can store it).
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
        guard let operation = self.operations[id], case .put(let put) = operation.body, put.attempt == attempt,
            let layout = self.layout
        else { return }
        guard put.stored.isEmpty else {
            var failed = put
            failed.ownFailure = failure
            self.operations[id]?.body = .put(failed)
            self.putReplicaFailed(self.configuration.node, id, attempt: attempt, now: now, into: &effects)
            return
        }
        guard case .client = operation.asker else {
            self.operations[id] = nil
            if case .peer(let request) = operation.asker {
                effects.append(.answerPeer(request, .failed("\(failure)")))
            }
            return
        }
        let row = layout.readRow(of: put.partition)
        let forward = Forward(
            request: put.request,
            id: put.id,
            timestamp: put.timestamp,
            required: Layout.effective(put.request.writeQuorum ?? layout.quorums.writeQuorum, in: row),
            candidates: row.filter { $0 != self.configuration.node },
            wasLive: put.wasLive
        )
        self.operations[id]?.body = .forward(forward)
        self.forwardToNext(id, reason: "\(failure)", into: &effects)
    }

    mutating func perform(_ action: PutOperation.Action, of id: UInt64, now: Moment, into effects: inout [Effect]) {
        guard case .put(var put)? = self.operations[id]?.body else { return }
        switch action {
        case .wait:
            return
        case .succeed:
            self.finish(id, with: .stored(put.stored, wasLive: put.wasLive), into: &effects)
        case .quorumLost(let acknowledged, let required):
            if let failure = put.ownFailure, acknowledged == 0 {
                let reason = "\(failure); the write may survive on some replicas; read before you retry"
                self.finish(id, with: .failed(.notDurable(reason)), into: &effects)
            } else {
                self.finish(id, with: Self.writeLost(acknowledged, required), into: &effects)
            }
        case .writeAgain(let latest):
            // Whoever forwarded the put may have had it executed elsewhere meanwhile. Were it lifted here above all
            // that came later, it would revive what a later put overwrote: so the forwarder decides (rule 4).
            if case .peer(let request)? = self.operations[id]?.asker {
                self.operations[id] = nil
                effects.append(.answerPeer(request, .acknowledged(latestTimestamp: latest)))
                return
            }
            // A clock that runs ahead is not adopted, but this key must be written above it all the same.
            _ = self.clock.observe(latest, wallMilliseconds: now.wallMilliseconds)
            let ticked = self.clock.tick(wallMilliseconds: now.wallMilliseconds)
            put.timestamp = max(ticked, HybridTimestamp(rawValue: latest.rawValue + 1))
            put.attempt += 1
            put.machine.writtenAgain(with: put.timestamp)
            self.operations[id]?.body = .put(put)
            self.mint(put, of: id, into: &effects)
        }
    }

    // MARK: Forwarding

    /// Hands the put to the next member of the row that is connected.
    mutating func forwardToNext(_ id: UInt64, reason: String? = nil, into effects: inout [Effect]) {
        guard case .forward(var forward)? = self.operations[id]?.body else { return }
        while !forward.candidates.isEmpty {
            let node = forward.candidates.removeFirst()
            let message = PeerMessage.coordinate(forward.request, request: forward.id, timestamp: forward.timestamp)
            guard self.ask(node, message, for: .forward(id), into: &effects) else { continue }
            self.operations[id]?.body = .forward(forward)
            return
        }
        if let reason {
            self.finish(id, with: .failed(.notDurable(reason)), into: &effects)
        } else {
            self.finish(id, with: Self.writeLost(0, forward.required), into: &effects)
        }
    }

    /// The coordinator met a later timestamp: the put is tried again above it, by the same coordinator first.
    mutating func forwardMustExceed(
        _ latest: HybridTimestamp,
        _ id: UInt64,
        at node: NodeID,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .forward(var forward)? = self.operations[id]?.body else { return }
        _ = self.clock.observe(latest, wallMilliseconds: now.wallMilliseconds)
        let ticked = self.clock.tick(wallMilliseconds: now.wallMilliseconds)
        forward.timestamp = max(ticked, HybridTimestamp(rawValue: latest.rawValue + 1))
        forward.id = RequestID(high: self.generator.next(), low: self.generator.next())
        forward.candidates.insert(node, at: 0)
        self.operations[id]?.body = .forward(forward)
        self.forwardToNext(id, into: &effects)
    }

    /// The link broke or the node refused. A last-write-wins put keeps its timestamp and is handed on; a causal
    /// put whose fate is unknown is not executed twice, for its second version could outlive a later overwrite.
    mutating func forwardFailed(_ id: UInt64, isFateKnown: Bool, reason: String, into effects: inout [Effect]) {
        guard case .forward(let forward)? = self.operations[id]?.body else { return }
        if isFateKnown || forward.request.supersession == .older {
            self.forwardToNext(id, reason: isFateKnown ? reason : nil, into: &effects)
        } else {
            self.finish(id, with: Self.writeLost(0, forward.required), into: &effects)
        }
    }

    mutating func forwardAnswered(_ id: UInt64, _ result: ClientResult, into effects: inout [Effect]) {
        guard case .forward(let forward)? = self.operations[id]?.body else { return }
        if case .stored(let record, _) = result {
            self.finish(id, with: .stored(record, wasLive: forward.wasLive), into: &effects)
        } else {
            self.finish(id, with: result, into: &effects)
        }
    }
}
