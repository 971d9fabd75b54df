/// Where answers of storage and peers go, and what this node answers as a replica.
extension RequestCore {
    mutating func storageCompleted(_ completion: StorageCompletion, now: Moment, into effects: inout [Effect]) {
        // A mint is answered twice: when it is merged, and when it is synced. Only the last answer ends the wait.
        let wait: Wait?
        if case .minted = completion.outcome {
            wait = self.storageWaits[completion.token]
        } else {
            wait = self.storageWaits.removeValue(forKey: completion.token)
        }
        guard let wait else { return }
        let own = self.configuration.node
        switch (wait, completion.outcome) {
        case (.replica(let request), let outcome):
            self.answerReplica(request, outcome, into: &effects)
        case (.fencedReplica(let request), .durable), (.fencedReplica(let request), .merged):
            effects.append(.answerPeer(request, .fenced(self.layout?.version ?? .none)))
        case (.fencedReplica(let request), let outcome):
            self.answerReplica(request, outcome, into: &effects)
        case (.outline(let request), .record(let record)):
            let outline = RecordOutline(of: record ?? Record())
            effects.append(.answerPeer(request, .outline(outline)))
        case (.outline(let request), let outcome):
            self.answerReplica(request, outcome, into: &effects)
        case (.get(let id), .record(let record)):
            self.getAnswered(by: own, id, record, now: now, into: &effects)
        case (.put(let id, let attempt), .minted(let record, _)):
            self.putMinted(record, of: id, attempt: attempt, now: now, into: &effects)
        case (.put(let id, let attempt), .durable(let receipt)),
            (.ownHint(let id, let attempt), .durable(let receipt)):
            let latest = receipt.latestTimestamp
            self.putAcknowledged(by: own, id, attempt: attempt, isSynced: true, latest, now: now, into: &effects)
        case (.ownHint(let id, let attempt), .merged(let latest)):
            self.putAcknowledged(by: own, id, attempt: attempt, isSynced: false, latest, now: now, into: &effects)
        case (.put(let id, let attempt), .failed(let failure)):
            self.mintFailed(failure, of: id, attempt: attempt, now: now, into: &effects)
        case (.scan(let id, let visited), .page(let entries, let isLast)):
            self.scanAnswered(own, id, visited: visited, entries, isLast: isLast, now: now, into: &effects)
        case (.count(let id), .counts(let counts)):
            self.countAnswered(id, counts.liveKeys, into: &effects)
        case (.replicaCount(let id), .counts(let counts)):
            self.countAnswered(id, counts.liveKeys, into: &effects)
        case (_, .failed(let failure)):
            self.replicaFailed(own, wait, reason: "\(failure)", now: now, into: &effects)
        case (.get, _), (.put, _), (.ownHint, _), (.forward, _), (.scan, _), (.count, _), (.repair, _),
            (.replicaCount, _):
            return
        }
    }

    mutating func peerAnswered(
        _ node: NodeID,
        _ correlation: UInt64,
        _ message: PeerMessage,
        now: Moment,
        into effects: inout [Effect]
    ) {
        self.suspects.remove(node)
        guard let (asked, wait) = self.peerWaits[correlation], asked == node else { return }
        self.peerWaits[correlation] = nil
        switch (wait, message) {
        case (.get(let id), .record(let record)):
            self.getAnswered(by: node, id, record, now: now, into: &effects)
        case (.get(let id), .outline(let outline)):
            self.getAnswered(by: node, id, outline, now: now, into: &effects)
        case (.put(let id, let attempt), .acknowledged(let latest, let isSynced)):
            _ = self.clock.observe(latest, wallMilliseconds: now.wallMilliseconds)
            self.putAcknowledged(by: node, id, attempt: attempt, isSynced: isSynced, latest, now: now, into: &effects)
        case (.forward(let id, let attempt), .coordinated(let result)):
            self.forwardAnswered(id, attempt: attempt, result, into: &effects)
        case (.forward(let id, let attempt), .acknowledged(let latest, _)):
            self.forwardMustExceed(latest, id, attempt: attempt, at: node, now: now, into: &effects)
        case (.forward(let id, let attempt), .failed(let reason)):
            self.forwardFailed(id, attempt: attempt, isFateKnown: true, reason: reason, now: now, into: &effects)
        case (.scan(let id, let visited), .page(let entries, let isLast)):
            self.scanAnswered(node, id, visited: visited, entries, isLast: isLast, now: now, into: &effects)
        case (.count(let id), .counted(let keys)):
            self.countAnswered(id, keys, into: &effects)
        case (.repair, _):
            return
        case (_, .fenced(let version)):
            self.fenced(by: node, version, wait, now: now, into: &effects)
        default:
            self.replicaFailed(node, wait, reason: "unexpected answer", now: now, into: &effects)
        }
    }

