import Testing

@testable import quire

@Suite struct LatencyHistogramTests {
    @Test func findsQuantilesWithinATenth() {
        var histogram = LatencyHistogram()
        for milliseconds in 1...1000 { histogram.record(milliseconds: Double(milliseconds)) }
        #expect((500...550).contains(histogram.quantile(0.5)))
        #expect((990...1000).contains(histogram.quantile(0.99)))
        #expect(histogram.quantile(1) == 1000)
        #expect(histogram.slowestMilliseconds == 1000)
    }

    @Test func isZeroWhenEmpty() {
        #expect(LatencyHistogram().quantile(0.5) == 0)
    }

    @Test func addsUp() {
        var left = LatencyHistogram()
        left.record(milliseconds: 1)
        var right = LatencyHistogram()
        right.record(milliseconds: 100)
        left.add(right)
        #expect((1...1.2).contains(left.quantile(0.5)))
        #expect(left.slowestMilliseconds == 100)
    }
}
