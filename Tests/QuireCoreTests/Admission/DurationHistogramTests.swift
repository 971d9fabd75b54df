import QuireCore
import Testing

@Suite struct DurationHistogramTests {
    @Test func anEmptyHistogramHasNoPercentile() {
        #expect(DurationHistogram().percentile(0.99) == nil)
    }

    @Test(arguments: [0.5, 0.9, 0.99, 1.0])
    func percentilesAreAtMostAnEighthAboveTheTrueValue(part: Double) throws {
        var random = SeededGenerator(seed: 5)
        var histogram = DurationHistogram()
        var values: [Int] = []
        for _ in 0..<5000 {
            let value = Int.random(in: 0...(1 << Int.random(in: 0...30, using: &random)), using: &random)
            values.append(value)
            histogram.record(.microseconds(value))
        }
        values.sort()
        let exact = values[max(1, Int((Double(values.count) * part).rounded(.up))) - 1]
        let found = try #require(histogram.percentile(part))
        #expect(found >= .microseconds(exact))
        #expect(found <= .microseconds(exact + exact / 8 + 1))
    }

    @Test func mergingCountsBoth() {
        var left = DurationHistogram()
        var right = DurationHistogram()
        for _ in 0..<99 { left.record(.milliseconds(1)) }
        right.record(.seconds(2))
        left.merge(right)
        #expect(left.count == 100)
        #expect((left.percentile(0.99) ?? .zero) < .milliseconds(2))
        #expect((left.percentile(1) ?? .zero) >= .seconds(2))
    }

    @Test func extremesStayInRange() {
        var histogram = DurationHistogram()
        histogram.record(.seconds(-1))
        histogram.record(.seconds(1 << 40))
        #expect(histogram.percentile(0.5) == .microseconds(1))
        #expect((histogram.percentile(1) ?? .zero) >= .seconds(500))
    }
}
