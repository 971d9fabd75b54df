import QuireCore
import Testing

@Suite struct LayoutTransitionsTests {
    private func joining() throws -> Layout {
        let (staged, plan) = try Layout.initial(Member.inZones([3]), partitions: 8).planned([.join(.numbered(4))])
        return try staged.committing(plan)
    }

    private func leaving() throws -> Layout {
        let (staged, plan) = try Layout.initial(Member.inZones([4]), partitions: 8).planned([.leave(NodeID(number: 4))])
        return try staged.committing(plan)
    }

    @Test func stagingMovesNothing() throws {
        let layout = try Layout.initial(Member.inZones([3]))
        let staged = try layout.staging(.join(.numbered(4)))
        #expect(staged.version == layout.version.next)
        #expect(staged.rows == layout.rows)
        #expect(staged.members == layout.members)
        #expect(staged.clearingStaged().staged.isEmpty)
    }

    @Test func stagingRefusesContradictions() throws {
        let layout = try Layout.initial(Member.inZones([3])).staging(.leave(NodeID(number: 1)))
        #expect(throws: PlanRefusal.alreadyStaged(NodeID(number: 1))) {
            try layout.staging(.leave(NodeID(number: 1)))
        }
        #expect(throws: PlanRefusal.unknownNode(NodeID(number: 9))) { try layout.staging(.leave(NodeID(number: 9))) }
        #expect(throws: PlanRefusal.alreadyMember(NodeID(number: 2))) { try layout.staging(.join(.numbered(2))) }
        var namesake = Member.numbered(8)
        namesake.name = "n2"
        #expect(throws: PlanRefusal.nameTaken("n2")) { try layout.staging(.join(namesake)) }
    }

    @Test func commitRefusesAPlanOfAnotherVersion() throws {
        let (staged, plan) = try Layout.initial(Member.inZones([3])).planned([.join(.numbered(4))])
        let later = try staged.staging(.join(.numbered(5)))
        #expect(throws: PlanRefusal.stale(planned: staged.version, current: later.version)) {
            try later.committing(plan)
        }
    }

    @Test func commitKeepsRowsAndBeginsToWriteToBoth() throws {
        let before = try Layout.initial(Member.inZones([3]), partitions: 8)
        let layout = try self.joining()
        #expect(layout.members.count == 4)
        #expect(layout.moves.count == 6)
        #expect(layout.staged.isEmpty)
        #expect(layout.change?.isFinished == false)
        for move in layout.moves {
            #expect(layout.readRow(of: move.partition) == before.readRow(of: move.partition))
            #expect(layout.writeRows(of: move.partition) == [move.from, move.to])
        }
    }

    @Test func aTokenThatMovesAloneNeedsNoTransfer() throws {
        let before = try Layout.initial(Member.inZones([3]), partitions: 8)
        let layout = try self.joining()
        for partition in layout.partitionCount.partitions where layout.move(of: partition) == nil {
            #expect(Set(layout.readRow(of: partition)) == Set(before.readRow(of: partition)))
        }
        let tokens = RowOwners(layout.targetRows)
        #expect(layout.members.allSatisfy { tokens.count(of: $0.id) == 2 })
    }

    /// SAFETY rules 10 and 11: no flip without a receipt of every newcomer.
    @Test func readsStayOnTheOldRowUntilEveryNewcomerHasAReceipt() throws {
        let layout = try self.joining()
        let partition = try #require(layout.moves.first).partition
        #expect(throws: MoveRefusal.receiptMissing(partition, NodeID(number: 4))) {
            try layout.advancedToReadNew([partition])
        }
        let filled = try layout.recording(receipts: layout.dueReceipts(of: [partition]))
        let flipped = try filled.advancedToReadNew([partition])
        #expect(flipped.readRow(of: partition).contains(NodeID(number: 4)))
        #expect(flipped.writeRows(of: partition).count == 2)
    }

    @Test func phasesCannotBeSkippedOrRepeated() throws {
        let layout = try self.joining()
        let partition = try #require(layout.moves.first).partition
        #expect(throws: MoveRefusal.wrongPhase(partition, found: .dualWrite, needed: .readNew)) {
            try layout.advancedToDraining([partition])
        }
        #expect(throws: MoveRefusal.wrongPhase(partition, found: .dualWrite, needed: .draining)) {
            try layout.finished([partition])
        }
        let settled = try layout.movedToTheEnd()
        #expect(throws: MoveRefusal.notMoving(partition)) { try settled.finished([partition]) }
    }

    @Test func receiptsOfOthersAreRefused() throws {
        let layout = try self.joining()
        let move = try #require(layout.moves.first)
        let receipt = PartitionMove.Receipt(node: move.from[0], root: "00", bytes: 0, checksum: "")
        #expect(throws: MoveRefusal.receiptNotDue(move.partition, move.from[0])) {
            try layout.recording(receipts: [move.partition: [receipt]])
        }
    }

    @Test func aSecondReceiptReplacesTheFirst() throws {
        let layout = try self.joining()
        let partition = try #require(layout.moves.first).partition
        let once = try layout.recording(receipts: layout.dueReceipts(of: [partition]))
        let later = PartitionMove.Receipt(node: NodeID(number: 4), root: "ff", bytes: 7, checksum: "")
        let twice = try once.recording(receipts: [partition: [later]])
        #expect(twice.move(of: partition)?.receipts == [later])
    }

    /// SAFETY rule 10: a former owner hands over what it may still hold before it is forgotten.
    @Test func aMoveEndsOnlyWhenEveryNewOwnerCoversTheFormerOnes() throws {
        let layout = try self.leaving()
        let partition = try #require(layout.moves.first).partition
        var draining = try layout.recording(receipts: layout.dueReceipts(of: [partition]))
        draining = try draining.advancedToReadNew([partition]).advancedToDraining([partition])
        #expect(draining.move(of: partition)?.receipts == [])
        #expect(draining.holders(of: partition).contains(NodeID(number: 4)))
        let lowest = try #require(draining.move(of: partition)?.to.first)
        #expect(throws: MoveRefusal.receiptMissing(partition, lowest)) { try draining.finished([partition]) }
        draining = try draining.recording(receipts: draining.dueReceipts(of: [partition]))
        #expect(try draining.finished([partition]).move(of: partition) == nil)
    }

    @Test func aLeaverStaysAMemberUntilTheLastMoveHasEnded() throws {
        let layout = try self.leaving()
        #expect(layout.members.count == 4)
        #expect(layout.stayingMembers.count == 3)
        let settled = try layout.movedToTheEnd()
        #expect(settled.members.count == 3)
        #expect(settled.change?.isFinished == true)
        #expect(settled.moves.isEmpty)
    }

    @Test func aLeaverMayBeReplacedByANodeOfItsName() throws {
        var replacement = Member.numbered(9)
        replacement.name = "n4"
        let layout = try Layout.initial(Member.inZones([4]), partitions: 8)
            .changed([.leave(NodeID(number: 4)), .join(replacement)])
        #expect(layout.members.map(\.id.rawValue) == [1, 2, 3, 9])
    }

    @Test func everyTransitionGivesTheNextVersion() throws {
        let layout = try self.joining()
        let partition = try #require(layout.moves.first).partition
        let filled = try layout.recording(receipts: layout.dueReceipts(of: [partition]))
        #expect(filled.version == layout.version.next)
        #expect(try filled.advancedToReadNew([partition]).version == filled.version.next)
    }
}

private struct RowOwners {
    private let rows: [[NodeID]]

    init(_ rows: [[NodeID]]) {
        self.rows = rows
    }

    func count(of node: NodeID) -> Int { self.rows.count { $0.first == node } }
}
