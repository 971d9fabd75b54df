/// Time as a client sees it: since some beginning, never going back.
package protocol ClientClock: Sendable {
    var now: Duration { get }

    /// - Throws: when the task is cancelled.
    func sleep(until moment: Duration) async throws
}

/// The machine's time.
struct MachineClientClock: ClientClock {
    private let origin = ContinuousClock.now

    var now: Duration { ContinuousClock.now - self.origin }

    func sleep(until moment: Duration) async throws {
        try await ContinuousClock().sleep(until: self.origin + moment)
    }
}
