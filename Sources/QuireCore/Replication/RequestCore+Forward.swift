/// Handing a put to the node that coordinates it.
extension RequestCore {
    /// - Parameters:
    ///   - candidates: Other nodes, best first.
    ///   - reason: Why our own storage could not take it, if it was tried.
    mutating func forward(
        _ write: Write,
        to candidates: [NodeID],
        layout: Layout,
        for asker: Asker,
        budget: Duration?,
        now: Moment,
        reason: String? = nil,
        into effects: inout [Effect]
    ) {
        let row = layout.readRow(of: write.partition)
        let forward = Forward(
            write: write,
            required: Layout.effective(write.request.writeQuorum ?? layout.quorums.writeQuorum, in: row),
            candidates: candidates,
            excludesItself: reason != nil
        )
        let bytes = write.request.key.bytes.count + (write.request.value?.count ?? 0)
        let id = self.insert(.forward(forward), layout: layout, for: asker, bytes: bytes, budget: budget, now: now)
        self.forwardToNext(id, reason: reason, now: now, into: &effects)
    }

    /// Hands the put to the next candidate; when that is this node itself, it coordinates as a stand-in.
    private mutating func forwardToNext(
        _ id: UInt64,
        reason: String? = nil,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let operation = self.operations[id], case .forward(var forward) = operation.body else { return }
        while let layout = self.layout {
            if forward.candidates.isEmpty, !forward.isLastResort {
                forward.isLastResort = true
                forward.candidates = self.lastCoordinators(of: forward.write.partition, layout)
                    .filter { !forward.excludesItself || $0 != self.configuration.node }
            }
            guard !forward.candidates.isEmpty else { break }
            let node = forward.candidates.removeFirst()
            if node == self.configuration.node {
                self.remove(id)
                let budget = operation.deadline - now.elapsed
                self.coordinate(
                    forward.write,
                    layout: layout,
                    for: operation.asker,
                    budget: budget,
                    now: now,
                    into: &effects
                )
                return
            }
            forward.attempt += 1
            forward.current = node
            let message = PeerMessage.coordinate(
                forward.write.request,
                request: forward.write.id,
                timestamp: forward.write.timestamp,
                asStandIn: !layout.writeRows(of: forward.write.partition).contains { $0.contains(node) }
            )
            let wait = Wait.forward(id, attempt: forward.attempt)
            let budget = operation.deadline - now.elapsed
            guard self.ask(node, message, for: wait, budget: budget, into: &effects) else { continue }
            self.operations[id]?.body = .forward(forward)
            self.deadlines.insert(.patience(id), at: now.elapsed + self.configuration.patience)
            return
        }
        self.remove(id)
        let failure = reason.map { ClientResult.failed(.notDurable($0)) } ?? Self.writeLost(0, forward.required)
        self.answer(operation.asker, with: failure, into: &effects)
    }

    /// The coordinator met a later timestamp: the put is tried again above it, by the same coordinator first.
    mutating func forwardMustExceed(
        _ latest: HybridTimestamp,
        _ id: UInt64,
        attempt: UInt64,
        at node: NodeID,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .forward(var forward)? = self.operations[id]?.body, forward.attempt == attempt else { return }
        _ = self.clock.observe(latest, wallMilliseconds: now.wallMilliseconds)
        let ticked = self.clock.tick(wallMilliseconds: now.wallMilliseconds)
        forward.write.timestamp = max(ticked, HybridTimestamp(rawValue: latest.rawValue + 1))
        forward.write.id = RequestID(high: self.generator.next(), low: self.generator.next())
        forward.firstAttempt = forward.attempt + 1
        forward.candidates.insert(node, at: 0)
        self.operations[id]?.body = .forward(forward)
        self.forwardToNext(id, now: now, into: &effects)
    }

    /// The link broke or the node refused. A last-write-wins put keeps its timestamp and is handed on; a causal
    /// put whose fate is unknown is not executed twice, for its second version could outlive a later overwrite.
    mutating func forwardFailed(
        _ id: UInt64,
        attempt: UInt64,
        isFateKnown: Bool,
        reason: String,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .forward(let forward)? = self.operations[id]?.body, forward.attempt == attempt else { return }
        if isFateKnown || forward.write.request.supersession == .older {
            self.forwardToNext(id, reason: isFateKnown ? reason : nil, now: now, into: &effects)
        } else {
            self.finish(id, with: Self.writeLost(0, forward.required), into: &effects)
        }
    }

    /// The coordinator is silent: it is suspected, and a last-write-wins put is handed on.
    mutating func forwardPatienceEnded(_ id: UInt64, now: Moment, into effects: inout [Effect]) {
        guard case .forward(let forward)? = self.operations[id]?.body else { return }
        self.suspect(forward.current.map { [$0] } ?? [])
        guard forward.write.request.supersession == .older, !forward.isLastResort else { return }
        self.forwardToNext(id, now: now, into: &effects)
    }

    /// A success counts also when it comes from a node that was given up, as long as it is of the present id; any
    /// other answer of such a node is void.
    mutating func forwardAnswered(
        _ id: UInt64,
        attempt: UInt64,
        _ result: ClientResult,
        into effects: inout [Effect]
    ) {
        guard case .forward(let forward)? = self.operations[id]?.body else { return }
        if case .stored(let record, _, let standIns) = result {
            guard attempt >= forward.firstAttempt else { return }
            let own = ClientResult.stored(record, wasLive: forward.write.wasLive, standIns: standIns)
            self.finish(id, with: own, into: &effects)
        } else if attempt == forward.attempt {
            self.finish(id, with: result, into: &effects)
        }
    }
}
