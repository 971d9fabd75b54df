import QuireCore
import Testing

/// Layouts on their way: three members n1…n3 in zones of their own, and changes of them.
enum ChangingCluster {
    static let a = NodeID(rawValue: 1)
    static let b = NodeID(rawValue: 2)
    static let c = NodeID(rawValue: 3)
    static let d = NodeID(rawValue: 4)

    static func member(_ id: NodeID) -> Member {
        let number = Int(id.rawValue)
        return Member(
            id: id,
            name: "n\(number)",
            zone: "z\(number)",
            peer: Endpoint(host: "127.0.0.1", port: 7000 + number),
            proxy: Endpoint(host: "127.0.0.1", port: 7100 + number),
            http: Endpoint(host: "127.0.0.1", port: 7200 + number)
        )
    }

    static func calm(_ nodes: [NodeID] = [Self.a, Self.b, Self.c], writeQuorum: Int = 2) throws -> Layout {
        try LayoutPlanner.validatedInitial(
            clusterID: String(repeating: "ab", count: 16),
            members: nodes.map(self.member),
            partitionCount: try #require(PartitionCount(8)),
            quorums: QuorumSettings(replicaCount: 3, readQuorum: 2, writeQuorum: writeQuorum)
        )
    }

    static func begun(_ changes: [StagedChange], in layout: Layout) throws -> Layout {
        var staged = layout
        for change in changes { staged = try staged.staging(change) }
        return try staged.committing(LayoutPlanner.plan(for: staged))
    }

    /// Every partition in motion goes on by one phase; those who owe receipts give them.
    static func advanced(_ layout: Layout) throws -> Layout {
        var next = try self.receipted(layout)
        let partitions = next.moves.map(\.partition)
        switch next.moves.first?.phase {
        case .dualWrite: next = try next.advancedToReadNew(partitions)
        case .readNew: next = try next.advancedToDraining(partitions)
        case .draining: next = try next.finished(partitions)
        case nil: break
        }
        return next
    }

    static func receipted(_ layout: Layout) throws -> Layout {
        var receipts: [PartitionID: [PartitionMove.Receipt]] = [:]
        for move in layout.moves where move.phase != .readNew {
            receipts[move.partition] = layout.receiptsDue(of: move).map {
                PartitionMove.Receipt(node: $0, root: "00", bytes: 100, checksum: "")
            }
        }
        return receipts.isEmpty ? layout : try layout.recording(receipts: receipts)
    }
}
