import Foundation

/// The machine's clocks. Cores never read them; the shell passes what they say.
enum MachineClock {
    private static let start = ContinuousClock.now

    /// Since the process first asked; never goes back.
    static var elapsed: Duration { ContinuousClock.now - self.start }

    /// Milliseconds since 1970.
    static var wallMilliseconds: UInt64 { UInt64(Date.now.timeIntervalSince1970 * 1000) }
}
