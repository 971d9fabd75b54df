import Glibc
import QuireCore
import Testing

@testable import quire

@Suite struct KeyDistributionTests {
    @Test func readsItsNames() {
        #expect(KeyDistribution(argument: "uniform") == .uniform)
        #expect(KeyDistribution(argument: "zipf:0.99") == .zipf(exponent: 0.99))
        for text in ["", "zipf", "zipf:", "zipf:0", "zipf:-1", "zipf:x", "zipf:11", "uniform:1", "zipf:1:2"] {
            #expect(KeyDistribution(argument: text) == nil, "\(text)")
        }
    }

    @Test func uniformKeysAreDrawnEqually() {
        let counts = Self.draw(.uniform, count: 10, times: 100_000)
        #expect(counts.allSatisfy { (9600...10_400).contains($0) })
    }

    @Test(arguments: [0.5, 0.99, 1, 1.5]) func zipfKeysAreDrawnByTheirRank(_ exponent: Double) {
        let count = 1000
        let times = 400_000
        let counts = Self.draw(.zipf(exponent: exponent), count: count, times: times)
        let weights = (1...count).map { pow(Double($0), -exponent) }
        let sum = weights.reduce(0, +)
        for key in [0, 1, 2, 5, 20, 100] {
            let expected = Double(times) * weights[key] / sum
            // Five standard deviations of a binomial count.
            #expect(abs(Double(counts[key]) - expected) < 5 * expected.squareRoot(), "key \(key)")
        }
        let tail = weights[500...].reduce(0, +) / sum * Double(times)
        #expect(abs(Double(counts[500...].reduce(0, +)) - tail) < 5 * tail.squareRoot())
    }

    @Test func oneKeyIsAlwaysTheFirst() {
        #expect(Self.draw(.zipf(exponent: 0.99), count: 1, times: 100) == [100])
        #expect(Self.draw(.uniform, count: 1, times: 100) == [100])
    }

    private static func draw(_ distribution: KeyDistribution, count: Int, times: Int) -> [Int] {
        let chooser = KeyChooser(distribution, count: count)
        var generator = SeededGenerator(seed: 42)
        var counts = [Int](repeating: 0, count: count)
        for _ in 0..<times { counts[chooser.draw(using: &generator)] += 1 }
        return counts
    }
}
