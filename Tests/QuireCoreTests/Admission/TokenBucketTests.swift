import QuireCore
import Testing

@Suite struct TokenBucketTests {
    @Test func withoutARateNobodyWaits() {
        var bucket = TokenBucket()
        #expect(bucket.taken(1 << 40, now: .zero) == .zero)
    }

    @Test func holdsTheRateOverAllTakers() {
        var bucket = TokenBucket(rate: 1000)
        var now = Duration.zero
        for _ in 0..<100 {
            now += bucket.taken(50, now: now)
        }
        #expect(abs(now / .seconds(1) - 5) < 0.01)
    }

    @Test func aDebtIsPaidOnce() {
        var bucket = TokenBucket(rate: 1000)
        #expect(bucket.taken(2000, now: .zero) == .seconds(2))
        #expect(bucket.taken(0, now: .seconds(1)) == .seconds(1))
        #expect(bucket.taken(0, now: .seconds(2)) == .zero)
    }

    @Test func savesUpNoMoreThanAQuarterOfASecond() {
        var bucket = TokenBucket(rate: 1000)
        #expect(bucket.taken(250, now: .seconds(100)) == .zero)
        #expect(bucket.taken(1000, now: .seconds(100)) == .seconds(1))
    }

    @Test func aNewRateForgetsWhatIsOwed() {
        var bucket = TokenBucket(rate: 10)
        #expect(bucket.taken(1000, now: .zero) == .seconds(100))
        bucket.rateChanged(to: 1000, now: .seconds(1))
        #expect(bucket.taken(500, now: .seconds(1)) == .milliseconds(500))
        bucket.rateChanged(to: nil, now: .seconds(1))
        #expect(bucket.taken(1 << 40, now: .seconds(1)) == .zero)
    }
}
