/// Why a step of a move cannot be decided. Nothing was changed.
package enum MoveRefusal: Error, Hashable, Sendable {
    case notMoving(PartitionID)
    case wrongPhase(PartitionID, found: PartitionMove.Phase, needed: PartitionMove.Phase)
    /// The step needs a receipt of this node first.
    case receiptMissing(PartitionID, NodeID)
    /// The partition awaits no receipt of this node in its phase.
    case receiptNotDue(PartitionID, NodeID)
    case invalid(LayoutViolation)
}

/// The successors of a layout by moves and by staging: each is a pure function, gives the next version and validates it.
///
/// ```
/// staging, clearingStaged            no row changes
/// committing                         each partition with other replicas:  → dualWrite
/// recording                          receipts of the newcomers
/// advancedToReadNew                  dualWrite → readNew
/// advancedToDraining                 readNew → draining
/// recording                          receipts of all new owners
/// finished                           draining → settled; after the last one, leavers are dropped
/// dismissingLeavers                  the same, where nothing had to move
/// ```
///
/// Pausing, aborting and undoing: `Layout+Reversal`. A layout only says what was decided. That enough replicas have
/// installed the fence of a move (SAFETY rules 10-12) is the business of the one who proposes the step.
extension Layout {
    /// Notes a wish of the operator; nothing moves before it is committed.
    package func staging(_ change: StagedChange) throws(PlanRefusal) -> Layout {
        for earlier in self.staged {
            if let node = earlier.nodes.first(where: { change.nodes.contains($0) }) { throw .alreadyStaged(node) }
        }
        if case .setQuorums(let settings) = change, settings.replicaCount == self.quorums.replicaCount {
            throw .quorumsWithoutReplicaCount
        }
        var members = self.stayingMembers
        var quorums = self.quorums
        for earlier in self.staged {
            try earlier.apply(to: &members, quorums: &quorums)
        }
        try change.apply(to: &members, quorums: &quorums)
        var next = self.successor
        if case .setQuorums = change {
            next.staged.removeAll { earlier in
                if case .setQuorums = earlier { return true }
                return false
            }
        }
        next.staged.append(change)
        return try next.validated()
    }

    package func clearingStaged() -> Layout {
        var next = self.successor
        next.staged = []
        return next
    }

    /// Begins the change that `plan` describes.
    ///
    /// Those who join become members at once; those who leave stay members until the last move has finished. A
    /// partition with other replicas keeps its row and begins to write to both rows (SAFETY rule 11); where only the
    /// order changes, no data moves and the new row holds at once.
    package func committing(_ plan: LayoutPlan) throws(PlanRefusal) -> Layout {
        if let change = self.change, !change.isFinished {
            throw .changeRunning(planID: change.planID, movesLeft: self.moves.count)
        }
        guard plan.base == self.version, plan.staged == self.staged, plan.rows.count == self.rows.count else {
            throw .stale(planned: plan.base, current: self.version)
        }
        var next = self.successor
        next.staged = []
        let joined = plan.members.map { member in
            var member = member
            if self.member(member.id) == nil { member.joinedAt = next.version }
            return member
        }
        next.beginChange(
            to: joined,
            quorums: plan.quorums,
            rows: plan.rows,
            LayoutChange(
                planID: plan.id,
                staged: plan.staged,
                beganAt: next.version,
                movedReplicas: plan.movedReplicas,
                movedReplicasMinimum: plan.movedReplicasMinimum,
                state: .running,
                origin: self.origin(for: plan.rows),
                certificate: plan.certificate
            )
        )
        next.lost = plan.staged.compactMap(\.lostNode).sorted()
        // Who has just come votes when it has proven itself; who is lost votes no more.
        let electorate = next.members.filter { self.member($0.id) != nil && !next.lost.contains($0.id) }
        if !next.lost.isEmpty, !electorate.isEmpty {
            next.voters = VoterElection.voters(among: electorate, keeping: self.voters)
        }
        next.endChangeIfSettled()
        return try next.validated()
    }

    /// Adds receipts, by partition; a second receipt of a node replaces its first.
    ///
    /// A receipt is evidence that its node durably covers what the phase asks for (SAFETY rules 10 and 11): nothing
    /// else lets a partition go on.
    package func recording(receipts: [PartitionID: [PartitionMove.Receipt]]) throws(MoveRefusal) -> Layout {
        var copied = (replicas: 0, bytes: 0)
        var next = try self.changingMoves(of: Array(receipts.keys)) { move throws(MoveRefusal) in
            let due = self.receiptsDue(of: move)
            for receipt in receipts[move.partition] ?? [] {
                guard due.contains(receipt.node) else {
                    throw .receiptNotDue(move.partition, receipt.node)
                }
                if move.phase == .dualWrite, !move.receipts.contains(where: { $0.node == receipt.node }) {
                    copied = (copied.replicas + 1, copied.bytes + receipt.bytes)
                }
                move.receipts.removeAll { $0.node == receipt.node }
                move.receipts.append(receipt)
            }
            move.receipts.sort { $0.node < $1.node }
        }
        next.change?.copiedReplicas += copied.replicas
        next.change?.copiedBytes += copied.bytes
        return next
    }

    /// Lets reads ask the new rows; writes still need both (SAFETY rule 11, c).
    ///
    /// Needs a receipt of every newcomer: it covers all that the fenced replicas of the old row had.
    package func advancedToReadNew(_ partitions: [PartitionID]) throws(MoveRefusal) -> Layout {
        let fence = self.version.next
        return try self.changingMoves(of: partitions) { move throws(MoveRefusal) in
            try move.require(.dualWrite)
            try self.requireReceipts(of: move)
            move.phase = .readNew
            move.fence = fence
        }
    }

