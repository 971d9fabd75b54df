import QuireCore
import QuireStorage
import Testing

@testable import QuireNode

@Suite struct LayoutStoreTests {
    @Test func isEmptyAtFirst() throws {
        let scratch = try ScratchDirectory()
        let store = try LayoutStore(path: "\(scratch.path)/layout.db")
        #expect(try store.load() == LayoutAcceptor.State())
    }

    @Test func keepsPromisesAcceptancesAndDecisionsOverARestart() throws {
        let scratch = try ScratchDirectory()
        let path = "\(scratch.path)/layout.db"
        var acceptor = LayoutAcceptor(state: LayoutAcceptor.State(), isStranger: true)
        let ballot = Ballot(round: .max, node: NodeID(rawValue: .max))
        let store = try LayoutStore(path: path)
        let isNews = acceptor.learned(LayoutVersion(3), [1, 2, 3], isMember: true)
        #expect(isNews)
        try store.save(acceptor.state)
        let promise = acceptor.prepared(LayoutVersion(4), ballot)
        #expect(promise == .promise(LayoutVersion(4), ballot, accepted: nil))
        try store.save(acceptor.state)
        let vote = acceptor.proposed(LayoutVersion(4), ballot, [9])
        #expect(vote == .accepted(LayoutVersion(4), ballot))
        try store.save(acceptor.state)
        store.close()

        let reopened = try LayoutStore(path: path)
        let state = try reopened.load()
        #expect(state == acceptor.state)
        #expect(state.accepted == AcceptedLayout(ballot: ballot, layout: [9]))
        #expect(state.decidedVersion == LayoutVersion(3))
    }

    @Test func neverReplacesADecidedLayout() throws {
        let scratch = try ScratchDirectory()
        let store = try LayoutStore(path: "\(scratch.path)/layout.db")
        var state = LayoutAcceptor.State()
        state.decidedVersion = LayoutVersion(1)
        state.decided = AcceptedLayout(ballot: .none, layout: [1])
        try store.save(state)
        state.decided = AcceptedLayout(ballot: .none, layout: [2])
        try store.save(state)
        #expect(try store.load().decided?.layout == [1])
    }
}

/// What `layout.db` keeps of the past.
@Suite struct LayoutHistoryStoreTests {
    /// The wall clock of the test: one second passes with each layout.
    private final class Clock: @unchecked Sendable {
        var milliseconds: UInt64 = 1000
    }

    private func store(_ scratch: ScratchDirectory, _ clock: Clock) throws -> LayoutStore {
        try LayoutStore(path: "\(scratch.path)/layout.db") { clock.milliseconds }
    }

    private func save(_ layout: Layout, in store: LayoutStore, _ clock: Clock) throws {
        var state = LayoutAcceptor.State()
        state.decided = AcceptedLayout(ballot: .none, layout: LayoutCoding.encode(layout))
        state.decidedVersion = layout.version
        try store.save(state)
        clock.milliseconds += 1000
    }

    /// Every layout of a change that moves partitions one after the other.
    private func steps(_ first: Layout, _ change: StagedChange) throws -> [Layout] {
        var layouts = [try first.staging(change)]
        func add(_ next: Layout) { layouts.append(next) }
        func last() -> Layout { layouts[layouts.count - 1] }
        add(try last().committing(try LayoutPlanner.plan(for: last())))
        while let move = last().moves.first {
            let receipts = { (layout: Layout) in
                [
                    move.partition: layout.receiptsDue(of: layout.move(of: move.partition) ?? move).map {
                        PartitionMove.Receipt(node: $0, root: "00", bytes: 1, checksum: "")
                    }
                ]
            }
            add(try last().recording(receipts: receipts(last())))
            add(try last().advancedToReadNew([move.partition]))
            add(try last().advancedToDraining([move.partition]))
            add(try last().recording(receipts: receipts(last())))
            add(try last().finished([move.partition]))
        }
        return layouts
    }

    @Test func keepsTheBeginningAndTheEndOfEachChange() throws {
        let scratch = try ScratchDirectory()
        let clock = Clock()
        let store = try self.store(scratch, clock)
        var layouts = [try LayoutCodingTests.layout(partitions: try #require(PartitionCount(32)))]
        layouts += try self.steps(layouts[0], .join(LayoutCodingTests.member(4)))
        layouts += try self.steps(try #require(layouts.last), .leave(LayoutCodingTests.member(4).id))
        for layout in layouts { try self.save(layout, in: store, clock) }
        #expect(layouts.count > 2 * LayoutStore.newestKept)

        let spans = try store.changes()
        #expect(
            spans.map { $0.last.change?.beganAt }
                == [layouts.last, layouts.first { $0.change?.isFinished == true }]
                .map { $0?.change?.beganAt }
        )
        for span in spans {
            let change = try #require(span.last.change)
            #expect(change.isFinished)
            #expect(span.beganMilliseconds == change.beganAt.rawValue * 1000)
            #expect(span.endedMilliseconds == (change.endedAt?.rawValue ?? 0) * 1000)
        }
        // The time of each version is known longer than its layout.
        #expect(try store.adoptionTimes(from: LayoutVersion(1)).count == layouts.count)
        #expect(try self.wholeCount(scratch) < LayoutStore.newestKept + 8)
        #expect(try store.load().decided?.layout == layouts.last.map(LayoutCoding.encode))
    }

    private func wholeCount(_ scratch: ScratchDirectory) throws -> Int64 {
        let database = try SQLiteDatabase(path: "\(scratch.path)/layout.db", mode: .create)
        defer { database.close() }
        return try database.integer("SELECT count(*) FROM layouts WHERE length(layout) > 0") ?? 0
    }

    /// A file of the version before had layouts as JSON, and did not know when it had stored them.
    @Test func opensAFileOfAnEarlierVersion() throws {
        let scratch = try ScratchDirectory()
        let first = try LayoutCodingTests.layout(partitions: try #require(PartitionCount(8)))
        let layouts = try [first] + self.steps(first, .join(LayoutCodingTests.member(4)))
        let database = try SQLiteDatabase(path: "\(scratch.path)/layout.db", mode: .create)
        try database.execute("CREATE TABLE layouts(version INTEGER PRIMARY KEY, layout BLOB NOT NULL)")
        for layout in layouts {
            let insert = try database.prepare("INSERT INTO layouts VALUES (?, ?)")
            insert.bind(Int64(layout.version.rawValue), at: 1)
            try insert.bind(LayoutCoding.json(layout), at: 2)
            _ = try insert.step()
        }
        database.close()

        let clock = Clock()
        let store = try self.store(scratch, clock)
        let decided = try #require(try store.load().decided)
        #expect(LayoutCoding.decode(decided.layout) == layouts.last)
        let spans = try store.changes()
        #expect(spans.count == 1)
        #expect(spans.first?.last == layouts.last)
        #expect(spans.first?.beganMilliseconds == 0)
        store.close()
        #expect(try self.store(scratch, clock).changes().count == 1)
    }
}
