import NIOConcurrencyHelpers
import QuireCore

/// Keeps a node's transfers within what operators allow: bytes per second in each direction, and partitions that are
/// copied at the same time. What clients need comes on top, by the `AdmissionGate`.
final class TransferGate: Sendable {
    private struct State {
        var limits = TransferLimits()
        var received = TokenBucket()
        var sent = TokenBucket()
        var copying = 0
        var nextWaiter: UInt64 = 0
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
        /// Those that were told to stop before they began to wait.
        var abandoned: Set<UInt64> = []
    }

    private let state = NIOLockedValueBox(State())

    var limits: TransferLimits { self.state.withLockedValue { $0.limits } }

    /// Takes effect at once: whoever waits for a place or for its turn goes by the new limits.
    func limit(_ limits: TransferLimits) {
        let now = MachineClock.elapsed
        let rate = limits.bytesPerSecondMax.map { max(1, $0) }
        self.state.withLockedValue { state in
            state.limits = limits
            state.received.rateChanged(to: rate, now: now)
            state.sent.rateChanged(to: rate, now: now)
        }
        self.admitWaiting()
    }

    // MARK: Rate

    /// Waits as long as the rate demands after so many bytes of images have come in.
    func received(_ bytes: Int) async {
        await Self.wait(self.state.withLockedValue { $0.received.taken(bytes, now: MachineClock.elapsed) })
    }

    /// The same before so many bytes are sent.
    func sending(_ bytes: Int) async {
        await Self.wait(self.state.withLockedValue { $0.sent.taken(bytes, now: MachineClock.elapsed) })
    }

    private static func wait(_ time: Duration) async {
        guard time > .zero else { return }
        // A cancelled sleep ends the wait; whoever cancelled wants the work to see that soon.
        try? await Task.sleep(for: time)
    }

    // MARK: Places

    /// Waits for a place among the partitions that are copied.
    ///
    /// - Returns: `false` when the task was cancelled: then there is no place to give back.
    func takePlace() async -> Bool {
        let id = self.state.withLockedValue { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.state.withLockedValue { state in
                    if state.abandoned.remove(id) != nil {
                        continuation.resume(returning: false)
                    } else {
                        state.waiting.append((id, continuation))
                    }
                }
                self.admitWaiting()
            }
        } onCancel: {
            let waiter = self.state.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                    state.abandoned.insert(id)
                    return nil
                }
                return state.waiting.remove(at: index).continuation
            }
            waiter?.resume(returning: false)
        }
    }

    func givePlaceBack() {
        self.state.withLockedValue { $0.copying -= 1 }
        self.admitWaiting()
    }

    private func admitWaiting() {
        let admitted = self.state.withLockedValue { state in
            let free = max(0, max(1, state.limits.transfersPerNodeMax) - state.copying)
            let admitted = Array(state.waiting.prefix(free))
            state.waiting.removeFirst(admitted.count)
            state.copying += admitted.count
            return admitted
        }
        for waiter in admitted {
            // Whoever is cancelled later has its place and gives it back.
            waiter.continuation.resume(returning: true)
        }
    }
}
