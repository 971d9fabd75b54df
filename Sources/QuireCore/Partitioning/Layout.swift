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

/// Who is in the cluster and which nodes hold which partition: the value that the layout log decides.
///
/// Rows are explicit, not derived from a ring walk: the first node of a row holds the partition's token, the
/// row holds its replicas (Dynamo §6.2, strategy 3). `validate()` lists every invariant.
package struct Layout: Hashable, Sendable, Codable {
    /// 32 hexadecimal digits, drawn when the cluster began.
    package var clusterID: String
    package var lineage: LayoutLineage
    package var version: LayoutVersion
    package var partitionCount: PartitionCount
    /// Of rows that do not move, and of the new rows of those that do.
    package var quorums: QuorumSettings
    /// Of the old rows of partitions in motion; `nil` when they are the same.
    package var formerQuorums: QuorumSettings?
    /// Ascending by id.
    package var members: [Member]
    /// The members whose majority decides the next version, ascending; at most 7 (SAFETY rule 13).
    package var voters: [NodeID]
    /// Members that have no replica when the change has ended, and are dropped then; ascending.
    package var leaving: [NodeID]
    /// Members that will not come back while this change runs: nothing is awaited from them; ascending.
    package var lost: [NodeID]
    /// One row per partition: the replicas that answer reads, token holder first.
    package var rows: [[NodeID]]
    /// Per partition: replies to requests that are older than this version count for no quorum. Of a partition in
    /// motion the move's own fence holds.
    package var fences: [LayoutVersion]
    /// Partitions in motion, ascending.
    package var moves: [PartitionMove]
    /// In the order of staging.
    package var staged: [StagedChange]
    package var change: LayoutChange?
    package var limits: TransferLimits

    /// - Parameter voters: Elected from the members when not given.
    package init(
        clusterID: String,
        version: LayoutVersion,
        partitionCount: PartitionCount,
        quorums: QuorumSettings,
        members: [Member],
        rows: [[NodeID]],
        voters: [NodeID]? = nil,
        moves: [PartitionMove] = [],
        staged: [StagedChange] = [],
        change: LayoutChange? = nil
    ) {
        self.clusterID = clusterID
        self.lineage = .first
        self.version = version
        self.partitionCount = partitionCount
        self.quorums = quorums
        self.members = members
        self.voters = voters ?? VoterElection.voters(among: members, keeping: [])
        self.leaving = []
        self.lost = []
        self.rows = rows
        self.fences = Array(repeating: .none, count: partitionCount.rawValue)
        self.moves = moves
        self.staged = staged
        self.change = change
        self.limits = TransferLimits()
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

    /// Whether the partition moves, or may yet return to replicas that have given it up: what they have retired serves
    /// as a base then, so no tombstone may be dropped meanwhile (SAFETY rule 9).
    package func isInMotion(_ partition: PartitionID) -> Bool {
        if self.move(of: partition) != nil { return true }
        guard let change = self.change, change.isUndoable else { return false }
        return change.origin?.rows.contains { $0.partition == partition } ?? false
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

    /// Whether the node is among `holders(of:)`.
    package func isHolder(_ node: NodeID, of partition: PartitionID) -> Bool {
        guard partition.rawValue < self.rows.count else { return false }
        if self.rows[partition.rawValue].contains(node) { return true }
        guard let move = self.move(of: partition) else { return false }
        return move.from.contains(node) || move.to.contains(node)
    }

    /// Replies to requests of the partition that are older than this version do not count (SAFETY rule 11).
    package func fence(of partition: PartitionID) -> LayoutVersion {
        self.move(of: partition)?.fence ?? self.fences[partition.rawValue]
    }

    /// A quorum cannot ask for more replicas than a row has.
    package static func effective(_ quorum: Int, in row: [NodeID]) -> Int {
        min(quorum, row.count)
    }

    /// R of the row that reads ask.
    package func readQuorum(of partition: PartitionID, asked: Int? = nil) -> Int {
        var quorums = self.quorums
        if let former = self.formerQuorums, self.move(of: partition)?.phase == .dualWrite { quorums = former }
        return Self.effective(asked ?? quorums.readQuorum, in: self.readRow(of: partition))
    }

    /// W of each of `writeRows(of:)`.
    package func writeQuorums(of partition: PartitionID, asked: Int? = nil) -> [Int] {
        let rows = self.writeRows(of: partition)
        return rows.enumerated().map { index, row in
            let isFormer = rows.count == 2 && index == 0
            let quorums = isFormer ? self.formerQuorums ?? self.quorums : self.quorums
            return Self.effective(max(asked ?? quorums.writeQuorum, quorums.writeQuorumMin), in: row)
        }
    }

    /// How many replicas of the old row must have installed the move's fence before it goes on: enough that the rest
    /// can neither acknowledge a write nor, before reads may miss one, answer a read (SAFETY rule 11). Lost members
    /// never will.
    package func fenceQuorum(of move: PartitionMove) -> Int {
        let quorums = self.formerQuorums ?? self.quorums
        let count = move.from.count
        var needed = count - Self.effective(quorums.writeQuorumMin, in: move.from) + 1
        if move.phase == .readNew {
            needed = max(needed, count - Self.effective(quorums.readQuorum, in: move.from) + 1)
        }
        return min(needed, move.from.count { !self.lost.contains($0) })
    }

    /// Whose receipts the phase of a move waits for, or has.
    ///
    /// Newcomers must cover the fenced replicas before reads ask them. Where the number of replicas changes, reads may
    /// ask fewer of those that had a write: then all of the new row must. In `draining` it is every new owner, if there
    /// are former ones that may hold something they lack (SAFETY rule 10).
    ///
    /// A lost newcomer is waited for as long as the change can be taken back, which keeps all copies. Where it cannot, the
    /// change goes on without it, and the row is short of it until it is replaced; unless it would be the whole row.
    package func receiptsDue(of move: PartitionMove) -> [NodeID] {
        switch move.phase {
        case .dualWrite, .readNew:
            if move.isReversal { return [] }
            let due = move.to.count == move.from.count ? move.newcomers : move.to
            guard due.contains(where: self.lost.contains), self.hasToDoWithoutTheLost else { return due }
            return move.to.allSatisfy(self.lost.contains) ? due : due.filter { !self.lost.contains($0) }
        case .draining:
            return self.leaversAwaited(of: move).isEmpty ? [] : move.to.filter { !self.lost.contains($0) }
        }
    }

    /// Former owners that may hold something alone, and can still be asked.
    package func leaversAwaited(of move: PartitionMove) -> [NodeID] {
        move.isReversal ? [] : move.leavers.filter { !self.lost.contains($0) }
    }

    package func hasAllReceipts(of move: PartitionMove) -> Bool {
        self.receiptsDue(of: move).allSatisfy { node in move.receipts.contains { $0.node == node } }
    }

    package func tokenCount(of node: NodeID) -> Int {
        self.rows.count { $0.first == node }
    }

    package func replicaCount(of node: NodeID) -> Int {
        self.rows.count { $0.contains(node) }
    }
}
