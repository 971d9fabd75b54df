import QuireCore

/// What members have told of their disks, made into a forecast, and what is told of it.
extension PlanForecast {
    /// Of one member.
    struct Disk {
        /// By number of partition; those that it does not hold are missing.
        var partitionBytes: [Int: Int]
        var usedBytes: Int
        var freeBytes: Int
    }

    /// By node.
    var bytesIncoming: [NodeID: Int] {
        Dictionary(uniqueKeysWithValues: self.nodes.map { ($0.node, $0.bytesIncoming) })
    }

    /// Of equals the one of the lowest ids first.
    var busiestLinks: [Link] {
        self.links.sorted { left, right in
            left.bytes != right.bytes
                ? left.bytes > right.bytes : (left.source, left.target) < (right.source, right.target)
        }
    }
}

extension PlanForecast.Input {
    /// - Parameter disks: By node; one that did not answer is missing, and nobody copies from it.
    /// - Returns: `nil` when no holder of some partition that moves has told its size.
    init?(_ plan: LayoutPlan, _ layout: Layout, disks: [NodeID: PlanForecast.Disk]) {
        var partitionBytes: [PartitionID: Int] = [:]
        for partition in layout.partitionCount.partitions {
            let told = layout.readRow(of: partition).compactMap { node in
                disks[node].map { $0.partitionBytes[partition.rawValue] ?? 0 }
            }
            partitionBytes[partition] = told.max()
        }
        guard plan.moves.allSatisfy({ partitionBytes[$0.partition] != nil }) else { return nil }
        self.init(
            partitionBytes: partitionBytes,
            usedBytes: disks.mapValues(\.usedBytes),
            freeBytes: disks.mapValues(\.freeBytes),
            unreachable: Set(layout.members.map(\.id)).subtracting(disks.keys)
        )
    }
}
