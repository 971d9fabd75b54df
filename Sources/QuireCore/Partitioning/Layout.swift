/// Position of a layout in the layout log. Version 0 is "no cluster yet".
package struct LayoutVersion: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package static let none = LayoutVersion(0)

    package let rawValue: Int

    package init(_ rawValue: Int) {
        self.rawValue = rawValue
    }

    package init(from decoder: any Decoder) throws {
        self.rawValue = try decoder.singleValueContainer().decode(Int.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }

    package var next: LayoutVersion { LayoutVersion(self.rawValue + 1) }
    package var description: String { String(self.rawValue) }

    package static func < (left: LayoutVersion, right: LayoutVersion) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// N, R and W.
package struct QuorumSettings: Hashable, Sendable, Codable {
    /// N: replicas of each partition, 1...7.
    package var replicaCount: Int
    /// R: replicas that answer a read.
    package var readQuorum: Int
    /// W: replicas that have stored a write before it is acknowledged, if its client does not say otherwise.
    package var writeQuorum: Int
    /// The smallest W that a request may ask for; `nil`: the cluster's W.
    package var writeQuorumFloor: Int?

    package init(
        replicaCount: Int = 3,
        readQuorum: Int = 2,
        writeQuorum: Int = 2,
        writeQuorumFloor: Int? = nil
    ) {
        self.replicaCount = replicaCount
        self.readQuorum = readQuorum
        self.writeQuorum = writeQuorum
        self.writeQuorumFloor = writeQuorumFloor
    }

    /// The smallest W with which any write may have been acknowledged: what fences and snapshots must reckon with
    /// (SAFETY rules 11 and 20).
    package var writeQuorumMin: Int { self.writeQuorumFloor ?? self.writeQuorum }
}

/// One change of membership that an operator has staged and nobody has committed.
package enum StagedChange: Hashable, Sendable, Codable {
    case join(Member)
    case leave(NodeID)
}

/// A partition on its way from one replica row to another (SAFETY rule 11).
package struct PartitionMove: Hashable, Sendable, Codable {
    package enum Phase: String, Hashable, Sendable, Codable {
        /// Writes need W of the old row and W of the new one; reads ask the old row; newcomers fill themselves.
        case dualWrite
        /// Writes as before; reads ask the new row, which covers all that was acknowledged.
        case readNew
        /// Only the new row counts; former owners hand over what may be left, then retire their files.
        case draining
    }

    /// Proof that one newcomer covers the partition.
    package struct Receipt: Hashable, Sendable, Codable {
        package let node: NodeID
        /// Hexadecimal Merkle root at the newcomer when it had covered every old replica.
        package let root: String
        /// Bytes of the file that was copied.
        package let bytes: Int
        /// Hexadecimal SHA-256 of the copied file; empty when there was nothing to copy.
        package let checksum: String

        package init(node: NodeID, root: String, bytes: Int, checksum: String) {
            self.node = node
            self.root = root
            self.bytes = bytes
            self.checksum = checksum
        }
    }

    package let partition: PartitionID
    package let from: [NodeID]
    package let to: [NodeID]
    package var phase: Phase
    /// Of newcomers, in phase `dualWrite`; of new owners that cover the former ones, in phase `draining`.
    package var receipts: [Receipt]

    package init(partition: PartitionID, from: [NodeID], to: [NodeID], phase: Phase, receipts: [Receipt] = []) {
        self.partition = partition
        self.from = from
        self.to = to
        self.phase = phase
        self.receipts = receipts
    }

    package var newcomers: [NodeID] { self.to.filter { !self.from.contains($0) } }
    package var leavers: [NodeID] { self.from.filter { !self.to.contains($0) } }
}

/// A committed membership change while it runs, and the last one after it has ended.
package struct LayoutChange: Hashable, Sendable, Codable {
    package let planID: String
    /// The layout version with which it began.
    package let beganAt: LayoutVersion
    /// Replicas to move, and the proven minimum for this change.
    package let movedReplicas: Int
    package let movedReplicasMinimum: Int
    package var isFinished: Bool

    package init(
        planID: String,
        beganAt: LayoutVersion,
        movedReplicas: Int,
        movedReplicasMinimum: Int,
        isFinished: Bool
    ) {
        self.planID = planID
        self.beganAt = beganAt
        self.movedReplicas = movedReplicas
        self.movedReplicasMinimum = movedReplicasMinimum
        self.isFinished = isFinished
    }
}

/// Who is in the cluster and which nodes hold which partition: the value that the layout log decides.
///
/// Rows are explicit, not derived from a ring walk: the first node of a row holds the partition's token, the
/// row holds its replicas (Dynamo §6.2, strategy 3). `validate()` lists every invariant.
package struct Layout: Hashable, Sendable, Codable {
    /// 32 hexadecimal digits, drawn when the cluster began.
    package var clusterID: String
    package var version: LayoutVersion
    package var partitionCount: PartitionCount
    package var quorums: QuorumSettings
    /// Ascending by id.
    package var members: [Member]
    /// One row per partition: the replicas that answer reads, token holder first.
    package var rows: [[NodeID]]
    /// Partitions in motion, ascending.
    package var moves: [PartitionMove]
    /// In the order of staging.
    package var staged: [StagedChange]
    package var change: LayoutChange?

    package init(
        clusterID: String,
        version: LayoutVersion,
        partitionCount: PartitionCount,
        quorums: QuorumSettings,
        members: [Member],
        rows: [[NodeID]],
        moves: [PartitionMove] = [],
        staged: [StagedChange] = [],
        change: LayoutChange? = nil
    ) {
        self.clusterID = clusterID
        self.version = version
        self.partitionCount = partitionCount
        self.quorums = quorums
        self.members = members
        self.rows = rows
        self.moves = moves
        self.staged = staged
        self.change = change
    }

    package func member(_ id: NodeID) -> Member? {
        self.members.first { $0.id == id }
    }

    package func move(of partition: PartitionID) -> PartitionMove? {
        var low = 0
        var high = self.moves.count
        while low < high {
            let middle = (low + high) / 2
            if self.moves[middle].partition < partition {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low < self.moves.count, self.moves[low].partition == partition else { return nil }
        return self.moves[low]
    }

    /// The replicas that answer reads and mint writes.
    package func readRow(of partition: PartitionID) -> [NodeID] {
        self.rows[partition.rawValue]
    }

    /// Each of these rows must reach its own write quorum.
    package func writeRows(of partition: PartitionID) -> [[NodeID]] {
        guard let move = self.move(of: partition) else { return [self.readRow(of: partition)] }
        switch move.phase {
        case .dualWrite, .readNew: return [move.from, move.to]
        case .draining: return [move.to]
        }
    }

    /// Everyone who may hold records of the partition: replicas, newcomers, former owners not yet drained.
    package func holders(of partition: PartitionID) -> [NodeID] {
        guard let move = self.move(of: partition) else { return self.readRow(of: partition) }
        return move.from + move.newcomers
    }

    /// A quorum cannot ask for more replicas than a row has.
    package static func effective(_ quorum: Int, in row: [NodeID]) -> Int {
        min(quorum, row.count)
    }

    package func tokenCount(of node: NodeID) -> Int {
        self.rows.count { $0.first == node }
    }

    package func replicaCount(of node: NodeID) -> Int {
        self.rows.count { $0.contains(node) }
    }
}
