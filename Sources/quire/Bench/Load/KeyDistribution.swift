import ArgumentParser
import QuireCore

/// Which keys a load prefers.
enum KeyDistribution: Sendable, Equatable, ExpressibleByArgument {
    case uniform
    /// Key `k` is drawn in proportion to `1 / (k + 1)^exponent`. The text of a key decides its slot, so keys that are
    /// preferred alike lie on different nodes.
    case zipf(exponent: Double)

    /// - Parameter argument: `uniform`, or `zipf:EXPONENT`.
    init?(argument: String) {
        if argument == "uniform" {
            self = .uniform
            return
        }
        let sides = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard sides.count == 2, sides[0] == "zipf", let exponent = Double(sides[1]), exponent > 0, exponent <= 10
        else { return nil }
        self = .zipf(exponent: exponent)
    }
}

/// Draws key numbers of a distribution.
struct KeyChooser: Sendable {
    private let count: Int
    private let ranks: ZipfRanks?

    /// - Parameter count: Of the keys; at least 1.
    init(_ distribution: KeyDistribution, count: Int) {
        precondition(count > 0, "\(count) keys to choose from")
        self.count = count
        switch distribution {
        case .uniform: self.ranks = nil
        case .zipf(let exponent): self.ranks = ZipfRanks(count: count, exponent: exponent)
        }
    }

    func draw(using generator: inout some RandomNumberGenerator) -> Int {
        guard let ranks = self.ranks else { return Int.random(in: 0..<self.count, using: &generator) }
        return ranks.draw(using: &generator) - 1
    }
}
