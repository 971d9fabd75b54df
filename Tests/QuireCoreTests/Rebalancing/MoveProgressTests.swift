import Testing

@testable import QuireCore

@Suite struct MoveProgressTests {
    private func moving() throws -> Layout {
        let (staged, plan) = try Layout.initial(Member.inZones([3]), partitions: 8).planned([.join(.numbered(4))])
        return try staged.committing(plan)
    }

    private func receipts(of layout: Layout) -> [PartitionReceipt] {
        layout.moves.flatMap { move in
            layout.receiptsDue(of: move).map { node in
                let receipt = PartitionMove.Receipt(node: node, root: "00", bytes: 0, checksum: "")
                return PartitionReceipt(
                    partition: move.partition,
                    phase: move.phase,
                    fence: move.fence,
                    receipt: receipt
                )
            }
        }
    }

    private func order(_ move: PartitionMove, session: UInt64) -> ControlCore.CoverOrder {
        ControlCore.CoverOrder(
            partition: move.partition,
            session: session,
            sources: [.c, .b],
            reviveSince: .none
        )
    }

    private let receipt = PartitionMove.Receipt(node: NodeID(number: 4), root: "00", bytes: 7, checksum: "ab")

    @Test func whatEndsMovesComesBeforeFillsInTheirOrder() throws {
        let (staged, plan) = try Layout.initial(Member.inZones([4]), partitions: 16).planned([
            .join(.numbered(5)), .setWeight(.b, 50),
        ])
        var layout = try staged.committing(plan)
        var progress = MoveProgress()
        _ = progress.adopted(layout, at: NodeID(number: 5))
        let fills = { MoveOrder.order(of: layout.moves, layout: layout).filter { $0.target == NodeID(number: 5) } }
        #expect(fills().count > 4)
        #expect(progress.work.map(\.partition) == fills().map(\.partition))
        #expect(progress.work.map(\.source) == fills().map(\.source))
        let last = try #require(progress.work.last).partition
        layout = try layout.recording(receipts: layout.dueReceipts(of: [last])).advancedToReadNew([last])
            .advancedToDraining([last])
        _ = progress.adopted(layout, at: NodeID(number: 5))
        #expect(progress.work.first == .init(partition: last, source: nil))
        #expect(progress.work.dropFirst().map(\.partition) == fills().map(\.partition))
        _ = progress.adopted(try layout.pausing(), at: NodeID(number: 5))
        #expect(progress.work.isEmpty)
    }

