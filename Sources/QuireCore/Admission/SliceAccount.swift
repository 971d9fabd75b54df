/// Time that one kind of background work has earned and not used.
struct SliceAccount: Sendable {
    /// Unused time is not saved up beyond this.
    private static let creditMax = Duration.milliseconds(20)
    /// A slice is charged no more than this, so that a long one keeps nobody waiting until what others hold for it
    /// (a seal, a link) is taken back.
    private static let debtMax = Duration.milliseconds(250)
    /// What a slice is taken for before any has ended.
    private static let usualAtFirst = Duration.milliseconds(10)

    /// Negative: the work must wait.
    private(set) var credit = Duration.zero
    var askedAt: Duration
    private var settledAt: Duration
    /// What the slices that are under way were charged when they began.
    private var guesses: [Duration] = []
    /// What a slice takes, by the last ones.
    private var usual = Self.usualAtFirst

    init(now: Duration) {
        self.askedAt = now
        self.settledAt = now
    }

    /// Adds what was earned since the last time.
    ///
    /// - Parameter rate: Seconds of work per second.
    mutating func settle(rate: Double, now: Duration) {
        let earned = (now - self.settledAt) * rate
        self.credit = min(Self.creditMax, self.credit + max(.zero, earned))
        self.settledAt = max(self.settledAt, now)
    }

    mutating func beginSlice() {
        self.guesses.append(self.usual)
        self.credit -= self.usual
    }

    /// Slices of one kind are alike: which of the guesses was this one's does not matter.
    mutating func endSlice(took: Duration) {
        let guess = self.guesses.isEmpty ? .zero : self.guesses.removeFirst()
        let before = self.credit + guess
        self.credit = max(before - took, min(before, .zero - Self.debtMax))
        self.usual += (min(took, Self.debtMax) - self.usual) / 8
    }
}
