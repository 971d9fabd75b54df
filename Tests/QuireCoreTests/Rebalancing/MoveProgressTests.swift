import Testing

@testable import QuireCore

@Suite struct MoveProgressTests {
    private func moving() throws -> Layout {
        let (staged, plan) = try Layout.initial(Member.inZones([3]), partitions: 8).planned([.join(.numbered(4))])
        return try staged.committing(plan)
    }

    private func receipts(of layout: Layout) -> [PartitionReceipt] {
        layout.moves.flatMap { move in
            move.receiptsDue.map { node in
                let receipt = PartitionMove.Receipt(node: node, root: "00", bytes: 0, checksum: "")
                return PartitionReceipt(partition: move.partition, phase: move.phase, receipt: receipt)
            }
        }
    }

    @Test func nothingGoesOnWithoutBarrierAndReceipts() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        progress.adopted(layout)
        #expect(progress.nextLayout(after: layout) == nil)
        progress.barrierPassed(layout)
        #expect(progress.nextLayout(after: layout) == nil)
    }

    /// SAFETY rule 12: receipts are part of the layout value even while the barrier is awaited.
    @Test func receiptsAloneAreRecordedButMoveNothing() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        progress.adopted(layout)
        progress.collected(self.receipts(of: layout))
        let next = try #require(progress.nextLayout(after: layout))
        #expect(next.moves.allSatisfy { $0.phase == .dualWrite && $0.hasAllReceipts })
        progress.adopted(next)
        #expect(progress.nextLayout(after: next) == nil)
    }

    @Test func goesThroughAllPhasesOneVersionAtATime() throws {
        var layout = try self.moving()
        let target = layout.targetRows
        var progress = MoveProgress()
        var versions = [layout.version]
        while !layout.moves.isEmpty {
            progress.adopted(layout)
            progress.barrierPassed(layout)
            progress.collected(self.receipts(of: layout))
            layout = try #require(progress.nextLayout(after: layout))
            versions.append(layout.version)
        }
        #expect(layout.rows == target)
        #expect(versions.count == 4)
        #expect(zip(versions, versions.dropFirst()).allSatisfy { $0.next == $1 })
    }

    @Test func receiptsOfAnEarlierPhaseAreForgotten() throws {
        let layout = try self.moving()
        var progress = MoveProgress()
        progress.adopted(layout)
        progress.barrierPassed(layout)
        self.receipts(of: layout).forEach { progress.covered($0) }
        #expect(progress.ownReceipts.count == layout.moves.count)
        let next = try #require(progress.nextLayout(after: layout))
        progress.adopted(next)
        #expect(progress.ownReceipts.isEmpty)
        #expect(progress.passed.isEmpty)
    }

    @Test func aFailedPartitionIsFreeAgain() {
        var progress = MoveProgress()
        progress.began(PartitionID(1))
        #expect(progress.running == [PartitionID(1)])
        progress.failed(PartitionID(1), reason: "gone", retryAt: .seconds(1))
        #expect(progress.running.isEmpty)
        #expect(progress.failures[PartitionID(1)]?.retryAt == .seconds(1))
    }

    /// SAFETY rule 8: the last step waits for the hints of a member that leaves; unknown is not none.
    @Test(arguments: [nil, Int.max, 3, 0])
    func theLastStepWaitsUntilALeaverHoldsNoHint(_ held: Int?) throws {
        let leaver = Member.numbered(4).id
        let (staged, plan) = try Layout.initial(Member.inZones([4]), partitions: 8).planned([.leave(leaver)])
        var layout = try staged.committing(plan)
        var progress = MoveProgress()
        for _ in 0..<10 where !layout.moves.isEmpty {
            progress.adopted(layout)
            progress.barrierPassed(layout)
            progress.collected(self.receipts(of: layout))
            if let held { progress.hintsCounted(held, at: leaver) }
            guard let next = progress.nextLayout(after: layout) else { break }
            layout = next
        }
        #expect((layout.member(leaver) == nil) == (held == 0))
        #expect(layout.moves.isEmpty == (held == 0))
    }
}
