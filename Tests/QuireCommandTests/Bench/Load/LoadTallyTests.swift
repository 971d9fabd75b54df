import Testing

@testable import quire

@Suite struct LoadTallyTests {
    @Test func failuresAreCountedByKindAndNotMeasured() {
        var tally = LoadTally()
        tally.ended(.put, .succeeded, nanoseconds: 2_000_000)
        tally.ended(.put, .failed("MOVED"), nanoseconds: 1)
        tally.ended(.get, .failed("MOVED"), nanoseconds: 1)
        tally.ended(.get, .failed("missing"), nanoseconds: 1)
        #expect(tally.failures == ["MOVED": 2, "missing": 1])
        #expect(tally.puts.succeeded == 1)
        #expect(tally.puts.latency.quantile(1) == 2)
        #expect(tally.gets.latency.isEmpty)
    }

    @Test func whatNobodyAnsweredCountsWithItsAge() {
        var tally = LoadTally()
        for _ in 0..<9 { tally.ended(.get, .succeeded, nanoseconds: 1_000_000) }
        tally.unanswered(.get, nanoseconds: 5_000_000_000)
        #expect(tally.gets.succeeded == 9)
        #expect(tally.failures == ["unanswered": 1])
        #expect(tally.gets.latency.quantile(0.99) == 5000)
    }

    @Test func addsUp() {
        var one = LoadTally()
        one.ended(.put, .succeeded, nanoseconds: 1)
        one.ended(.put, .failed("x"), nanoseconds: 1)
        one.nanoseconds = 5
        var other = one
        other.nanoseconds = 7
        other.add(one)
        #expect(other.puts.succeeded == 2)
        #expect(other.failures == ["x": 2])
        #expect(other.nanoseconds == 7)
    }
}
