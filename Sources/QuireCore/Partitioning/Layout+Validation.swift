/// The first invariant that a layout breaks.
package enum LayoutViolation: Error, Hashable, Sendable {
    /// Not 32 lower-case hexadecimal digits.
    case malformedClusterID(String)
    /// Versions begin at 1.
    case versionNotPositive(LayoutVersion)
    /// N outside 1...7, or R or W outside 1...N.
    case quorumsOutOfRange(QuorumSettings)
    case membersNotAscending(NodeID)
    case nameRepeated(String)
    /// Members that have, or will have, replicas.
    case memberCountOutOfRange(Int, allowed: ClosedRange<Int>)
    case rowCount(found: Int, needed: Int)
    case rowSize(PartitionID, found: Int, needed: ClosedRange<Int>)
    case nodeRepeated(PartitionID, NodeID)
    case nodeUnknown(PartitionID, NodeID)
    case zonesNotSpread(PartitionID, found: Int, possible: Int)
    case tokensUnbalanced(NodeID, found: Int, allowed: ClosedRange<Int>)
    case replicasUnbalanced(NodeID, found: Int, allowed: ClosedRange<Int>)
    case movesNotAscending(PartitionID)
    /// The row is not the one that the move's phase prescribes, or the move changes no replica.
    case moveContradictsRow(PartitionID, PartitionMove.Phase)
    case receiptNotDue(PartitionID, NodeID)
    case receiptMissing(PartitionID, NodeID)
    /// A change is unfinished exactly while partitions move.
    case changeContradictsMoves(moves: Int)
    /// A staged join of a member, a staged leave of a stranger, or two changes of one node.
    case stagedContradictsMembers(NodeID)
}

extension Layout {
    /// The rows when all moves have ended. Spread and balance are promises about these.
    package var targetRows: [[NodeID]] {
        var rows = self.rows
        for move in self.moves where rows.indices.contains(move.partition.rawValue) {
            rows[move.partition.rawValue] = move.to
        }
        return rows
    }

    /// The members that have a replica when all moves have ended; the others are leaving.
    ///
    /// There are at most as many members as partitions and each has a token, so nobody stays without a replica.
    package var stayingMembers: [Member] {
        let staying = Set(self.targetRows.joined())
        return self.members.filter { staying.contains($0.id) }
    }

    package var leavingMembers: [Member] {
        guard !self.moves.isEmpty else { return [] }
        let staying = self.stayingMembers.map(\.id)
        return self.members.filter { !staying.contains($0.id) }
    }

    /// Checks every invariant of a layout, cheaply enough for every node to do it before it accepts one.
    ///
    /// 1. Members ascend by id; names are unique; 1 ≤ W, R ≤ N ≤ 7.
    /// 2. Every row names min(N, members) distinct members in as many zones as possible; every node's tokens and
    ///    replicas are its share, rounded down or up (see `BalanceTargets`). This holds for the target rows.
    /// 3. A partition in motion has the row that its phase prescribes, both its rows name members, and it changes a
    ///    replica. Receipts are those of its phase; reads go to a new row only with a receipt of every newcomer
    ///    (SAFETY rules 10-12).
    /// 4. A change is unfinished exactly while partitions move; members without a replica are leaving.
    /// 5. What is staged could be planned on the members that stay.
    package func validate() throws(LayoutViolation) {
        try self.validateIdentity()
        try self.validateMembers(staying: self.stayingMembers)
        let needed = self.partitionCount.rawValue
        guard self.rows.count == needed else { throw .rowCount(found: self.rows.count, needed: needed) }
        try self.validateMoves()
        try self.validateTargets()
        try self.validateStaged()
    }

