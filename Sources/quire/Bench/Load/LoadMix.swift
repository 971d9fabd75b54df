import ArgumentParser

/// How often each kind of operation is drawn: shares that need not add up to 1.
struct LoadMix: Sendable, Equatable, ExpressibleByArgument {
    /// In `0...1`; the rest are gets.
    let putShare: Double

    /// - Precondition: neither is negative, and not both are 0.
    init(put: Double, get: Double) {
        precondition(put >= 0 && get >= 0 && put + get > 0, "a mix of \(put) puts and \(get) gets")
        self.putShare = put / (put + get)
    }

    /// - Parameter argument: `put=P,get=G` in either order; one that is left out is 0.
    init?(argument: String) {
        var shares: [Substring: Double] = [:]
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, ["put", "get"].contains(sides[0]), shares[sides[0]] == nil,
                let share = Double(sides[1]), share.isFinite, share >= 0
            else { return nil }
            shares[sides[0]] = share
        }
        let puts = shares["put"] ?? 0
        let gets = shares["get"] ?? 0
        guard puts + gets > 0 else { return nil }
        self.init(put: puts, get: gets)
    }

    func draw(using generator: inout some RandomNumberGenerator) -> LoadOperation.Kind {
        if self.putShare == 1 { return .put }
        if self.putShare == 0 { return .get }
        return Double.random(in: 0..<1, using: &generator) < self.putShare ? .put : .get
    }
}
