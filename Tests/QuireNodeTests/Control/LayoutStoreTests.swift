import QuireCore
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
