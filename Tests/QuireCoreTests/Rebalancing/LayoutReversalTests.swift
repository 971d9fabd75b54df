import Testing

@testable import QuireCore

/// Pausing, aborting and undoing lead back to the rows before, from wherever a change is.
@Suite struct LayoutReversalTests {
    private func begun(_ sizes: [Int], _ changes: [StagedChange], partitions: Int = 16) throws -> (Layout, Layout) {
        let before = try Layout.initial(Member.inZones(sizes), partitions: partitions)
        let (staged, plan) = try before.planned(changes)
        return (before, try staged.committing(plan))
    }

    /// One step of one partition, if one is left to take.
    private func stepped(_ layout: Layout, using random: inout SeededGenerator) throws -> Layout {
        guard let move = layout.moves.randomElement(using: &random) else { return layout }
        let partitions = [move.partition]
        if !layout.hasAllReceipts(of: move) {
            return try layout.recording(receipts: layout.dueReceipts(of: partitions))
        }
        switch move.phase {
        case .dualWrite: return try layout.advancedToReadNew(partitions)
        case .readNew: return try layout.advancedToDraining(partitions)
        case .draining: return try layout.finished(partitions)
        }
    }

    private func ended(_ start: Layout, using random: inout SeededGenerator) throws -> Layout {
        var layout = start
        while !layout.moves.isEmpty { layout = try self.stepped(layout, using: &random) }
        // Those who leave are let go when they hold nothing for others.
        return layout.change?.isFinished == false ? try layout.dismissingLeavers() : layout
    }

    private static let changes: [[StagedChange]] = [
        [.join(.numbered(9))],
        [.leave(NodeID(number: 2))],
        [.replace(NodeID(number: 3), with: .numbered(9))],
        [.join(.numbered(8)), .join(.numbered(9)), .leave(NodeID(number: 1))],
        [.setQuorums(QuorumSettings(replicaCount: 2, readQuorum: 1, writeQuorum: 2))],
        [.setQuorums(QuorumSettings(replicaCount: 4, readQuorum: 2, writeQuorum: 3)), .join(.numbered(9))],
    ]

    /// Every transition validates its result.
    @Test(arguments: 0..<6, [UInt64](1...6))
    func anAbortAtAnyPointLeadsBack(_ index: Int, _ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (before, begun) = try self.begun([4], Self.changes[index])
        var layout = begun
        for _ in 0..<Int.random(in: 0...70, using: &random) where !(layout.change?.isFinished ?? true) {
            layout = try self.stepped(layout, using: &random)
        }
        guard layout.change?.isFinished == false else { return }
        let aborting = try layout.aborting()
        #expect(throws: ChangeRefusal.self) { try aborting.aborting() }
        let after = try self.ended(aborting, using: &random)
        #expect(after.rows == before.rows)
        #expect(after.members == before.members)
        #expect(after.quorums == before.quorums)
        #expect(after.change?.kind == .abort)
        #expect(throws: ChangeRefusal.nothingToUndo) { try after.undoing() }
    }

    @Test(arguments: 0..<6)
    func anUndoLeadsBackAndCanBeUndone(_ index: Int) throws {
        var random = SeededGenerator(seed: 5)
        let (before, begun) = try self.begun([4], Self.changes[index])
        let done = try self.ended(begun, using: &random)
        #expect(done.change?.isUndoable == true)
        let undone = try self.ended(done.undoing(), using: &random)
        #expect(undone.rows == before.rows)
        #expect(undone.members == before.members)
        #expect(undone.quorums == before.quorums)
        let redone = try self.ended(undone.undoing(), using: &random)
        #expect(redone.rows == done.rows)
        #expect(redone.members == done.members)
    }

    /// A node that left and comes back by `undo` is the member it was: what it retired meanwhile is its own.
    @Test func aMemberComesBackAsWhoItWas() throws {
        var random = SeededGenerator(seed: 6)
        let (before, begun) = try self.begun([4], [.leave(NodeID(number: 2))])
        let undone = try self.ended(try self.ended(begun, using: &random).undoing(), using: &random)
        #expect(undone.member(NodeID(number: 2))?.joinedAt == before.member(NodeID(number: 2))?.joinedAt)
        let joined = try self.ended(
            try self.begun([4], [.join(.numbered(9))]).1,
            using: &random
        )
        #expect(joined.member(NodeID(number: 9))?.joinedAt == joined.change?.beganAt)
    }

