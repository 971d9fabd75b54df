import QuireCore
import Testing

@Suite struct HybridClockTests {
    @Test func followsTheWallClock() {
        var clock = HybridClock()
        #expect(clock.tick(wallMilliseconds: 1000) == HybridTimestamp(wallMilliseconds: 1000))
        #expect(clock.tick(wallMilliseconds: 1001) == HybridTimestamp(wallMilliseconds: 1001))
    }

    @Test func growsWhenTheWallClockDoesNot() {
        var clock = HybridClock()
        var last = clock.tick(wallMilliseconds: 1000)
        for wall: UInt64 in [1000, 1000, 999, 1, 1000] {
            let next = clock.tick(wallMilliseconds: wall)
            #expect(next > last)
            last = next
        }
    }

    @Test func exceedsWhatItHasSeen() {
        var clock = HybridClock()
        let seen = HybridTimestamp(wallMilliseconds: 1400, logical: 8)
        let isAdopted = clock.observe(seen, wallMilliseconds: 1000)
        #expect(isAdopted)
        #expect(clock.tick(wallMilliseconds: 1001) > seen)
    }

    /// SAFETY rule 4: a peer's clock that is too far ahead is refused, not adopted.
    @Test func refusesATimestampTooFarAhead() {
        var clock = HybridClock(offsetMillisecondsMax: 500)
        let isAdopted = clock.observe(HybridTimestamp(wallMilliseconds: 1500), wallMilliseconds: 1000)
        #expect(isAdopted)
        let isFarAdopted = clock.observe(HybridTimestamp(wallMilliseconds: 1502), wallMilliseconds: 1001)
        #expect(!isFarAdopted)
        #expect(clock.tick(wallMilliseconds: 1000) == HybridTimestamp(wallMilliseconds: 1500, logical: 1))
    }

    @Test func anOlderTimestampChangesNothing() {
        var clock = HybridClock()
        let latest = clock.tick(wallMilliseconds: 1000)
        let isAdopted = clock.observe(HybridTimestamp(wallMilliseconds: 1), wallMilliseconds: 1000)
        #expect(isAdopted)
        #expect(clock.tick(wallMilliseconds: 0) == HybridTimestamp(rawValue: latest.rawValue + 1))
    }

    @Test func refusesTheGreatestTimestampOfAll() {
        var clock = HybridClock()
        let isAdopted = clock.observe(HybridTimestamp(rawValue: .max), wallMilliseconds: 1000)
        #expect(!isAdopted)
    }
}
