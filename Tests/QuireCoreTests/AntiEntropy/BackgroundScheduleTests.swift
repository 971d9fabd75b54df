import QuireCore
import Testing

@Suite struct BackgroundScheduleTests {
    private let own = NodeID(number: 1)

    private func layout() throws -> Layout {
        try .initial((1...5).map { .numbered($0) }, partitions: 16)
    }

    private func started(_ layout: Layout, connected: [Int] = [2, 3, 4, 5]) -> BackgroundSchedule {
        var schedule = BackgroundSchedule(node: self.own)
        schedule.layoutAdopted(layout, now: .zero)
        schedule.peersConnected(Set(connected.map { NodeID(number: $0) }), now: .zero)
        return schedule
    }

    /// Runs every repair that is due.
    private func drain(_ schedule: inout BackgroundSchedule, now: Duration) -> [BackgroundSchedule.Pair] {
        var pairs: [BackgroundSchedule.Pair] = []
        while let pair = schedule.nextRepair(now: now) {
            pairs.append(pair)
            schedule.repairEnded(pair, isComplete: true, now: now)
        }
        return pairs
    }

    private func summary(unserved: [NodeID: String] = [:], kept: Int = 0) -> HintDelivery.Summary {
        var summary = HintDelivery.Summary()
        summary.unserved = unserved
        summary.keptHints = kept
        return summary
    }

    @Test func aNodeThatStartsComparesEverythingOnce() throws {
        let layout = try self.layout()
        var schedule = self.started(layout)
        let expected = layout.partitionCount.partitions.flatMap { partition -> [BackgroundSchedule.Pair] in
            let row = layout.readRow(of: partition)
            guard row.contains(self.own) else { return [] }
            return row.filter { $0 != self.own }.map { .init(partition: partition, peer: $0) }
        }
        #expect(!expected.isEmpty)
        let pairs = self.drain(&schedule, now: .seconds(1))
        #expect(pairs.sorted() == expected.sorted())
        #expect(schedule.urgentPairCount == 0)
    }

    @Test func everyPairComesOncePerCycleAndNotAllAtOnce() throws {
        var schedule = self.started(try self.layout())
        let all = self.drain(&schedule, now: .zero)
        var seen: [BackgroundSchedule.Pair: Int] = [:]
        var most = 0
        for second in 601...1200 {
            let pairs = self.drain(&schedule, now: .seconds(second))
            most = max(most, pairs.count)
            for pair in pairs { seen[pair, default: 0] += 1 }
        }
        #expect(Set(seen.keys) == Set(all))
        #expect(seen.values.allSatisfy { $0 <= 2 })
        #expect(most <= all.count)
        var later: [BackgroundSchedule.Pair: Int] = [:]
        for second in 1201...1800 {
            let pairs = self.drain(&schedule, now: .seconds(second))
            #expect(pairs.count <= 5)
            for pair in pairs { later[pair, default: 0] += 1 }
        }
        #expect(Set(later.keys) == Set(all))
        #expect(later.values.allSatisfy { $0 == 1 })
    }

    @Test func aPeerThatComesBackComesFirst() throws {
        var schedule = self.started(try self.layout(), connected: [2, 3, 4])
        #expect(self.drain(&schedule, now: .zero).allSatisfy { $0.peer != NodeID(number: 5) })
        let everyone = Set((2...5).map { NodeID(number: $0) })
        schedule.peersConnected(everyone, now: .seconds(5))
        let pairs = self.drain(&schedule, now: .seconds(5))
        #expect(!pairs.isEmpty)
        #expect(pairs.allSatisfy { $0.peer == NodeID(number: 5) })
    }

    @Test func anExchangeThatFailedIsTriedAgainSoon() throws {
        var schedule = self.started(try self.layout())
        let next = schedule.nextRepair(now: .zero)
        let pair = try #require(next)
        #expect(schedule.nextRepair(now: .zero) == nil)
        schedule.repairEnded(pair, isComplete: false, now: .zero)
        #expect(!self.drain(&schedule, now: .seconds(1)).contains(pair))
        #expect(self.drain(&schedule, now: .seconds(10)).contains(pair))
    }