    private func validateIdentity() throws(LayoutViolation) {
        let digits = self.clusterID.utf8
        guard digits.count == 32, digits.allSatisfy({ Self.isHexadecimal($0) }) else {
            throw .malformedClusterID(self.clusterID)
        }
        guard self.version > .none else { throw .versionNotPositive(self.version) }
        let replicaCount = self.quorums.replicaCount
        guard (1...7).contains(replicaCount), (1...replicaCount).contains(self.quorums.readQuorum),
            (1...replicaCount).contains(self.quorums.writeQuorum),
            (1...self.quorums.writeQuorum).contains(self.quorums.writeQuorumMin)
        else { throw .quorumsOutOfRange(self.quorums) }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Checks what the founders of a cluster bring, before any row exists.
    func validateFounding() throws(LayoutViolation) {
        try self.validateIdentity()
        try self.validateMembers(staying: self.members)
        let allowed = 1...self.partitionCount.rawValue
        guard allowed.contains(self.members.count) else {
            throw .memberCountOutOfRange(self.members.count, allowed: allowed)
        }
    }

    private func validateMembers(staying: [Member]) throws(LayoutViolation) {
        for (left, right) in zip(self.members, self.members.dropFirst()) where left.id >= right.id {
            throw .membersNotAscending(right.id)
        }
        // A node that is on its way out may be replaced by one of the same name.
        var names: Set<String> = []
        for member in staying where !names.insert(member.name).inserted {
            throw .nameRepeated(member.name)
        }
    }

    private func validateMoves() throws(LayoutViolation) {
        for (left, right) in zip(self.moves, self.moves.dropFirst()) where left.partition >= right.partition {
            throw .movesNotAscending(right.partition)
        }
        let ids = Set(self.members.map(\.id))
        for move in self.moves {
            guard self.rows.indices.contains(move.partition.rawValue) else {
                throw .moveContradictsRow(move.partition, move.phase)
            }
            try self.validateRow(move.from, of: move.partition, members: ids, size: 1...self.quorums.replicaCount)
            let row =
                switch move.phase {
                case .dualWrite: move.from
                case .readNew, .draining: move.to
                }
            guard self.readRow(of: move.partition) == row, Set(move.from) != Set(move.to) else {
                throw .moveContradictsRow(move.partition, move.phase)
            }
            try self.validateReceipts(of: move)
        }
        let isChanging = self.change.map { !$0.isFinished } ?? false
        guard isChanging == !self.moves.isEmpty else { throw .changeContradictsMoves(moves: self.moves.count) }
    }

    private func validateReceipts(of move: PartitionMove) throws(LayoutViolation) {
        let due = move.receiptsDue
        let given = move.receipts.map(\.node)
        for (index, node) in given.enumerated() where !due.contains(node) || given[..<index].contains(node) {
            throw .receiptNotDue(move.partition, node)
        }
        if move.phase == .readNew, let missing = due.first(where: { !given.contains($0) }) {
            throw .receiptMissing(move.partition, missing)
        }
    }

    private func validateTargets() throws(LayoutViolation) {
        let rows = self.targetRows
        let staying = self.stayingMembers
        let allowed = 1...self.partitionCount.rawValue
        guard allowed.contains(staying.count), !self.moves.isEmpty || staying.count == self.members.count else {
            throw .memberCountOutOfRange(self.members.count, allowed: allowed)
        }
        let targets = BalanceTargets(
            zones: staying.map(\.zone),
            partitionCount: self.partitionCount.rawValue,
            replicaCount: self.quorums.replicaCount
        )
        let zones = Dictionary(uniqueKeysWithValues: staying.map { ($0.id, $0.zone) })
        let ids = Set(zones.keys)
        for (partition, row) in zip(self.partitionCount.partitions, rows) {
            try self.validateRow(row, of: partition, members: ids, size: targets.rowSize...targets.rowSize)
            let spread = Set(row.compactMap { zones[$0] }).count
            guard spread == targets.zonesPerRow else {
                throw .zonesNotSpread(partition, found: spread, possible: targets.zonesPerRow)
            }
        }
        let counts = RowCounts(rows)
        for (member, allowed) in zip(staying, targets.replicas) {
            let tokens = counts.tokens(of: member.id)
            guard targets.tokensAllowed.contains(tokens) else {
                throw .tokensUnbalanced(member.id, found: tokens, allowed: targets.tokensAllowed)
            }
            let replicas = counts.replicas(of: member.id)
            guard allowed.contains(replicas) else {
                throw .replicasUnbalanced(member.id, found: replicas, allowed: allowed)
            }
        }
    }

    private func validateRow(
        _ row: [NodeID],
        of partition: PartitionID,
        members: Set<NodeID>,
        size: ClosedRange<Int>
    ) throws(LayoutViolation) {
        if let stranger = row.first(where: { !members.contains($0) }) { throw .nodeUnknown(partition, stranger) }
        for (index, node) in row.enumerated() where row[..<index].contains(node) {
            throw .nodeRepeated(partition, node)
        }
        guard size.contains(row.count) else { throw .rowSize(partition, found: row.count, needed: size) }
    }

    private func validateStaged() throws(LayoutViolation) {
        var members = self.stayingMembers
        var nodes: Set<NodeID> = []
        for change in self.staged {
            guard nodes.insert(change.node).inserted else { throw .stagedContradictsMembers(change.node) }
            do {
                try change.apply(to: &members)
            } catch {
                throw .stagedContradictsMembers(change.node)
            }
        }
    }
}

extension PartitionMove {
    /// Whose receipts the phase waits for, or has.
    ///
    /// In `draining` it is every new owner, if there are former ones that may hold something they lack (SAFETY 10).
    /// Where the row shrinks, reads will ask fewer replicas than before: those that stay must cover the leavers before
    /// reads turn to them, or a write that only leavers have would be missed (R = N, W = 1).
    package var receiptsDue: [NodeID] {
        switch self.phase {
        case .dualWrite, .readNew: self.to.count < self.from.count ? self.to : self.newcomers
        case .draining: self.leavers.isEmpty ? [] : self.to
        }
    }

    /// Whether every receipt is there.
    package var hasAllReceipts: Bool {
        self.receiptsDue.allSatisfy { node in self.receipts.contains { $0.node == node } }
    }
}
