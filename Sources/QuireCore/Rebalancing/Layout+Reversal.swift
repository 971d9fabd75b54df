/// Pausing a change, and the ways back from it: every step can be taken back without copying what is still there.
///
/// ```
/// a move in          abort makes of it                               because
/// dualWrite          nothing: the old row holds                      each acknowledged write has W of the old row
/// readNew            readNew of the reverse, then nothing            the same; reads of the new row must be fenced off
/// draining           dualWrite of the reverse                        the new row alone has acknowledged writes
/// (settled)          dualWrite of the reverse                        the same; retired files make the copy a small one
/// ```
///
/// `undo` is the last line for each partition of a finished change.
extension Layout {
    /// Nothing new is begun: no transfer, no step. What was decided stays, and writes go on.
    package func pausing() throws(ChangeRefusal) -> Layout {
        let change = try self.runningChange()
        guard change.state == .running else { throw .alreadyPaused(planID: change.planID) }
        var next = self.successor
        next.change?.state = .paused
        return try next.validatedChange()
    }

    package func resuming() throws(ChangeRefusal) -> Layout {
        let change = try self.runningChange()
        guard change.state == .paused else { throw .notPaused(planID: change.planID) }
        var next = self.successor
        next.change?.state = .running
        return try next.validatedChange()
    }

    package func limiting(_ limits: TransferLimits) throws(ChangeRefusal) -> Layout {
        guard limits.isValid else { throw .limitsOutOfRange(limits) }
        var next = self.successor
        next.limits = limits
        return try next.validatedChange()
    }

    /// Gives up a member that does not come back, so that the change can end without it: what only it has is lost.
    ///
    /// One that stays in rows is replaced afterwards. A partition that it is about to take waits for the change to be
    /// taken back; where that cannot be done any more, it goes on without it.
    package func declaringLost(_ node: NodeID) throws(ChangeRefusal) -> Layout {
        _ = try self.runningChange()
        guard self.member(node) != nil else { throw .notMember(node) }
        var next = self.successor
        next.lost = Set(self.lost + [node]).sorted()
        // Receipts may be due from nobody now.
        for index in next.moves.indices {
            let due = next.receiptsDue(of: next.moves[index])
            next.moves[index].receipts.removeAll { !due.contains($0.node) }
        }
        let electorate = next.stayingMembers.filter { !next.lost.contains($0.id) }
        if self.voters.contains(node), !electorate.isEmpty {
            next.voters = VoterElection.voters(among: electorate, keeping: self.voters)
        }
        return try next.validatedChange()
    }

    /// Turns a running change round: every partition goes back to the row it had before.
    package func aborting() throws(ChangeRefusal) -> Layout {
        let change = try self.runningChange()
        guard change.kind != .abort, let origin = change.origin else {
            throw .alreadyAborting(planID: change.planID)
        }
        let lost = self.lostOnTheWayBack(of: change, origin)
        guard lost.isEmpty else { throw .membersLost(lost) }
        var next = self.successor
        next.staged = []
        next.moves = []
        let returning = Set(origin.members.map(\.id))
        let leaving = self.members.filter { !returning.contains($0.id) }
        next.members = (origin.members + leaving).sorted { $0.id < $1.id }
        next.leaving = leaving.map(\.id)
        next.quorums = origin.quorums
        next.formerQuorums = self.quorums == origin.quorums ? nil : self.quorums
        for former in origin.rows {
            next.reverse(self.move(of: former.partition), of: former)
        }
        let copies = next.moves.reduce(0) { $0 + ($1.phase == .dualWrite ? next.receiptsDue(of: $1).count : 0) }
        next.change = LayoutChange(
            planID: change.planID,
            kind: .abort,
            staged: change.staged,
            beganAt: change.beganAt,
            movedReplicas: copies,
            movedReplicasMinimum: copies,
            state: .running,
            origin: origin
        )
        next.endChangeIfSettled()
        return try next.validatedChange()
    }

    /// Begins the way back from the change that has finished last.
    package func undoing() throws(ChangeRefusal) -> Layout {
        if let change = self.change, !change.isFinished {
            throw .changeRunning(planID: change.planID, movesLeft: self.moves.count)
        }
        guard let change = self.change, change.isUndoable, let origin = change.origin else { throw .nothingToUndo }
        let lost = change.staged.compactMap(\.lostNode).sorted()
        guard lost.isEmpty else { throw .membersLost(lost) }
        var rows = self.rows
        for former in origin.rows { rows[former.partition.rawValue] = former.row }
        var next = self.successor
        next.staged = []
        let copies = zip(self.rows, rows).reduce(0) { count, row in
            count + row.1.count { !row.0.contains($0) }
        }
        next.beginChange(
            to: origin.members,
            quorums: origin.quorums,
            rows: rows,
            LayoutChange(
                planID: change.planID,
                kind: .undo,
                staged: change.staged,
                beganAt: next.version,
                movedReplicas: copies,
                movedReplicasMinimum: copies,
                state: .running,
                origin: self.origin(for: rows)
            )
        )
        next.endChangeIfSettled()
        return try next.validatedChange()
    }

    /// Ends the time in which the last change can be taken back.
    package func closingUndo() throws(ChangeRefusal) -> Layout {
        guard let change = self.change, change.isFinished, change.origin != nil else { throw .nothingToUndo }
        var next = self.successor
        next.change?.origin = nil
        return try next.validatedChange()
    }

    // MARK: Parts

    /// Whether a member is lost for which nothing can be done but to end the change without it: its partitions get along
    /// with the replicas that are left, and it is replaced afterwards.
    var hasToDoWithoutTheLost: Bool {
        guard !self.lost.isEmpty, let change = self.change, !change.isFinished else { return false }
        guard change.kind != .abort, let origin = change.origin else { return true }
        return !self.lostOnTheWayBack(of: change, origin).isEmpty
    }

    /// Lost members without which there is no way back.
    private func lostOnTheWayBack(of change: LayoutChange, _ origin: LayoutChange.Origin) -> [NodeID] {
        let replaced = change.staged.compactMap(\.lostNode)
        return self.lost.filter { self.wouldNeed($0, origin) || replaced.contains($0) }
    }

    /// Whether the way back would fill this member anew.
    private func wouldNeed(_ node: NodeID, _ origin: LayoutChange.Origin) -> Bool {
        origin.rows.contains { former in
            guard former.row.contains(node) else { return false }
            guard let move = self.move(of: former.partition) else {
                return !self.readRow(of: former.partition).contains(node)
            }
            return move.phase == .draining && !move.to.contains(node)
        }
    }

    private func runningChange() throws(ChangeRefusal) -> LayoutChange {
        guard let change = self.change, !change.isFinished else { throw .nothingRuns }
        return change
    }

    /// - Parameter move: Of the same partition, in the layout before.
    private mutating func reverse(_ move: PartitionMove?, of former: LayoutChange.FormerRow) {
        let partition = former.partition
        switch move?.phase {
        case .dualWrite:
            self.rows[partition.rawValue] = former.row
        case .readNew:
            guard let move else { return }
            self.rows[partition.rawValue] = former.row
            self.moves.append(
                PartitionMove(
                    partition: partition,
                    from: move.to,
                    to: former.row,
                    phase: .readNew,
                    fence: self.version,
                    isReversal: true
                )
            )
        case .draining, nil:
            self.beginMove(of: partition, to: former.row)
        }
    }

    private func validatedChange() throws(ChangeRefusal) -> Layout {
        do {
            try self.validate()
        } catch {
            throw .invalid(error)
        }
        return self
    }
}
