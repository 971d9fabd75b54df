/// The first invariant that a layout breaks.
package enum LayoutViolation: Error, Hashable, Sendable {
    /// Not 32 lower-case hexadecimal digits.
    case malformedClusterID(String)
    /// Versions begin at 1.
    case versionNotPositive(LayoutVersion)
    /// Malformed, or the version is not one of that life of the log.
    case lineageContradictsVersion(LayoutLineage, LayoutVersion)
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
    /// A change is unfinished exactly while partitions move or members leave.
    case changeContradictsMoves(moves: Int)
    /// A staged join of a member, a staged leave of a stranger, or two changes of one node.
    case stagedContradictsMembers(NodeID)
    /// Leaving or lost nodes that are not ascending, no members, or there while no change runs.
    case leavingContradictsMembers([NodeID])
    /// Not ascending, no members, an even number, or more than 7.
    case votersOutOfRange([NodeID])
    case fenceCount(found: Int, needed: Int)
    /// A fence of a later version than the layout's.
    case fenceAhead(PartitionID)
    case weightOutOfRange(NodeID, found: Int)
    case limitsOutOfRange(TransferLimits)
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

    /// The members that belong to the cluster when all moves have ended; the others are leaving.
    package var stayingMembers: [Member] {
        self.leaving.isEmpty ? self.members : self.members.filter { !self.leaving.contains($0.id) }
    }

    /// Checks every invariant of a layout, cheaply enough for every node to do it before it accepts one.
    ///
    /// 1. Members ascend by id; names are unique; 1 ≤ W, R ≤ N ≤ 7.
    /// 2. Every row names min(N, members) distinct members in as many zones as possible; every node's tokens and
    ///    replicas are its share, rounded down or up (see `BalanceTargets`). This holds for the target rows.
    /// 3. A partition in motion has the row that its phase prescribes, both its rows name members, and it changes a
    ///    replica. Receipts are those of its phase; reads go to a new row only with a receipt of every newcomer
    ///    (SAFETY rules 10-12).
    /// 4. A change is unfinished exactly while partitions move or members leave; members are lost only then.
    /// 5. The voters are members, an odd number up to 7.
    /// 6. What is staged could be planned on the members that stay.
    package func validate() throws(LayoutViolation) {
        try self.validateIdentity()
        try self.validateMembers(staying: self.stayingMembers)
        let needed = self.partitionCount.rawValue
        guard self.rows.count == needed else { throw .rowCount(found: self.rows.count, needed: needed) }
        try self.validateLeaving()
        try self.validateVoters()
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
        guard self.lineage.isValid, self.lineage.allows(self.version) else {
            throw .lineageContradictsVersion(self.lineage, self.version)
        }
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
        for member in self.members where !Member.weightsAllowed.contains(member.weight) {
            throw .weightOutOfRange(member.id, found: member.weight)
        }
        for member in staying where !names.insert(member.name).inserted {
            throw .nameRepeated(member.name)
        }
    }

    private func validateLeaving() throws(LayoutViolation) {
        let ids = self.members.map(\.id)
        for nodes in [self.leaving, self.lost] {
            let isAscending = zip(nodes, nodes.dropFirst()).allSatisfy { $0 < $1 }
            guard isAscending, nodes.allSatisfy(ids.contains), nodes.isEmpty || self.isChanging else {
                throw .leavingContradictsMembers(nodes)
            }
        }
    }

    private func validateVoters() throws(LayoutViolation) {
        let ids = self.members.map(\.id)
        let isAscending = zip(self.voters, self.voters.dropFirst()).allSatisfy { $0 < $1 }
        guard isAscending, self.voters.count % 2 == 1, self.voters.count <= VoterElection.votersMax,
            self.voters.allSatisfy(ids.contains)
        else { throw .votersOutOfRange(self.voters) }
        guard self.limits.isValid else { throw .limitsOutOfRange(self.limits) }
        let needed = self.partitionCount.rawValue
        guard self.fences.count == needed else { throw .fenceCount(found: self.fences.count, needed: needed) }
        for (partition, fence) in zip(self.partitionCount.partitions, self.fences) where fence > self.version {
            throw .fenceAhead(partition)
        }
    }

    private var isChanging: Bool { self.change.map { !$0.isFinished } ?? false }

    private func validateMoves() throws(LayoutViolation) {
        for (left, right) in zip(self.moves, self.moves.dropFirst()) where left.partition >= right.partition {
            throw .movesNotAscending(right.partition)
        }
        let ids = Set(self.members.map(\.id))
        for move in self.moves {
            guard self.rows.indices.contains(move.partition.rawValue) else {
                throw .moveContradictsRow(move.partition, move.phase)
            }
            let rowSizeMax = self.formerQuorums?.replicaCount ?? self.quorums.replicaCount
            try self.validateRow(move.from, of: move.partition, members: ids, size: 1...rowSizeMax)
            guard move.fence <= self.version else { throw .fenceAhead(move.partition) }
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
        guard self.isChanging == (!self.moves.isEmpty || !self.leaving.isEmpty) else {
            throw .changeContradictsMoves(moves: self.moves.count)
        }
    }

    private func validateReceipts(of move: PartitionMove) throws(LayoutViolation) {
        let due = self.receiptsDue(of: move)
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
        guard allowed.contains(staying.count) else {
            throw .memberCountOutOfRange(self.members.count, allowed: allowed)
        }
        let targets = BalanceTargets(
            zones: staying.map(\.zone),
            weights: staying.map(\.weight),
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
        for (member, allowed) in zip(staying, zip(targets.tokensAllowed, targets.replicas)) {
            let tokens = counts.tokens(of: member.id)
            guard allowed.0.contains(tokens) else {
                throw .tokensUnbalanced(member.id, found: tokens, allowed: allowed.0)
            }
            let replicas = counts.replicas(of: member.id)
            guard allowed.1.contains(replicas) else {
                throw .replicasUnbalanced(member.id, found: replicas, allowed: allowed.1)
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
        var quorums = self.quorums
        var nodes: Set<NodeID> = []
        for change in self.staged {
            for node in change.nodes {
                guard nodes.insert(node).inserted else { throw .stagedContradictsMembers(node) }
            }
            do {
                try change.apply(to: &members, quorums: &quorums)
            } catch {
                throw .stagedContradictsMembers(change.node ?? NodeID(rawValue: 0))
            }
        }
    }
}
