import Testing

@testable import quire

@Suite struct LatencyHistogramTests {
    @Test func findsQuantilesWithinAThousandth() {
        var histogram = LatencyHistogram()
        for milliseconds in 1...1000 { histogram.record(milliseconds: Double(milliseconds)) }
        #expect(abs(histogram.quantile(0.5) - 500) < 0.6)
        #expect(abs(histogram.quantile(0.99) - 990) < 1.1)
        #expect(histogram.quantile(1) == 1000)
        #expect(histogram.slowestMilliseconds == 1000)
    }

    @Test func isZeroWhenEmpty() {
        #expect(LatencyHistogram().quantile(0.5) == 0)
        #expect(LatencyHistogram().slowestMilliseconds == 0)
        #expect(LatencyHistogram().isEmpty)
    }

    @Test func keepsMicrosecondsAndHoursApart() {
        var histogram = LatencyHistogram()
        histogram.record(nanoseconds: 12_000)
        histogram.record(nanoseconds: 10_000_000_000_000)
        #expect(abs(histogram.quantile(0.5) - 0.012) < 0.001)
        #expect(histogram.slowestMilliseconds == 3_600_000)
    }

    @Test func addsUp() {
        var left = LatencyHistogram()
        left.record(milliseconds: 1)
        var right = LatencyHistogram()
        right.record(milliseconds: 100)
        left.add(right)
        #expect((1...1.01).contains(left.quantile(0.5)))
        #expect(left.slowestMilliseconds == 100)
    }
}
