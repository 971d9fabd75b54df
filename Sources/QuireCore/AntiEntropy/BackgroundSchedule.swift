/// Decides which background work of a node comes next: which partition's hints to deliver, and which partition to
/// compare with which peer (Dynamo §4.6, §4.7).
///
/// Hints: every partition with hints is tried when a member of its row comes back, and otherwise every ten
/// seconds. While the same members stay away the pause doubles, up to ten minutes: everyone else has them already.
///
/// Repair: each partition that this node is a replica of is compared with each of the other replicas once per
/// cycle. The pairs are spread evenly over the cycle. With a peer that comes back all pairs are due at once, for either side may
/// have missed writes; so they are when this node starts and when an operator asks.
///
/// Pure: the node and the simulator run the same decisions. At most one job of each kind runs at a time.
package struct BackgroundSchedule: Sendable {
    package struct Configuration: Sendable {
        /// Each pair of replicas is compared once in this time.
        package var repairCycle: Duration
        /// After an exchange that failed, or a delivery that did.
        package var retry: Duration
        package var hintPause: Duration
        package var hintPauseMax: Duration

        package init(
            repairCycle: Duration = .seconds(600),
            retry: Duration = .seconds(10),
            hintPause: Duration = .seconds(10),
            hintPauseMax: Duration = .seconds(600)
        ) {
            self.repairCycle = repairCycle
            self.retry = retry
            self.hintPause = hintPause
            self.hintPauseMax = hintPauseMax
        }
    }

    package struct Pair: Sendable, Hashable, Comparable {
        package let partition: PartitionID
        package let peer: NodeID

        package init(partition: PartitionID, peer: NodeID) {
            self.partition = partition
            self.peer = peer
        }

        package static func < (left: Pair, right: Pair) -> Bool {
            (left.partition, left.peer) < (right.partition, right.peer)
        }
    }

    package struct HintJob: Sendable, Equatable {
        package let partition: PartitionID
        /// Of the partition's write rows.
        package let members: [NodeID]

        package init(partition: PartitionID, members: [NodeID]) {
            self.partition = partition
            self.members = members
        }
    }

    private struct Comparison: Sendable {
        var due: Duration
        /// Due before its turn: the peer was away, or an operator asked.
        var isUrgent: Bool
    }

    private struct Delivery: Sendable {
        var due: Duration
        var pause: Duration
        /// Members that the last run could not serve.
        var unserved: Set<NodeID> = []
    }

    private let own: NodeID
    private let configuration: Configuration
    private var layout: Layout?
    private var connected: Set<NodeID> = []
    private var comparisons: [Pair: Comparison] = [:]
    private var deliveries: [PartitionID: Delivery] = [:]
    private var runningPair: Pair?
    private var runningHints: PartitionID?

    package init(node: NodeID, configuration: Configuration = .init()) {
        self.own = node
        self.configuration = configuration
    }

    /// Pairs that are to be compared before their turn and will be soon.
    package var urgentPairCount: Int {
        self.comparisons.count { $0.value.isUrgent && self.connected.contains($0.key.peer) }
    }
    /// Pairs that cannot be compared because the peer is away; they will be when it comes back.
    package var blockedPairCount: Int { self.comparisons.keys.count { !self.connected.contains($0.peer) } }
    package var pairCount: Int { self.comparisons.count }
    package var partitionsWithHints: [PartitionID] { self.deliveries.keys.sorted() }

    /// Whom this node compares its replica of a partition with. Empty when it has none that is complete.
    ///
    /// A newcomer that is being filled takes no part: it pulls files. A former owner that has not been drained does.
    package static func peers(of partition: PartitionID, for own: NodeID, in layout: Layout) -> [NodeID] {
        let row = layout.readRow(of: partition)
        guard row.contains(own) else { return [] }
        let former = layout.move(of: partition).map { $0.phase == .dualWrite ? [] : $0.leavers } ?? []
        return (row + former.filter { !row.contains($0) }).filter { $0 != own }
    }

    /// Everyone who must have a hint of the partition before it is dropped: not those who will not come back, or else
    /// nobody who stands in for them could ever leave.
    package static func members(of partition: PartitionID, in layout: Layout) -> [NodeID] {
        let members = layout.writeRows(of: partition).reduce(into: []) { members, row in
            members += row.filter { !members.contains($0) }
        }
        guard !layout.lost.isEmpty else { return members }
        let alive = members.filter { !layout.lost.contains($0) }
        return alive.isEmpty ? members : alive
    }

    // MARK: Events

    package mutating func layoutAdopted(_ layout: Layout, now: Duration) {
        let isFirst = self.layout == nil
        self.layout = layout
        var kept: [Pair: Comparison] = [:]
        for partition in layout.partitionCount.partitions {
            for peer in Self.peers(of: partition, for: self.own, in: layout) {
                let pair = Pair(partition: partition, peer: peer)
                // What this node missed before it started, and what a new fellow replica lacks, is wanted soon.
                kept[pair] = self.comparisons[pair] ?? Comparison(due: now, isUrgent: true)
            }
        }
        self.comparisons = kept
        if !isFirst {
            // A row may have changed: the hints of it have other addressees now.
            for partition in self.deliveries.keys {
                self.deliveries[partition]?.due = now
            }
        }
    }

    /// - Returns: Whether somebody has come back.
    @discardableResult
    package mutating func peersConnected(_ nodes: Set<NodeID>, now: Duration) -> Bool {
        let returned = nodes.subtracting(self.connected)
        self.connected = nodes
        guard !returned.isEmpty else { return false }
        for pair in self.comparisons.keys where returned.contains(pair.peer) {
            self.comparisons[pair] = Comparison(due: now, isUrgent: true)
        }
        guard let layout = self.layout else { return true }
        for partition in self.deliveries.keys {
            let members = Self.members(of: partition, in: layout)
            if members.contains(where: returned.contains) {
                self.deliveries[partition]?.due = now
                self.deliveries[partition]?.pause = self.configuration.hintPause
            }
        }
        return true
    }

    /// The partitions of which this node holds hints now.
    package mutating func hintsCounted(_ partitions: Set<PartitionID>, now: Duration) {
        self.deliveries = self.deliveries.filter { partitions.contains($0.key) || $0.key == self.runningHints }
        for partition in partitions where self.deliveries[partition] == nil {
            self.deliveries[partition] = Delivery(due: now, pause: self.configuration.hintPause)
        }
    }

    /// An operator wants every pair compared and every hint tried now.
    package mutating func repairAsked(now: Duration) {
        for pair in self.comparisons.keys {
            self.comparisons[pair] = Comparison(due: now, isUrgent: true)
        }
        for partition in self.deliveries.keys {
            self.deliveries[partition]?.due = now
        }
    }

    package mutating func repairEnded(_ pair: Pair, isComplete: Bool, now: Duration) {
        if self.runningPair == pair { self.runningPair = nil }
        guard let comparison = self.comparisons[pair] else { return }
        if isComplete {
            self.comparisons[pair] = Comparison(due: now + self.cycle(of: pair, after: now), isUrgent: false)
        } else {
            self.comparisons[pair]?.due = now + self.configuration.retry
            self.comparisons[pair]?.isUrgent = comparison.isUrgent
        }
    }

    package mutating func deliveryEnded(_ partition: PartitionID, _ summary: HintDelivery.Summary, now: Duration) {
        if self.runningHints == partition { self.runningHints = nil }
        guard var delivery = self.deliveries[partition] else { return }
        guard !summary.isComplete else {
            self.deliveries[partition] = nil
            return
        }
        let unserved = Set(summary.unserved.keys)
        let isUnchanged = !unserved.isEmpty && unserved == delivery.unserved
        delivery.pause =
            isUnchanged
            ? min(delivery.pause * 2, self.configuration.hintPauseMax) : self.configuration.hintPause
        delivery.unserved = unserved
        delivery.due = now + delivery.pause
        self.deliveries[partition] = delivery
    }

    // MARK: Decisions

    /// The next partition whose hints to deliver; it counts as running until `deliveryEnded`.
    package mutating func nextDelivery(now: Duration) -> HintJob? {
        guard self.runningHints == nil, let layout = self.layout else { return nil }
        let due = self.deliveries.filter { partition, delivery in
            // Nobody to serve: wait for a member to come back.
            delivery.due <= now
                && Self.members(of: partition, in: layout).contains { self.connected.contains($0) || $0 == self.own }
        }
        let first = due.min { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
        guard let partition = first?.key else { return nil }
        self.runningHints = partition
        return HintJob(partition: partition, members: Self.members(of: partition, in: layout))
    }

    /// The next pair to compare; it counts as running until `repairEnded`.
    package mutating func nextRepair(now: Duration) -> Pair? {
        guard self.runningPair == nil else { return nil }
        let due = self.comparisons.filter { $0.value.due <= now && self.connected.contains($0.key.peer) }
        let first = due.min { left, right in
            if left.value.isUrgent != right.value.isUrgent { return left.value.isUrgent }
            return (left.value.due, left.key) < (right.value.due, right.key)
        }
        self.runningPair = first?.key
        return first?.key
    }

    /// Pairs that were urgent together drift apart again, to a place in the cycle that is always the same.
    private func cycle(of pair: Pair, after now: Duration) -> Duration {
        let cycle = self.configuration.repairCycle
        let mixed = Rendezvous.weight(
            of: NodeID(rawValue: pair.peer.rawValue ^ self.own.rawValue),
            for: pair.partition.rawValue
        )
        let place = cycle * (Double(mixed >> 11) / Double(1 << 53))
        let elapsed = now - cycle * Int(now / cycle)
        let wait = place - elapsed
        return wait > .zero ? wait : wait + cycle
    }
}