    mutating func replicaFailed(
        _ node: NodeID,
        _ wait: Wait,
        reason: String,
        now: Moment,
        into effects: inout [Effect]
    ) {
        switch wait {
        case .get(let id): self.getFailed(at: node, id, now: now, into: &effects)
        case .put(let id, let attempt), .ownHint(let id, let attempt):
            self.putFailed(at: node, id, attempt: attempt, now: now, into: &effects)
        case .forward(let id, let attempt):
            self.forwardFailed(id, attempt: attempt, isFateKnown: false, reason: reason, now: now, into: &effects)
        case .scan(let id, let visited): self.scanFailed(node, id, visited: visited, now: now, into: &effects)
        case .count(let id), .replicaCount(let id): self.finish(id, with: Self.readLost(0, 1), into: &effects)
        case .repair, .replica, .fencedReplica, .outline: return
        }
    }

    /// The node counts by a newer layout. When that is adopted here, the operation goes on under it; if it was adopted
    /// since the request left, the node is asked again.
    private mutating func fenced(
        by node: NodeID,
        _ version: LayoutVersion,
        _ wait: Wait,
        now: Moment,
        into effects: inout [Effect]
    ) {
        self.need(version, into: &effects)
        switch wait {
        case .put(let id, let attempt):
            guard version <= self.layout?.version ?? .none, case .put(let put)? = self.operations[id]?.body,
                put.attempt == attempt
            else { return }
            self.askAgain(node, id, put, now: now, into: &effects)
        case .get, .repair, .replica, .fencedReplica, .outline, .ownHint:
            // A read that has not answered begins anew with the layout.
            return
        case .forward(let id, let attempt):
            let reason = "counts by layout \(version)"
            self.forwardFailed(id, attempt: attempt, isFateKnown: true, reason: reason, now: now, into: &effects)
        case .scan, .count, .replicaCount:
            self.replicaFailed(node, wait, reason: "counts by layout \(version)", now: now, into: &effects)
        }
    }

    // MARK: Serving as a replica

    mutating func peerAsked(
        _ request: PeerRequestID,
        _ message: PeerMessage,
        _ timing: MessageTiming,
        now: Moment,
        into effects: inout [Effect]
    ) {
        if let refusal = self.refusal(of: message, timing) {
            effects.append(.answerPeer(request, .failed(refusal)))
            return
        }
        let standing = self.standing(of: message, timing.version)
        switch (standing, message) {
        case (.counts, _):
            self.serve(request, message, timing, now: now, into: &effects)
        case (.ahead, _):
            self.wait(request, message, timing, now: now, into: &effects)
        case (.foreign, _):
            let version = self.layout?.version ?? .none
            // Who counts by an older layout should learn of this one, not that a replica has failed.
            if message.countsForQuorum, let asked = timing.version, asked < version {
                effects.append(.answerPeer(request, .fenced(version)))
                return
            }
            effects.append(.answerPeer(request, .failed("not a holder of the partition under layout \(version)")))
        case (.fenced, .put(let partition, let key, let record, let sync)):
            let command = StorageCommand.merge(.replica(partition), key, record, sync: sync)
            self.store(command, for: .fencedReplica(request), into: &effects)
        case (.fenced, .hint(let partition, let key, let record, let sync)):
            let command = StorageCommand.merge(.hints(partition), key, record, sync: sync)
            self.store(command, for: .fencedReplica(request), into: &effects)
        case (.fenced, _):
            effects.append(.answerPeer(request, .fenced(self.layout?.version ?? .none)))
        }
    }

