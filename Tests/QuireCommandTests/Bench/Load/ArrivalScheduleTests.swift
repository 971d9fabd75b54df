import Testing

@testable import quire

@Suite struct ArrivalScheduleTests {
    @Test func isTheSameForTheSameSeed() {
        var one = ArrivalSchedule(rate: 1000, seed: 7)
        var same = ArrivalSchedule(rate: 1000, seed: 7)
        var other = ArrivalSchedule(rate: 1000, seed: 8)
        let times = (0..<100).map { _ in one.next() }
        #expect(times == (0..<100).map { _ in same.next() })
        #expect(times != (0..<100).map { _ in other.next() })
    }

    @Test(arguments: [10.0, 5000, 250_000]) func keepsTheRate(_ rate: Double) {
        var schedule = ArrivalSchedule(rate: rate, seed: 1)
        let count = 100_000
        let last = (0..<count).map { _ in schedule.next() }[count - 1]
        // The sum of so many exponential gaps strays by 1/√100 000 = 0.3 %.
        let expected = Double(count) / rate * 1e9
        #expect(abs(Double(last) - expected) < expected * 0.015)
    }

    @Test func neverGoesBackAndHasExponentialGaps() {
        var schedule = ArrivalSchedule(rate: 1000, seed: 3)
        var before: Int64 = 0
        var longGaps = 0
        for _ in 0..<100_000 {
            let time = schedule.next()
            #expect(time >= before)
            longGaps += time - before > 1_000_000 ? 1 : 0
            before = time
        }
        // Of exponential gaps, 1/e are longer than the mean.
        #expect((36_000...37_600).contains(longGaps))
    }
}
