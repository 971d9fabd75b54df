/// Limits a rate: whoever takes more than has come in must wait, and does not have to be told twice how long.
///
/// Tokens come in at `rate` per second, and at most a quarter of a second's worth is saved up. Taking always succeeds
/// and may leave a debt; the answer is the time after which the debt is paid. So any amount can be taken at once, and
/// the rate holds over all takers together.
package struct TokenBucket: Sendable {
    /// Tokens per second; `nil`: no limit.
    package private(set) var rate: Int?
    private var tokens = 0.0
    private var settledAt = Duration.zero

    private static let savedSeconds = 0.25

    package init(rate: Int? = nil) {
        precondition(rate ?? 1 > 0, "a rate of \(rate ?? 0)")
        self.rate = rate
    }

    /// What is owed at the old rate is forgotten.
    package mutating func rateChanged(to rate: Int?, now: Duration) {
        precondition(rate ?? 1 > 0, "a rate of \(rate ?? 0)")
        guard rate != self.rate else { return }
        self.rate = rate
        self.tokens = 0
        self.settledAt = now
    }

    /// - Returns: How long to wait before going on.
    package mutating func taken(_ count: Int, now: Duration) -> Duration {
        guard let rate = self.rate else { return .zero }
        let passed = (now - self.settledAt) / .seconds(1)
        self.tokens = min(self.tokens + max(passed, 0) * Double(rate), Self.savedSeconds * Double(rate))
        self.settledAt = max(now, self.settledAt)
        self.tokens -= Double(count)
        return self.tokens < 0 ? .seconds(-self.tokens / Double(rate)) : .zero
    }
}