    /// A request that counts.
    private mutating func serve(
        _ request: PeerRequestID,
        _ message: PeerMessage,
        _ timing: MessageTiming,
        now: Moment,
        into effects: inout [Effect]
    ) {
        switch message {
        case .get(let partition, let key):
            self.store(.read(.replica(partition), key), for: .replica(request), into: &effects)
        case .put(let partition, let key, let record, let sync):
            self.store(.merge(.replica(partition), key, record, sync: sync), for: .replica(request), into: &effects)
        case .hint(let partition, let key, let record, let sync):
            self.store(.merge(.hints(partition), key, record, sync: sync), for: .replica(request), into: &effects)
        case .getOutline(let partition, let key):
            self.store(.read(.replica(partition), key), for: .outline(request), into: &effects)
        case .getHint(let partition, let key):
            self.store(.read(.hints(partition), key), for: .replica(request), into: &effects)
        case .putBatch(let partition, let records):
            self.store(.mergeBatch(.replica(partition), records), for: .replica(request), into: &effects)
        case .scan(let partition, let position, let limit):
            self.store(
                .scan(.replica(partition), after: position, limit: limit),
                for: .replica(request),
                into: &effects
            )
        case .readLeaves(let partition):
            self.store(.leaves(.replica(partition)), for: .replica(request), into: &effects)
        case .leafEntries(_, let leaf, _, _) where !(0..<MerkleLeaves.count).contains(leaf):
            effects.append(.answerPeer(request, .failed("there is no leaf \(leaf)")))
        case .leafEntries(let partition, let leaf, let position, let limit):
            let command = StorageCommand.leafEntries(.replica(partition), leaf: leaf, after: position, limit: limit)
            self.store(command, for: .replica(request), into: &effects)
        case .readSums, .readDigests, .readRecords, .offer, .deliver:
            self.serveRepair(request, message, into: &effects)
        case .count(let partitions):
            self.countForPeer(request, partitions, now: now, into: &effects)
        case .coordinate(let put, let id, let timestamp, let asStandIn):
            let budget = timing.budget.map { $0 - timing.age }
            self.coordinateForPeer(
                request,
                put,
                id,
                timestamp,
                asStandIn: asStandIn,
                budget: budget,
                now: now,
                into: &effects
            )
        case .control, .record, .outline, .acknowledged, .coordinated, .page, .counted, .leaves, .sums,
            .digests, .lacking, .fenced, .failed:
            effects.append(.answerPeer(request, .failed("not a request of the data path")))
        }
    }

    /// Why a request comes too late. Data that was under way for too long may have been deleted since, and its
    /// tombstone collected: it is never stored (SAFETY rule 9). Work that nobody waits for any more is not begun.
    private func refusal(of message: PeerMessage, _ timing: MessageTiming) -> String? {
        if message.carriesData, timing.age > self.configuration.messageLifetime {
            return "was under way for \(timing.age), which is too long to be stored"
        }
        return timing.isLate ? "nobody waits for it any more" : nil
    }

    private mutating func coordinateForPeer(
        _ request: PeerRequestID,
        _ put: PutRequest,
        _ id: RequestID,
        _ timestamp: HybridTimestamp,
        asStandIn: Bool,
        budget: Duration?,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let layout = self.layout, !self.isOverloaded else {
            effects.append(.answerPeer(request, .failed("too much work is waiting here")))
            return
        }
        let partition = layout.partitionCount.partition(of: put.key)
        guard asStandIn || layout.readRow(of: partition).contains(self.configuration.node) else {
            effects.append(.answerPeer(request, .failed("not a replica of the key under my layout")))
            return
        }
        _ = self.clock.observe(timestamp, wallMilliseconds: now.wallMilliseconds)
        // The answer to the first is the answer.
        guard self.coordinated.insert(id).inserted else { return }
        let write = Write(request: put, partition: partition, id: id, timestamp: timestamp, wasLive: true)
        self.coordinate(write, layout: layout, for: .peer(request), budget: budget, now: now, into: &effects)
    }

    private func answerReplica(_ request: PeerRequestID, _ outcome: StorageOutcome, into effects: inout [Effect]) {
        let message: PeerMessage
        switch outcome {
        case .record(let record): message = .record(record)
        case .durable(let receipt): message = .acknowledged(latestTimestamp: receipt.latestTimestamp)
        case .merged(let latest): message = .acknowledged(latestTimestamp: latest, isSynced: false)
        case .page(let entries, let isLast): message = .page(entries, isLast: isLast)
        case .leaves(let leaves): message = .leaves(leaves)
        case .sums(let sums): message = .sums(sums)
        case .digests(let digests, let covered): message = .digests(digests, covered: covered)
        case .lacking(let indexes): message = .lacking(indexes)
        case .failed(let failure): message = .failed("\(failure)")
        case .minted, .counts: message = .failed("unexpected outcome of storage")
        }
        effects.append(.answerPeer(request, message))
    }
}