    @Test func anOperatorGetsEverythingComparedAtOnce() throws {
        var schedule = self.started(try self.layout())
        let all = self.drain(&schedule, now: .zero)
        schedule.repairAsked(now: .seconds(1))
        #expect(schedule.urgentPairCount == all.count)
        #expect(self.drain(&schedule, now: .seconds(1)).count == all.count)
    }

    @Test func hintsAreTriedAtOnceThenEveryTenSecondsThenLessOften() throws {
        let layout = try self.layout()
        let partition = try #require(
            layout.partitionCount.partitions.first { layout.readRow(of: $0).contains(NodeID(number: 5)) }
        )
        var schedule = self.started(layout, connected: [2, 3, 4])
        schedule.hintsCounted([partition], now: .seconds(1))
        let away = self.summary(unserved: [NodeID(number: 5): "no link"], kept: 1)
        var tries: [Int] = []
        for second in 1...200 {
            guard let job = schedule.nextDelivery(now: .seconds(second)) else { continue }
            #expect(job.partition == partition)
            #expect(Set(job.members) == Set(layout.readRow(of: partition)))
            tries.append(second)
            schedule.deliveryEnded(partition, away, now: .seconds(second))
        }
        #expect(tries == [1, 11, 31, 71, 151])
        schedule.peersConnected(Set((2...5).map { NodeID(number: $0) }), now: .seconds(201))
        #expect(schedule.nextDelivery(now: .seconds(201))?.partition == partition)
        #expect(schedule.nextDelivery(now: .seconds(201)) == nil)
        schedule.deliveryEnded(partition, self.summary(), now: .seconds(202))
        #expect(schedule.partitionsWithHints.isEmpty)
    }

    @Test func hintsWaitWhileNobodyOfTheirRowIsThere() throws {
        let layout = try self.layout()
        let partition = try #require(
            layout.partitionCount.partitions.first { !layout.readRow(of: $0).contains(self.own) }
        )
        var schedule = self.started(layout, connected: [])
        schedule.hintsCounted([partition], now: .zero)
        #expect(schedule.nextDelivery(now: .seconds(100)) == nil)
        schedule.peersConnected([layout.readRow(of: partition)[0]], now: .seconds(101))
        #expect(schedule.nextDelivery(now: .seconds(101)) != nil)
    }

    /// SAFETY rule 8: hints follow the row.
    @Test func hintsGoToTheRowsOfAMoveAndThenToTheNewRow() throws {
        let (staged, plan) = try self.layout().planned([.join(.numbered(6))])
        let moving = try staged.committing(plan)
        let move = try #require(moving.moves.first)
        #expect(Set(BackgroundSchedule.members(of: move.partition, in: moving)) == Set(move.from + move.to))
        let moved = try moving.movedToTheEnd()
        #expect(BackgroundSchedule.members(of: move.partition, in: moved) == moved.readRow(of: move.partition))
        var schedule = self.started(moving)
        schedule.hintsCounted([move.partition], now: .zero)
        #expect(schedule.nextDelivery(now: .zero)?.members.count == Set(move.from + move.to).count)
        schedule.deliveryEnded(move.partition, self.summary(unserved: [move.to[0]: "away"]), now: .zero)
        schedule.layoutAdopted(moved, now: .seconds(1))
        #expect(schedule.nextDelivery(now: .seconds(1))?.members == moved.readRow(of: move.partition))
    }

    /// A newcomer is filled by files; comparing its empty replica key by key would be the slow way.
    @Test func aNewcomerTakesPartOnceItIsFilled() throws {
        let (staged, plan) = try self.layout().planned([.join(.numbered(6))])
        let moving = try staged.committing(plan)
        let move = try #require(moving.moves.first { !$0.newcomers.isEmpty })
        let newcomer = move.newcomers[0]
        #expect(BackgroundSchedule.peers(of: move.partition, for: newcomer, in: moving).isEmpty)
        #expect(!BackgroundSchedule.peers(of: move.partition, for: move.from[0], in: moving).contains(newcomer))
        let filled = try moving.recording(receipts: moving.dueReceipts(of: [move.partition]))
            .advancedToReadNew([move.partition])
        let peers = BackgroundSchedule.peers(of: move.partition, for: newcomer, in: filled)
        #expect(Set(peers) == Set(move.from + move.to).subtracting([newcomer]))
    }
}