    /// SAFETY rule 11, backwards: reads of the new row are fenced off before writes leave it out.
    @Test func anAbortFromReadNewKeepsBothRowsUntilItsFence() throws {
        let (_, begun) = try self.begun([3], [.join(.numbered(4))])
        let partitions = begun.moves.map(\.partition)
        let readNew = try begun.recording(receipts: begun.dueReceipts(of: partitions)).advancedToReadNew(partitions)
        let aborting = try readNew.aborting()
        for move in aborting.moves {
            #expect(move.phase == .readNew && move.isReversal)
            #expect(move.fence == aborting.version)
            #expect(aborting.readRow(of: move.partition) == move.to)
            #expect(aborting.writeRows(of: move.partition) == [move.from, move.to])
            #expect(aborting.receiptsDue(of: move).isEmpty)
        }
        let draining = try aborting.advancedToDraining(partitions)
        #expect(try draining.finished(partitions).moves.isEmpty)
    }

    /// The old row has W of every acknowledged write: it holds again at once, and nobody waits for a dead target.
    @Test func anAbortFromDualWriteNeedsNobody() throws {
        let (before, begun) = try self.begun([3], [.join(.numbered(4))])
        let aborted = try begun.aborting()
        #expect(aborted.moves.isEmpty)
        #expect(aborted.leaving == [NodeID(number: 4)])
        let after = try aborted.dismissingLeavers()
        #expect(after.rows == before.rows)
        #expect(after.member(NodeID(number: 4)) == nil)
    }

    /// The new row alone has acknowledged writes: the way back is a move like any other.
    @Test func anAbortFromDrainingCopiesBack() throws {
        let (_, begun) = try self.begun([3], [.join(.numbered(4))])
        let partitions = begun.moves.map(\.partition)
        let draining = try begun.recording(receipts: begun.dueReceipts(of: partitions))
            .advancedToReadNew(partitions).advancedToDraining(partitions)
        let aborting = try draining.aborting()
        for move in aborting.moves {
            #expect(move.phase == .dualWrite && !move.isReversal)
            #expect(move.fence == aborting.version)
            #expect(aborting.receiptsDue(of: move) == move.newcomers)
        }
    }

    @Test func pausingStopsNothingThatWasDecided() throws {
        let (_, begun) = try self.begun([3], [.join(.numbered(4))])
        let paused = try begun.pausing()
        #expect(paused.moves == begun.moves)
        #expect(throws: ChangeRefusal.alreadyPaused(planID: begun.change?.planID ?? "")) { try paused.pausing() }
        let resumed = try paused.resuming()
        #expect(resumed.change?.state == .running)
        #expect(throws: ChangeRefusal.notPaused(planID: begun.change?.planID ?? "")) { try resumed.resuming() }
        #expect(try paused.aborting().change?.state == .running)
    }

    @Test func whatWasDeclaredLostCannotBeHadBack() throws {
        var random = SeededGenerator(seed: 7)
        let lost = NodeID(number: 2)
        let (_, begun) = try self.begun([4], [.replace(lost, with: .numbered(9), isLost: true)])
        #expect(begun.lost == [lost])
        #expect(!begun.voters.contains(lost))
        #expect(throws: ChangeRefusal.membersLost([lost])) { try begun.aborting() }
        let done = try self.ended(begun, using: &random)
        #expect(done.lost.isEmpty)
        #expect(throws: ChangeRefusal.membersLost([lost])) { try done.undoing() }
    }

    /// A member that stays and dies for good must not hold the change up, nor the one that replaces it.
    @Test func aChangeEndsWithoutAMemberThatWasGivenUp() throws {
        var random = SeededGenerator(seed: 9)
        let (_, begun) = try self.begun([4], [.join(.numbered(9))])
        let partitions = begun.moves.map(\.partition)
        let draining = try begun.recording(receipts: begun.dueReceipts(of: partitions))
            .advancedToReadNew(partitions).advancedToDraining(partitions)
        let given = try draining.declaringLost(.a)
        #expect(!given.voters.contains(.a))
        for move in given.moves {
            #expect(!given.receiptsDue(of: move).contains(.a))
            #expect(!given.leaversAwaited(of: move).contains(.a))
        }
        let done = try self.ended(given, using: &random)
        #expect(done.lost.isEmpty)
        #expect(done.member(.a) != nil)
        let (staged, plan) = try done.planned([.replace(.a, with: .numbered(8), isLost: true)])
        #expect(try staged.committing(plan).lost == [.a])
    }

