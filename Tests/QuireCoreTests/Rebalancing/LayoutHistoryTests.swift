import QuireCore
import Testing

/// Random histories of joins and leaves in random zones.
@Suite struct LayoutHistoryTests {
    @Test(arguments: UInt64(1)...16)
    func everyLayoutOfARandomHistoryIsValid(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let zoneCount = Int.random(in: 1...5, using: &random)
        let replicas = Int.random(in: 1...5, using: &random)
        let partitions = [8, 16, 32, 64].randomElement(using: &random) ?? 8
        var nextNumber = 1
        func newMember() -> Member {
            defer { nextNumber += 1 }
            return .numbered(nextNumber, zone: "z\(Int.random(in: 0..<zoneCount, using: &random))")
        }
        var layout = try Layout.initial([newMember()], partitions: partitions, replicas: replicas)
        for _ in 0..<8 {
            var changes: [StagedChange] = []
            let leaving = layout.members.shuffled(using: &random).prefix(Int.random(in: 0...2, using: &random))
            for member in leaving where changes.count + 1 < layout.members.count {
                changes.append(.leave(member.id))
            }
            let room = 8 - layout.members.count + changes.count
            for _ in 0..<min(room, Int.random(in: 0...3, using: &random)) {
                changes.append(.join(newMember()))
            }
            guard !changes.isEmpty else { continue }
            let (staged, plan) = try layout.planned(changes)
            #expect(plan.movedReplicas == plan.movedReplicasMinimum)
            #expect(plan.movedReplicas == plan.moves.count)
            layout = try self.finishInRandomSteps(staged.committing(plan), using: &random)
            #expect(layout.rows == plan.rows)
            #expect(layout.members.map(\.id) == plan.members.map(\.id))
        }
    }

    /// Every transition validates its result; a partition at a time, in any order.
    private func finishInRandomSteps(_ start: Layout, using random: inout SeededGenerator) throws -> Layout {
        var layout = start
        while let move = layout.moves.randomElement(using: &random) {
            let partitions = [move.partition]
            if !layout.hasAllReceipts(of: move) {
                layout = try layout.recording(receipts: layout.dueReceipts(of: partitions))
                continue
            }
            switch move.phase {
            case .dualWrite: layout = try layout.advancedToReadNew(partitions)
            case .readNew: layout = try layout.advancedToDraining(partitions)
            case .draining: layout = try layout.finished(partitions)
            }
        }
        return layout
    }
}
