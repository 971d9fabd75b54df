import Glibc
import QuireCore

/// When the operations of an open loop arrive: fixed by rate and seed before the run, whatever the server does.
///
/// A Poisson process: independent users, so the gaps between arrivals are exponential. Latency is measured from these
/// times, not from the sending, so an operation that waits for a free client because the server is slow counts as slow
/// (no coordinated omission).
struct ArrivalSchedule: Sendable {
    private let meanGapNanoseconds: Double
    private var generator: SeededGenerator
    private var elapsedNanoseconds = 0.0

    /// - Parameter rate: Arrivals per second, more than 0.
    init(rate: Double, seed: UInt64) {
        precondition(rate > 0, "a schedule of \(rate) arrivals per second")
        self.meanGapNanoseconds = 1e9 / rate
        self.generator = SeededGenerator(seed: seed)
    }

    /// - Returns: Nanoseconds from the start of the run; never less than the one before.
    mutating func next() -> Int64 {
        // In (0, 1], so that its logarithm is finite.
        let share = 1 - Double.random(in: 0..<1, using: &self.generator)
        self.elapsedNanoseconds += -log(share) * self.meanGapNanoseconds
        return Int64(self.elapsedNanoseconds)
    }
}