    /// Else reads would turn to a row that nobody has data for.
    @Test func aNewRowThatIsLostAsAWholeIsWaitedFor() throws {
        let before = try Layout.initial(Member.inZones([2]), partitions: 8, replicas: 1)
        let (staged, plan) = try before.planned([.join(.numbered(9))])
        let given = try staged.committing(plan).declaringLost(NodeID(number: 9))
        #expect(!given.moves.isEmpty)
        for move in given.moves { #expect(given.receiptsDue(of: move) == [NodeID(number: 9)]) }
        #expect(try given.aborting().moves.isEmpty)
    }

    @Test func aMemberThatWasGivenUpIsNotFilledByAnAbort() throws {
        let (_, begun) = try self.begun([3], [.join(.numbered(4))])
        let partitions = begun.moves.map(\.partition)
        let draining = try begun.recording(receipts: begun.dueReceipts(of: partitions))
            .advancedToReadNew(partitions).advancedToDraining(partitions)
        let leaver = try #require(begun.moves.first?.leavers.first)
        #expect(throws: ChangeRefusal.membersLost([leaver])) { try draining.declaringLost(leaver).aborting() }
        #expect(try begun.declaringLost(leaver).aborting().moves.isEmpty)
    }

    /// A newcomer that dies while it replaces a dead one: there is no way back, so the change goes on without it.
    @Test func aLostNewcomerIsNotWaitedForWhereThereIsNoWayBack() throws {
        var random = SeededGenerator(seed: 10)
        let (lost, newcomer) = (NodeID(number: 2), NodeID(number: 9))
        let (_, begun) = try self.begun([4], [.replace(lost, with: .numbered(9), isLost: true)])
        let given = try begun.declaringLost(newcomer)
        for move in begun.moves { #expect(begun.receiptsDue(of: move) == [newcomer]) }
        for move in given.moves { #expect(given.receiptsDue(of: move) == []) }
        let done = try self.ended(given, using: &random)
        #expect(done.rows == begun.targetRows)
        #expect(done.member(lost) == nil)
        let (staged, plan) = try done.planned([.leave(newcomer, isLost: true)])
        #expect(try staged.committing(plan).lost == [newcomer])
    }

    @Test func aLostNewcomerIsWaitedForWhileTheChangeCanBeTakenBack() throws {
        let (before, begun) = try self.begun([4], [.join(.numbered(9))])
        let given = try begun.declaringLost(NodeID(number: 9))
        for move in given.moves { #expect(given.receiptsDue(of: move) == [NodeID(number: 9)]) }
        #expect(try given.aborting().rows == before.rows)
    }

    @Test func aLeavingMemberCanBeGivenUp() throws {
        let (_, begun) = try self.begun([4], [.leave(NodeID(number: 2))])
        #expect(throws: ChangeRefusal.notMember(NodeID(number: 7))) { try begun.declaringLost(NodeID(number: 7)) }
        let given = try begun.declaringLost(NodeID(number: 2))
        #expect(given.lost == [NodeID(number: 2)])
        for move in given.moves { #expect(given.leaversAwaited(of: move).isEmpty) }
    }

    @Test func nothingCanBeTakenBackOnceTheTimeIsOver() throws {
        var random = SeededGenerator(seed: 8)
        let (before, begun) = try self.begun([3], [.join(.numbered(4))])
        #expect(throws: ChangeRefusal.nothingToUndo) { try before.undoing() }
        #expect(throws: ChangeRefusal.changeRunning(planID: begun.change?.planID ?? "", movesLeft: begun.moves.count)) {
            try begun.undoing()
        }
        let closed = try self.ended(begun, using: &random).closingUndo()
        #expect(throws: ChangeRefusal.nothingToUndo) { try closed.undoing() }
    }

    @Test func limitsAreBounded() throws {
        let layout = try Layout.initial(Member.inZones([3]), partitions: 8)
        #expect(
            try layout.limiting(TransferLimits(bytesPerSecondMax: 1, transfersPerNodeMax: 2)).limits.bytesPerSecondMax
                == 1
        )
        for limits in [TransferLimits(bytesPerSecondMax: 0), TransferLimits(transfersPerNodeMax: 65)] {
            #expect(throws: ChangeRefusal.limitsOutOfRange(limits)) { try layout.limiting(limits) }
        }
    }
}
