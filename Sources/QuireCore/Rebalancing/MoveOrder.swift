/// In which order newcomers fill themselves, and from whom: the shape of the traffic of a change.
///
/// A pure function of the layout, so that all nodes, and the forecast, have the same order: how full a disk is, is told by
/// the replicas that the node has for its weight.
///
/// No order can lower the number of live replicas: an old replica goes when the new ones cover it. What an order can do:
/// 1. the node with the most left to take is served first, so that it does not end long after the others;
/// 2. among what it has to take, that first which relieves the fullest disk, counting what has been relieved already;
///    of equal ones, tokens before other replicas;
/// 3. each copy comes from the replica whose link to the newcomer, and then whose disk, was asked least so far.
package enum MoveOrder {
    /// One copy.
    package struct Fill: Hashable, Sendable {
        package let partition: PartitionID
        package let target: NodeID
        /// Whose file is copied; `nil` when all who had one are lost.
        package let source: NodeID?
        /// The replica whose place it takes; `nil` where the row grows.
        package let replaces: NodeID?
    }

    /// - Parameters:
    ///   - moves: Those in phase `dualWrite` are ordered; newcomers that gave their receipt are left out.
    ///   - layout: Says who is lost, and how much everyone has.
    /// - Returns: All copies; each target takes its own in this order, several at a time.
    package static func order(of moves: [PartitionMove], layout: Layout) -> [Fill] {
        var queues = Self.queues(moves)
        let held = RowCounts(layout.rows)
        var disks = Dictionary(
            uniqueKeysWithValues: layout.members.map {
                ($0.id, Disk(replicas: held.replicas(of: $0.id), weight: $0.weight))
            }
        )
        var traffic = Traffic()
        var fills: [Fill] = []
        while let target = queues.indices.max(by: { (queues[$0].count, -$0) < (queues[$1].count, -$1) }),
            queues[target].count > 0
        {
            let copy = queues[target].popFirst { node in node.flatMap { disks[$0]?.fullness } ?? -1 }
            let node = queues[target].target
            let sources = copy.move.from.filter { !layout.lost.contains($0) }
            fills.append(
                Fill(
                    partition: copy.move.partition,
                    target: node,
                    source: traffic.choose(among: sources, leavers: copy.move.leavers, to: node),
                    replaces: copy.replaces
                )
            )
            if let replaces = copy.replaces { disks[replaces]?.replicas -= 1 }
        }
        return fills
    }

    private static func queues(_ moves: [PartitionMove]) -> [Queue] {
        var copies: [NodeID: [Copy]] = [:]
        for move in moves where move.phase == .dualWrite && !move.isReversal {
            let leavers = move.leavers
            for (index, newcomer) in move.newcomers.enumerated()
            where !move.receipts.contains(where: { $0.node == newcomer }) {
                let replaces = index < leavers.count ? leavers[index] : nil
                copies[newcomer, default: []].append(Copy(move: move, replaces: replaces))
            }
        }
        return copies.keys.sorted().map { Queue(target: $0, copies: copies[$0] ?? []) }
    }

    private struct Disk {
        var replicas: Int
        let weight: Int

        var fullness: Int { self.replicas * Member.weightsAllowed.upperBound / self.weight }
    }

    private struct Copy {
        let move: PartitionMove
        let replaces: NodeID?
    }

    /// What one newcomer has to take, by the node that it relieves.
    private struct Queue {
        let target: NodeID
        private(set) var count: Int
        /// Ascending; nobody last.
        private let relieved: [NodeID?]
        /// In reverse order of taking.
        private var copies: [[Copy]]

        init(target: NodeID, copies: [Copy]) {
            let groups = Dictionary(grouping: copies, by: \.replaces)
            let relieved = groups.keys.compactMap { $0 }.sorted().map(Optional.some) + (groups[nil] == nil ? [] : [nil])
            self.target = target
            self.count = copies.count
            self.relieved = relieved
            self.copies = relieved.map { node in
                (groups[node] ?? []).sorted { one, other in
                    let isOwner = (one.move.to.first == target, other.move.to.first == target)
                    return isOwner.0 == isOwner.1 ? one.move.partition > other.move.partition : isOwner.1
                }
            }
        }

        mutating func popFirst(fullness: (NodeID?) -> Int) -> Copy {
            let waiting = self.relieved.indices.filter { !self.copies[$0].isEmpty }
            let group = waiting.max { (fullness(self.relieved[$0]), -$0) < (fullness(self.relieved[$1]), -$1) }
            guard let group, let copy = self.copies[group].popLast() else { preconditionFailure("nothing is left") }
            self.count -= 1
            return copy
        }
    }

    private struct Traffic {
        private struct Link: Hashable {
            let source: NodeID
            let target: NodeID
        }

        private var links: [Link: Int] = [:]
        private var sources: [NodeID: Int] = [:]

        mutating func choose(among candidates: [NodeID], leavers: [NodeID], to target: NodeID) -> NodeID? {
            let ranks = candidates.map { node in
                let link = self.links[Link(source: node, target: target)] ?? 0
                return (link, self.sources[node] ?? 0, leavers.contains(node) ? 0 : 1, node)
            }
            guard let source = ranks.min(by: { $0 < $1 })?.3 else { return nil }
            self.links[Link(source: source, target: target), default: 0] += 1
            self.sources[source, default: 0] += 1
            return source
        }
    }
}
