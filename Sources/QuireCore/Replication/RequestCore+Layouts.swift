/// Requests and operations across changes of the layout (SAFETY rules 7 and 11).
///
/// A message carries its sender's layout version. The receiver
///
/// - *adopts first* when the message is newer than its own layout: what it would store could belong to a partition
///   that it does not know to hold, and would be retired with it;
/// - refuses partitions that it does not hold; the sender of an older message is told by which layout, and goes on
///   under that;
/// - stores what is older than the partition's fence, but lets it count for nothing.
///
/// Operations in flight never count by rows that their own node has left behind: where rows have changed, or a fence was
/// set, they ask everyone again. An answer from before a fence counts for nothing, for a node that skips versions cannot
/// know what became of the replica that gave it; and a member that has left the row may be asked to stand in for
/// another, when what it has stored as a replica is no hint.
extension RequestCore {
    /// A request of a peer with a newer layout.
    struct AheadRequest: Sendable {
        let request: PeerRequestID
        let message: PeerMessage
        let timing: MessageTiming
        let since: Duration
    }

    enum Standing: Equatable {
        case counts
        case fenced
        /// The node does not hold the partition.
        case foreign
        case ahead
    }

    // MARK: Requests

    func standing(of message: PeerMessage, _ version: LayoutVersion?) -> Standing {
        // Reached in place: a copy of the layout for every request would cost more than the rest of this.
        guard let current = self.layout?.version else { return version == nil ? .counts : .ahead }
        let version = version ?? current
        guard version <= current else { return .ahead }
        guard let partition = message.partition else { return .counts }
        guard partition.rawValue < self.layout?.rows.count ?? 0 else { return .foreign }
        let own = self.configuration.node
        switch message {
        case .getHint:
            return .counts
        case .hint:
            // One that leaves would have to hand it on before it goes, and may have been counted as empty already.
            let isStaying = self.layout?.leaving.contains(own) == false && self.layout?.member(own) != nil
            guard isStaying else { return .fenced }
        default:
            guard self.layout?.isHolder(own, of: partition) == true else { return .foreign }
        }
        guard version < current, message.countsForQuorum, let fence = self.layout?.fence(of: partition) else {
            return .counts
        }
        return version < fence ? .fenced : .counts
    }

    mutating func wait(
        _ request: PeerRequestID,
        _ message: PeerMessage,
        _ timing: MessageTiming,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard self.waitingForLayout.count < self.configuration.operationsMax else {
            effects.append(.answerPeer(request, .failed("too much work is waiting here")))
            return
        }
        self.waitingForLayout.append(
            AheadRequest(request: request, message: message, timing: timing, since: now.elapsed)
        )
        self.need(timing.version ?? .none, into: &effects)
    }

    /// Asks the control path for a layout, once for each version.
    mutating func need(_ version: LayoutVersion, into effects: inout [Effect]) {
        guard version > max(self.layout?.version ?? .none, self.versionNeeded) else { return }
        self.versionNeeded = version
        effects.append(.layoutNeeded(version))
    }

    private mutating func takeUpAheadRequests(now: Moment, into effects: inout [Effect]) {
        guard !self.waitingForLayout.isEmpty else { return }
        let waiting = self.waitingForLayout
        self.waitingForLayout = []
        for ahead in waiting {
            let age = ahead.timing.age + (now.elapsed - ahead.since)
            let timing = MessageTiming(age: age, budget: ahead.timing.budget, version: ahead.timing.version)
            self.peerAsked(ahead.request, ahead.message, timing, now: now, into: &effects)
        }
    }

    mutating func refuseAheadRequests(now: Moment, into effects: inout [Effect]) {
        guard !self.waitingForLayout.isEmpty else { return }
        let oldest = now.elapsed - self.configuration.parkingTime
        for ahead in self.waitingForLayout where ahead.since <= oldest {
            let version = ahead.timing.version ?? .none
            effects.append(.answerPeer(ahead.request, .failed("layout \(version) is not adopted here yet")))
        }
        self.waitingForLayout.removeAll { $0.since <= oldest }
        // It may have been asked for in vain: whoever asks next asks again.
        self.versionNeeded = .none
    }

    // MARK: Operations

    mutating func adopt(_ layout: Layout, now: Moment, into effects: inout [Effect]) {
        let former = self.layout
        self.layout = layout
        self.fallbacks = [:]
        self.expectNewcomers(of: layout, since: former, now: now)
        for id in self.operations.keys.sorted() {
            self.bringUpToDate(id, from: former, to: layout, now: now, into: &effects)
        }
        self.unpark(now: now, into: &effects)
        self.takeUpAheadRequests(now: now, into: &effects)
    }

    private mutating func bringUpToDate(
        _ id: UInt64,
        from former: Layout?,
        to layout: Layout,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let operation = self.operations[id], let former else { return }
        self.operations[id]?.version = layout.version
        switch operation.body {
        case .put(let put):
            let partition = put.write.partition
            let required = [former, layout].map {
                $0.writeQuorums(of: partition, asked: put.write.request.writeQuorum)
            }
            let isSame =
                layout.fence(of: partition) <= operation.version && required[0] == required[1]
                && former.writeRows(of: partition) == layout.writeRows(of: partition)
            if !isSame { self.countAnew(id, layout, now: now, into: &effects) }
        case .get(let get):
            let partition = get.partition
            let isFenced = layout.fence(of: partition) > operation.version
            guard !get.machine.hasAnswered, isFenced || former.readRow(of: partition) != layout.readRow(of: partition)
            else { return }
            self.operations[id] = nil
            self.beginGet(
                get.key,
                get.readQuorum,
                use: get.use,
                layout: layout,
                for: operation.asker,
                budget: operation.deadline - now.elapsed,
                now: now,
                into: &effects
            )
        case .scan(let scan):
            let isFenced = layout.fence(of: scan.partition) > operation.version
            guard isFenced || former.readRow(of: scan.partition) != layout.readRow(of: scan.partition) else { return }
            self.askForPage(id, now: now, into: &effects)
        case .forward, .count:
            return
        }
    }
}

extension PeerMessage {
    /// The partition that a request is about.
    package var partition: PartitionID? {
        switch self {
        case .get(let partition, _), .put(let partition, _, _, _), .hint(let partition, _, _, _),
            .getOutline(let partition, _), .getHint(let partition, _), .putBatch(let partition, _),
            .scan(let partition, _, _), .readLeaves(let partition), .leafEntries(let partition, _, _, _),
            .readSums(let partition, _), .readDigests(let partition, _), .readRecords(let partition, _, _),
            .offer(let partition, _), .deliver(let partition, _):
            partition
        case .coordinate, .count, .control, .record, .outline, .acknowledged, .coordinated, .page, .counted, .leaves,
            .sums, .digests, .lacking, .fenced, .failed:
            nil
        }
    }

    /// Whether its answer may be counted towards the R or the W of a client's request.
    var countsForQuorum: Bool {
        switch self {
        case .get, .getOutline, .put, .hint, .scan: true
        case .getHint, .putBatch, .coordinate, .count, .readLeaves, .leafEntries, .readSums, .readDigests,
            .readRecords, .offer, .deliver, .control, .record, .outline, .acknowledged, .coordinated, .page, .counted,
            .leaves, .sums, .digests, .lacking, .fenced, .failed:
            false
        }
    }
}
