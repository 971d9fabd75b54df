import Foundation

/// The machine's clocks. Cores never read them; the shell passes what they say.
enum MachineClock {
    private static let start = ContinuousClock.now

    /// Since the process first asked; never goes back.
    static var elapsed: Duration { ContinuousClock.now - self.start }

    /// Milliseconds since 1970.
    static var wallMilliseconds: UInt64 { UInt64(Date.now.timeIntervalSince1970 * 1000) }
}

extension Duration {
    /// Rounded down; 0 for a negative duration.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        return UInt64(max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }
}
