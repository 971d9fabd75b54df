/// What a plan will cost in bytes and time, from what is known when it is made. Not part of the layout: nodes would
/// not agree on it.
package struct PlanForecast: Hashable, Sendable, Codable {
    /// What is known of the cluster.
    package struct Input: Sendable {
        /// By partition: bytes of one replica's file.
        package var partitionBytes: [PartitionID: Int]
        /// By node: bytes on its disk, at least its files; what it holds when not known.
        package var usedBytes: [NodeID: Int]
        /// By node, as far as known.
        package var freeBytes: [NodeID: Int]
        /// Nobody copies from them now.
        package var unreachable: Set<NodeID>
        /// What a node takes in per second when no limit is set, if that was ever measured.
        package var bytesPerSecond: Int?

        package init(
            partitionBytes: [PartitionID: Int],
            usedBytes: [NodeID: Int] = [:],
            freeBytes: [NodeID: Int] = [:],
            unreachable: Set<NodeID> = [],
            bytesPerSecond: Int? = nil
        ) {
            self.partitionBytes = partitionBytes
            self.usedBytes = usedBytes
            self.freeBytes = freeBytes
            self.unreachable = unreachable
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// What goes from one node to another.
    package struct Link: Hashable, Sendable, Codable {
        package let source: NodeID
        package let target: NodeID
        package let partitions: Int
        package let bytes: Int
    }

    package struct Node: Hashable, Sendable, Codable {
        package let node: NodeID
        package let bytesBefore: Int
        /// With the retired files, which are kept while the change runs and until the time for `undo` is over.
        package let bytesPeak: Int
        /// The same after each step of the change.
        package let bytesByStep: [Int]
        /// Without them: what would be in use if every retired file went at once.
        package let bytesPeakReclaimed: Int
        /// The step in which that is reached, from 1; 0 when it is never more than before.
        package let peakStep: Int
        /// When retired files are gone.
        package let bytesAfter: Int
        package let freeBytes: Int?

        package var bytesIncoming: Int { self.bytesPeak - self.bytesBefore }

        /// Whether the change cannot end here.
        package var isTooSmall: Bool { self.freeBytes.map { self.bytesIncoming > $0 } ?? false }
    }

    /// Ascending by source and target.
    package let links: [Link]
    /// Members before or after, ascending.
    package let nodes: [Node]
    package let bytes: Int
    /// Steps in each of which every node takes in as many partitions as the limits allow at once.
    package let steps: Int
    /// At the present limits, when the busiest node is the bottleneck; `nil` without a rate.
    package let seconds: Double?

    package init(of plan: LayoutPlan, on layout: Layout, _ input: Input) {
        let moves = zip(layout.partitionCount.partitions, zip(layout.rows, plan.rows)).compactMap { partition, rows in
            Set(rows.0) == Set(rows.1)
                ? nil
                : PartitionMove(
                    partition: partition,
                    from: rows.0,
                    to: rows.1,
                    phase: .dualWrite,
                    fence: layout.version.next
                )
        }
        var committed = layout
        // As `Layout.committing` makes them: those who leave are there until the end.
        let staying = Set(plan.members.map(\.id))
        committed.members = plan.members + layout.members.filter { !staying.contains($0.id) }
        committed.lost = plan.staged.compactMap(\.lostNode) + input.unreachable
        let fills = MoveOrder.order(of: moves, layout: committed)
        var disks = Disks(rows: layout.rows, input)
        disks.run(fills, of: moves, atOnce: layout.limits.transfersPerNodeMax)
        let members = Set(layout.members.map(\.id) + plan.members.map(\.id)).sorted()
        let rate = layout.limits.bytesPerSecondMax ?? input.bytesPerSecond
        self.links = Self.links(of: fills, input)
        self.nodes = members.map { disks.node($0, free: input.freeBytes[$0]) }
        self.bytes = fills.reduce(0) { $0 + (input.partitionBytes[$1.partition] ?? 0) }
        self.steps = disks.steps
        let busiest = max(
            Dictionary(grouping: self.links, by: \.target).values.map { $0.reduce(0) { $0 + $1.bytes } }.max() ?? 0,
            Dictionary(grouping: self.links, by: \.source).values.map { $0.reduce(0) { $0 + $1.bytes } }.max() ?? 0
        )
        self.seconds = rate.map { Double(busiest) / Double(max(1, $0)) }
    }

    private static func links(of fills: [MoveOrder.Fill], _ input: Input) -> [Link] {
        let groups = Dictionary(grouping: fills.filter { $0.source != nil }) { [$0.source ?? $0.target, $0.target] }
        return groups.keys.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }.map { pair in
            let fills = groups[pair] ?? []
            return Link(
                source: pair[0],
                target: pair[1],
                partitions: fills.count,
                bytes: fills.reduce(0) { $0 + (input.partitionBytes[$1.partition] ?? 0) }
            )
        }
    }
}

/// Bytes on every disk while fills are made step by step.
private struct Disks {
    private let partitionBytes: [PartitionID: Int]
    private let before: [NodeID: Int]
    private var kept: [NodeID: Int]
    private var reclaimed: [NodeID: Int]
    private var peaks: [NodeID: (bytes: Int, step: Int)] = [:]
    private var history: [NodeID: [Int]] = [:]
    private(set) var steps = 0

    init(rows: [[NodeID]], _ input: PlanForecast.Input) {
        var held: [NodeID: Int] = [:]
        for (index, row) in rows.enumerated() {
            for node in row { held[node, default: 0] += input.partitionBytes[PartitionID(index)] ?? 0 }
        }
        self.partitionBytes = input.partitionBytes
        self.before = held.merging(input.usedBytes) { max($0, $1) }
        self.kept = self.before
        self.reclaimed = self.before
    }

    mutating func run(_ fills: [MoveOrder.Fill], of moves: [PartitionMove], atOnce: Int) {
        var fillsLeft = Dictionary(grouping: fills, by: \.partition).mapValues(\.count)
        let leavers = Dictionary(uniqueKeysWithValues: moves.map { ($0.partition, $0.leavers) })
        // Where rows only shrink, there is nothing to wait for.
        for move in moves where fillsLeft[move.partition] == nil { self.retire(move.partition, of: move.leavers) }
        var queues = Dictionary(grouping: fills, by: \.target).mapValues { $0[...] }
        let targets = queues.keys.sorted()
        while queues.values.contains(where: { !$0.isEmpty }) {
            self.steps += 1
            var done: [PartitionID] = []
            for target in targets {
                let step = (queues[target] ?? []).prefix(atOnce)
                queues[target]?.removeFirst(step.count)
                for fill in step {
                    self.kept[target, default: 0] += self.partitionBytes[fill.partition] ?? 0
                    self.reclaimed[target, default: 0] += self.partitionBytes[fill.partition] ?? 0
                    done.append(fill.partition)
                }
                self.history[target, default: []].append(self.kept[target] ?? 0)
                let bytes = self.reclaimed[target] ?? 0
                if bytes > self.peaks[target]?.bytes ?? self.before[target] ?? 0 {
                    self.peaks[target] = (bytes, self.steps)
                }
            }
            for partition in done {
                fillsLeft[partition, default: 0] -= 1
                if fillsLeft[partition] == 0 { self.retire(partition, of: leavers[partition] ?? []) }
            }
        }
    }

    private mutating func retire(_ partition: PartitionID, of leavers: [NodeID]) {
        for node in leavers { self.reclaimed[node, default: 0] -= self.partitionBytes[partition] ?? 0 }
    }

    func node(_ node: NodeID, free: Int?) -> PlanForecast.Node {
        let before = self.before[node] ?? 0
        return PlanForecast.Node(
            node: node,
            bytesBefore: before,
            bytesPeak: self.kept[node] ?? 0,
            bytesByStep: self.history[node] ?? Array(repeating: before, count: self.steps),
            bytesPeakReclaimed: self.peaks[node]?.bytes ?? before,
            peakStep: self.peaks[node]?.step ?? 0,
            bytesAfter: self.reclaimed[node] ?? 0,
            freeBytes: free
        )
    }
}
