import QuireCore
import Testing

@Suite struct MoveOrderTests {
    private func node(_ number: Int) -> NodeID { NodeID(number: number) }

    private func committed(_ changes: [StagedChange], zones: [Int] = [4]) throws -> Layout {
        let (staged, plan) = try Layout.initial(Member.inZones(zones), partitions: 64).planned(changes)
        return try staged.committing(plan)
    }

    @Test func ordersEveryCopyOnceFromAReplicaThatIsThere() throws {
        let layout = try self.committed([.join(.numbered(5)), .join(.numbered(6))])
        let fills = MoveOrder.order(of: layout.moves, layout: layout)
        let wanted = layout.moves.flatMap { move in move.newcomers.map { [move.partition.rawValue, Int($0.rawValue)] } }
        #expect(Set(fills.map { [$0.partition.rawValue, Int($0.target.rawValue)] }) == Set(wanted))
        #expect(fills.count == wanted.count)
        for fill in fills {
            let move = try #require(layout.move(of: fill.partition))
            let source = try #require(fill.source)
            #expect(move.from.contains(source))
        }
    }

    @Test func spreadsItsSourcesEvenly() throws {
        let layout = try self.committed([.join(.numbered(5))])
        let perSource = Dictionary(grouping: MoveOrder.order(of: layout.moves, layout: layout)) { $0.source }
            .mapValues(\.count)
        #expect(perSource.count == 4)
        #expect((perSource.values.max() ?? 0) - (perSource.values.min() ?? 0) <= 1)
    }

    @Test func asksNobodyWhoIsLost() throws {
        let layout = try self.committed([.leave(self.node(2), isLost: true)])
        let fills = MoveOrder.order(of: layout.moves, layout: layout)
        #expect(!fills.isEmpty)
        #expect(fills.allSatisfy { $0.source != nil && $0.source != self.node(2) })
    }

    @Test func relievesTheFullestDiskUntilAnotherIsFuller() throws {
        // Each has 48 replicas; what these have is for less than half of it.
        let layout = try self.committed([
            .join(.numbered(5, weight: 300)), .setWeight(self.node(2), 40), .setWeight(self.node(3), 45),
        ])
        var left = [self.node(1): 480, self.node(2): 1200, self.node(3): 1066, self.node(4): 480]
        let fills = MoveOrder.order(of: layout.moves, layout: layout).compactMap(\.replaces)
        #expect(Set(fills.prefix(8)) == [self.node(2), self.node(3)])
        #expect(fills.first == self.node(2))
        for node in fills.prefix(8) {
            #expect(left.values.allSatisfy { $0 <= (left[node] ?? 0) })
            left[node, default: 0] -= node == self.node(2) ? 25 : 22
        }
    }

    @Test func servesTheNodeWithMostLeftFirst() throws {
        let layout = try self.committed([.join(.numbered(5)), .join(.numbered(6, weight: 200))])
        let fills = MoveOrder.order(of: layout.moves, layout: layout)
        let heavy = fills.count { $0.target == self.node(6) }
        let light = fills.count - heavy
        #expect(heavy > light)
        #expect(fills.prefix(heavy - light).allSatisfy { $0.target == self.node(6) })
        #expect(fills == MoveOrder.order(of: layout.moves.reversed(), layout: layout))
    }

    @Test func leavesOutWhatIsFilled() throws {
        let layout = try self.committed([.join(.numbered(5))])
        let first = try #require(layout.moves.first)
        let next = try layout.recording(receipts: layout.dueReceipts(of: [first.partition]))
        let fills = MoveOrder.order(of: next.moves, layout: next)
        #expect(fills.count == MoveOrder.order(of: layout.moves, layout: layout).count - first.newcomers.count)
        #expect(!fills.contains { $0.partition == first.partition })
    }
}