    /// SAFETY rule 11: reads turn to the new row only with a receipt of every newcomer.
    @Test func nothingGoesOnWithoutReceipts() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        _ = progress.adopted(layout, at: .a)
        #expect(progress.nextLayout(after: layout) { _ in true } == nil)
    }

    @Test func aChangeIsFillingUntilEveryNewcomerHasAReceipt() throws {
        let layout = try self.moving()
        let receipts = self.receipts(of: layout)
        var progress = MoveProgress()
        #expect(progress.isFilling(layout))
        progress.collected(Array(receipts.dropLast()))
        #expect(progress.isFilling(layout))
        progress.collected(receipts)
        #expect(!progress.isFilling(layout))
        let readNew = try #require(progress.nextLayout(after: layout) { _ in true })
        _ = progress.adopted(readNew, at: .a)
        #expect(!progress.isFilling(readNew))
    }

    /// SAFETY rule 11: the old row is let go only when its fence against readers of the old row is installed.
    @Test func writesNeedBothRowsUntilTheSecondFence() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        progress.collected(self.receipts(of: layout))
        let readNew = try #require(progress.nextLayout(after: layout) { _ in false })
        #expect(readNew.moves.allSatisfy { $0.phase == .readNew && $0.fence == readNew.version })
        _ = progress.adopted(readNew, at: .a)
        #expect(progress.nextLayout(after: readNew) { _ in false } == nil)
        let draining = try #require(progress.nextLayout(after: readNew) { _ in true })
        #expect(draining.moves.allSatisfy { $0.phase == .draining && $0.fence == readNew.version })
    }

    @Test func goesThroughAllPhasesOneVersionAtATime() throws {
        var layout = try self.moving()
        let target = layout.targetRows
        var progress = MoveProgress()
        var versions = [layout.version]
        while !layout.moves.isEmpty {
            _ = progress.adopted(layout, at: .a)
            progress.collected(self.receipts(of: layout))
            layout = try #require(progress.nextLayout(after: layout) { _ in true })
            versions.append(layout.version)
        }
        #expect(layout.rows == target)
        #expect(versions.count == 4)
        #expect(zip(versions, versions.dropFirst()).allSatisfy { $0.next == $1 })
    }

    @Test func receiptsOfAnEarlierPhaseAreForgotten() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        for (index, move) in layout.moves.enumerated() {
            progress.began(self.order(move, session: UInt64(index)), for: move)
            progress.covered(UInt64(index), self.receipt)
        }
        #expect(progress.ownReceipts.count == layout.moves.count)
        #expect(progress.ownReceipts.allSatisfy { $0.receipt.sources == [.b, .c] })
        let next = try #require(progress.nextLayout(after: layout) { _ in true })
        _ = progress.adopted(next, at: NodeID(number: 4))
        #expect(progress.ownReceipts.isEmpty)
    }

    /// A receipt of an attempt that was aborted is of no use to a later one of the same partition and phase.
    @Test func receiptsOfAnAbandonedAttemptCountForNothing() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        progress.collected(self.receipts(of: layout))
        let settled = try layout.aborting().dismissingLeavers()
        _ = progress.adopted(settled, at: .a)
        let (staged, plan) = try settled.planned([.join(.numbered(4))])
        let again = try staged.committing(plan)
        progress.collected(self.receipts(of: layout))
        _ = progress.adopted(again, at: .a)
        #expect(progress.nextLayout(after: again) { _ in true } == nil)
    }

    /// A zombie stream: its session was stopped, and whatever it reports is void.
    @Test func aStoppedSessionReportsInVain() throws {
        let layout = try self.moving()
        let move = try #require(layout.moves.first)
        var progress = MoveProgress()
        progress.began(self.order(move, session: 9), for: move)
        let stopped = progress.adopted(try layout.pausing(), at: NodeID(number: 4))
        #expect(stopped == [self.order(move, session: 9)])
        progress.covered(9, self.receipt)
        progress.failed(9, reason: "late", retryAt: .zero)
        #expect(progress.ownReceipts.isEmpty)
        #expect(progress.failures.isEmpty)
    }

    @Test func aFailedPartitionIsFreeAgainAfterAWhile() throws {
        let layout = try self.moving()
        let move = try #require(layout.moves.first)
        var progress = MoveProgress()
        progress.began(self.order(move, session: 1), for: move)
        #expect(progress.isRunning(move))
        progress.failed(1, reason: "gone", retryAt: .seconds(1))
        #expect(!progress.isRunning(move))
        #expect(!progress.mayTry(move, at: .milliseconds(999)))
        #expect(progress.mayTry(move, at: .seconds(1)))
        #expect(progress.failures[move.partition]?.reason == "gone")
    }

    /// SAFETY rule 8: the last step waits for the hints of a member that leaves; unknown is not none.
    @Test(arguments: [nil, Int.max, 3, 0])
    func theLastStepWaitsUntilALeaverHoldsNoHint(_ held: Int?) throws {
        let leaver = Member.numbered(4).id
        let (staged, plan) = try Layout.initial(Member.inZones([4]), partitions: 8).planned([.leave(leaver)])
        var layout = try staged.committing(plan)
        var progress = MoveProgress()
        for _ in 0..<10 where !layout.moves.isEmpty {
            _ = progress.adopted(layout, at: .a)
            progress.collected(self.receipts(of: layout))
            if let held { progress.hintsCounted(held, at: leaver) }
            guard let next = progress.nextLayout(after: layout, isFenced: { _ in true }) else { break }
            layout = next
        }
        #expect((layout.member(leaver) == nil) == (held == 0))
        #expect(layout.moves.isEmpty == (held == 0))
    }

    /// A member that was declared lost is not waited for: neither its hints nor its copies.
    @Test func aLostLeaverHoldsNothingUp() throws {
        let leaver = Member.numbered(4).id
        let (staged, plan) = try Layout.initial(Member.inZones([4]), partitions: 8)
            .planned([.leave(leaver, isLost: true)])
        var layout = try staged.committing(plan)
        var progress = MoveProgress()
        while !layout.moves.isEmpty {
            _ = progress.adopted(layout, at: .a)
            progress.collected(self.receipts(of: layout))
            layout = try #require(progress.nextLayout(after: layout) { _ in true })
        }
        #expect(layout.member(leaver) == nil)
    }
}
