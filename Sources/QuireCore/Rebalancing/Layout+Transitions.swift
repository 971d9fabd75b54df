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

/// The successors of a layout: each is a pure function, gives the next version and validates it.
///
/// ```
/// staging, clearingStaged            no row changes
/// committing                         each partition with other replicas:  → dualWrite
/// recording                          receipts of the newcomers
/// advancedToReadNew                  dualWrite → readNew
/// advancedToDraining                 readNew → draining
/// recording                          receipts of all new owners
/// finished                           draining → settled; after the last one, leavers are dropped
/// ```
///
/// A layout only says what was decided. The barriers of SAFETY rules 10-12, that everyone has adopted a version and no
/// older request is in flight, are the business of the one who proposes the step.
extension Layout {
    /// Notes a wish of the operator; nothing moves before it is committed.
    package func staging(_ change: StagedChange) throws(PlanRefusal) -> Layout {
        guard !self.staged.contains(where: { $0.node == change.node }) else { throw .alreadyStaged(change.node) }
        var members = self.stayingMembers
        for earlier in self.staged {
            try earlier.apply(to: &members)
        }
        try change.apply(to: &members)
        var next = self.successor
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
        let leaving = self.members.filter { old in !plan.members.contains { $0.id == old.id } }
        next.members = (plan.members + leaving).sorted { $0.id < $1.id }
        for partition in self.partitionCount.partitions {
            let old = self.readRow(of: partition)
            let new = plan.rows[partition.rawValue]
            if Set(old) == Set(new) {
                next.rows[partition.rawValue] = new
            } else {
                next.moves.append(PartitionMove(partition: partition, from: old, to: new, phase: .dualWrite))
            }
        }
        next.change = LayoutChange(
            planID: plan.id,
            beganAt: next.version,
            movedReplicas: plan.movedReplicas,
            movedReplicasMinimum: plan.movedReplicasMinimum,
            isFinished: next.moves.isEmpty
        )
        return try next.validated()
    }

    /// Adds receipts, by partition; a second receipt of a node replaces its first.
    ///
    /// A receipt is evidence that its node durably covers what the phase asks for (SAFETY rules 10 and 11): nothing
    /// else lets a partition go on.
    package func recording(receipts: [PartitionID: [PartitionMove.Receipt]]) throws(MoveRefusal) -> Layout {
        try self.changingMoves(of: Array(receipts.keys)) { move throws(MoveRefusal) in
            for receipt in receipts[move.partition] ?? [] {
                guard move.receiptsDue.contains(receipt.node) else {
                    throw .receiptNotDue(move.partition, receipt.node)
                }
                move.receipts.removeAll { $0.node == receipt.node }
                move.receipts.append(receipt)
            }
            move.receipts.sort { $0.node < $1.node }
        }
    }

    /// Lets reads ask the new rows; writes still need both (SAFETY rule 11, c).
    ///
    /// Needs a receipt of every newcomer: it covers all that the old row had when its barrier was passed.
    package func advancedToReadNew(_ partitions: [PartitionID]) throws(MoveRefusal) -> Layout {
        try self.changingMoves(of: partitions) { move throws(MoveRefusal) in
            try move.require(.dualWrite)
            try move.requireReceipts()
            move.phase = .readNew
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
            try move.requireReceipts()
        }
        let ended = Set(partitions)
        next.moves.removeAll { ended.contains($0.partition) }
        if next.moves.isEmpty {
            next.members = next.stayingMembers
            next.change?.isFinished = true
        }
        return try next.validatedMoves()
    }

    private var successor: Layout {
        var next = self
        next.version = self.version.next
        return next
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

    private func validated() throws(PlanRefusal) -> Layout {
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

    fileprivate func requireReceipts() throws(MoveRefusal) {
        for node in self.receiptsDue where !self.receipts.contains(where: { $0.node == node }) {
            throw .receiptMissing(self.partition, node)
        }
    }
}
