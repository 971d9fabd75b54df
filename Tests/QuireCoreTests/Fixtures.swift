import QuireCore
import Testing

/// SplitMix64: the same seed gives the same test on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension NodeID {
    init(number: Int) {
        self.init(rawValue: UInt64(number))
    }
}

extension Member {
    /// A member that is known by its number alone.
    static func numbered(_ number: Int, zone: String = "z0", weight: Int = Member.weightDefault) -> Member {
        let endpoint = Endpoint(host: "127.0.0.1", port: 7000 + number)
        return Member(
            id: NodeID(number: number),
            name: "n\(number)",
            zone: zone,
            weight: weight,
            peer: endpoint,
            proxy: endpoint,
            http: endpoint
        )
    }

    /// Members 1... of which `sizes[z]` are in zone `z`.
    static func inZones(_ sizes: [Int]) -> [Member] {
        var members: [Member] = []
        for (zone, size) in sizes.enumerated() {
            for _ in 0..<size {
                members.append(.numbered(members.count + 1, zone: "z\(zone)"))
            }
        }
        return members
    }
}

extension Layout {
    static let testClusterID = String(repeating: "0123456789abcdef", count: 2)

    /// The first layout of a cluster with the given members.
    static func initial(_ members: [Member], partitions: Int = 256, replicas: Int = 3) throws -> Layout {
        let partitionCount = try #require(PartitionCount(partitions))
        return LayoutPlanner.initial(
            clusterID: Self.testClusterID,
            members: members,
            partitionCount: partitionCount,
            quorums: QuorumSettings(
                replicaCount: replicas,
                readQuorum: min(2, replicas),
                writeQuorum: min(2, replicas)
            )
        )
    }

    /// Stages all changes and plans them.
    func planned(_ changes: [StagedChange]) throws -> (layout: Layout, plan: LayoutPlan) {
        var layout = self
        for change in changes {
            layout = try layout.staging(change)
        }
        return (layout, try LayoutPlanner.plan(for: layout))
    }

    /// Receipts of everyone that the given partitions wait for.
    func dueReceipts(of partitions: [PartitionID]) -> [PartitionID: [PartitionMove.Receipt]] {
        var receipts: [PartitionID: [PartitionMove.Receipt]] = [:]
        for move in self.moves where partitions.contains(move.partition) {
            receipts[move.partition] = self.receiptsDue(of: move).map {
                PartitionMove.Receipt(node: $0, root: "00", bytes: 1, checksum: "")
            }
        }
        return receipts
    }

    /// Runs all moves to their end, all partitions in step.
    func movedToTheEnd() throws -> Layout {
        let partitions = self.moves.map(\.partition)
        guard !partitions.isEmpty else { return self }
        var layout = try self.recording(receipts: self.dueReceipts(of: partitions))
        layout = try layout.advancedToReadNew(partitions)
        layout = try layout.advancedToDraining(partitions)
        layout = try layout.recording(receipts: layout.dueReceipts(of: partitions))
        return try layout.finished(partitions)
    }

    /// Plans, commits and finishes the changes.
    func changed(_ changes: [StagedChange]) throws -> Layout {
        let (staged, plan) = try self.planned(changes)
        return try staged.committing(plan).movedToTheEnd()
    }
}

extension PutOperation {
    /// - Parameter writeQuorum: W of every row.
    init(
        rows: [[NodeID]],
        writeQuorum: Int,
        durability: Durability = .all,
        isLastWriteWins: Bool,
        timestamp: HybridTimestamp,
        coordinatingStandIn: NodeID? = nil
    ) {
        self.init(
            rows: rows,
            required: rows.map { Layout.effective(writeQuorum, in: $0) },
            durability: durability,
            isLastWriteWins: isLastWriteWins,
            timestamp: timestamp,
            coordinatingStandIn: coordinatingStandIn
        )
    }
}