    /// Lets writes need the new rows only; former owners hand over what may be left (SAFETY rule 11, d, and rule 10).
    package func advancedToDraining(_ partitions: [PartitionID]) throws(MoveRefusal) -> Layout {
        try self.changingMoves(of: partitions) { move throws(MoveRefusal) in
            try move.require(.readNew)
            move.phase = .draining
            move.receipts = []
        }
    }

    /// Ends the moves of partitions whose former owners are drained: every new owner gave a receipt (SAFETY rule 10).
    ///
    /// With the last move the change ends and the members that left are dropped.
    package func finished(_ partitions: [PartitionID]) throws(MoveRefusal) -> Layout {
        var next = try self.changingMoves(of: partitions) { move throws(MoveRefusal) in
            try move.require(.draining)
            try self.requireReceipts(of: move)
        }
        let ended = Set(partitions)
        for move in next.moves where ended.contains(move.partition) {
            next.fences[move.partition.rawValue] = move.fence
        }
        next.moves.removeAll { ended.contains($0.partition) }
        if next.moves.isEmpty { next.endChange() }
        return try next.validatedMoves()
    }

    /// Ends a change in which nothing moves any more: the members that leave hold nothing for others (SAFETY rule 8).
    package func dismissingLeavers() throws(MoveRefusal) -> Layout {
        if let move = self.moves.first {
            throw .wrongPhase(move.partition, found: move.phase, needed: .draining)
        }
        var next = self.successor
        next.endChange()
        return try next.validatedMoves()
    }

    // MARK: Parts

    var successor: Layout {
        var next = self
        next.version = self.version.next
        return next
    }

    /// What a change to these rows would have to restore.
    func origin(for rows: [[NodeID]]) -> LayoutChange.Origin {
        let former = zip(self.partitionCount.partitions, zip(self.rows, rows)).compactMap { partition, change in
            change.0 == change.1 ? nil : LayoutChange.FormerRow(partition: partition, row: change.0)
        }
        return LayoutChange.Origin(members: self.members, quorums: self.quorums, rows: former)
    }

    /// Sets members, quorums and moves for a way to other rows, from a layout without moves.
    mutating func beginChange(
        to members: [Member],
        quorums: QuorumSettings,
        rows: [[NodeID]],
        _ change: LayoutChange
    ) {
        let staying = Set(members.map(\.id))
        let leaving = self.members.filter { !staying.contains($0.id) }
        self.members = (members + leaving).sorted { $0.id < $1.id }
        self.leaving = leaving.map(\.id)
        self.formerQuorums = quorums == self.quorums ? nil : self.quorums
        self.quorums = quorums
        self.change = change
        for partition in self.partitionCount.partitions {
            self.beginMove(of: partition, to: rows[partition.rawValue])
        }
    }

    mutating func beginMove(of partition: PartitionID, to new: [NodeID]) {
        let old = self.readRow(of: partition)
        if Set(old) == Set(new) {
            self.rows[partition.rawValue] = new
        } else {
            self.moves.append(
                PartitionMove(partition: partition, from: old, to: new, phase: .dualWrite, fence: self.version)
            )
        }
    }

    /// Ends the change at once if nothing has to move and nobody leaves: who leaves may still hold hints.
    mutating func endChangeIfSettled() {
        if self.moves.isEmpty, self.leaving.isEmpty { self.endChange() }
    }

    /// Members that left are dropped, and voters are elected among the others.
    private mutating func endChange() {
        guard let change = self.change, !change.isFinished else { return }
        // Who was given up on the way cannot be had back, nor the rows that it was in.
        if !Set(self.lost).isSubset(of: change.staged.compactMap(\.lostNode)) { self.change?.origin = nil }
        self.members = self.stayingMembers
        self.leaving = []
        self.lost = []
        self.formerQuorums = nil
        self.voters = VoterElection.voters(among: self.members, keeping: self.voters)
        self.change?.state = .finished
        self.change?.endedAt = self.version
        if change.kind == .abort { self.change?.origin = nil }
    }

    /// Applies `body` to the moves of `partitions` and brings their rows in line with the phase.
    private func changingMoves(
        of partitions: [PartitionID],
        _ body: (inout PartitionMove) throws(MoveRefusal) -> Void
    ) throws(MoveRefusal) -> Layout {
        let wanted = Set(partitions)
        var next = self.successor
        if let stranger = wanted.subtracting(self.moves.map(\.partition)).min() { throw .notMoving(stranger) }
        for index in next.moves.indices where wanted.contains(next.moves[index].partition) {
            try body(&next.moves[index])
            let move = next.moves[index]
            next.rows[move.partition.rawValue] = move.phase == .dualWrite ? move.from : move.to
        }
        return try next.validatedMoves()
    }

    private func requireReceipts(of move: PartitionMove) throws(MoveRefusal) {
        for node in self.receiptsDue(of: move) where !move.receipts.contains(where: { $0.node == node }) {
            throw .receiptMissing(move.partition, node)
        }
    }

    func validated() throws(PlanRefusal) -> Layout {
        do {
            try self.validate()
        } catch {
            throw .invalid(error)
        }
        return self
    }

    private func validatedMoves() throws(MoveRefusal) -> Layout {
        do {
            try self.validate()
        } catch {
            throw .invalid(error)
        }
        return self
    }
}

extension PartitionMove {
    fileprivate func require(_ needed: Phase) throws(MoveRefusal) {
        guard self.phase == needed else { throw .wrongPhase(self.partition, found: self.phase, needed: needed) }
    }
}
