import QuireCore
import Testing

/// Dynamo §4.8.2: seeds are found by an external mechanism and known to all nodes.
@Suite struct SeedBookTests {
    private let first = Endpoint(host: "s", port: 1)
    private let second = Endpoint(host: "s", port: 2)

    @Test func asksEachSeedAtOnceAndNotTwiceAtATime() {
        var book = SeedBook([self.first, self.second, self.first])
        #expect(book.due(at: .zero, isSearching: true) == [self.first, self.second])
        #expect(book.due(at: .seconds(3), isSearching: true) == [])
        // An answer that never came is given up.
        #expect(book.due(at: .seconds(20), isSearching: true) == [self.first, self.second])
    }

    @Test func asksOftenWhileItSearchesAndNowAndThenWhenNot() {
        var book = SeedBook([self.first])
        _ = book.due(at: .zero, isSearching: true)
        _ = book.answered(self.first, .silence, at: .seconds(1))
        #expect(book.due(at: .milliseconds(1900), isSearching: true) == [])
        #expect(book.due(at: .seconds(29), isSearching: false) == [])
        #expect(book.due(at: .seconds(2), isSearching: true) == [self.first])
        _ = book.answered(self.first, .member(.numbered(1)), at: .seconds(3))
        #expect(book.due(at: .seconds(33), isSearching: false) == [self.first])
    }

    @Test func remembersWhoWasFoundWhere() {
        var book = SeedBook([self.first, self.second])
        let isNews = book.answered(self.first, .member(.numbered(4)), at: .zero)
        let isRepetition = !book.answered(self.first, .member(.numbered(4)), at: .zero)
        #expect(isNews && isRepetition)
        // Silence does not make anyone forgotten.
        let isSilenceNews = book.answered(self.first, .silence, at: .zero)
        #expect(!isSilenceNews)
        #expect(book.nodes == [NodeID(number: 4)])
        #expect(book.endpoints(of: NodeID(number: 4)) == [self.first])
        _ = book.answered(self.second, .member(.numbered(4)), at: .zero)
        #expect(book.endpoints(of: NodeID(number: 4)) == [self.first, self.second])
        _ = book.answered(self.first, .member(.numbered(2)), at: .zero)
        #expect(book.nodes == [NodeID(number: 2), NodeID(number: 4)])
        let isUnknownNews = book.answered(Endpoint(host: "x", port: 9), .member(.numbered(7)), at: .zero)
        #expect(!isUnknownNews)
    }

    /// Else an address of this node itself would make it complain to itself every second.
    @Test func oneThatRefusesIsAskedNowAndThenOnlyAndIsNotUsed() {
        var book = SeedBook([self.first])
        _ = book.due(at: .zero, isSearching: true)
        _ = book.answered(self.first, .member(.numbered(4)), at: .zero)
        let isNews = book.answered(self.first, .refusal, at: .zero)
        #expect(isNews && book.nodes == [])
        #expect(book.due(at: .seconds(29), isSearching: true) == [])
        #expect(book.due(at: .seconds(30), isSearching: true) == [self.first])
        _ = book.answered(self.first, .silence, at: .seconds(31))
        #expect(book.due(at: .seconds(32), isSearching: true) == [self.first])
    }

    @Test func thereAreOnlySoMany() {
        var book = SeedBook((1...40).map { Endpoint(host: "s", port: $0) })
        #expect(book.due(at: .zero, isSearching: true).count == SeedBook.countMax)
    }
}
