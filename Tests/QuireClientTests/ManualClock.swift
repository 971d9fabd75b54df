import NIOConcurrencyHelpers
import QuireClient

/// Time that passes only when it is told to.
final class ManualClock: ClientClock {
    private struct Sleeper {
        let moment: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Duration.seconds(100)
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        /// Whoever waits for so many sleepers.
        var watchers: [Int: (count: Int, continuation: CheckedContinuation<Void, Never>)] = [:]

        mutating func takeWatchers() -> [CheckedContinuation<Void, Never>] {
            let ready = self.watchers.filter { $0.value.count <= self.sleepers.count }
            ready.keys.forEach { self.watchers[$0] = nil }
            return ready.values.map(\.continuation)
        }
    }

    private let state = NIOLockedValueBox(State())

    var now: Duration { self.state.withLockedValue { $0.now } }

    func sleep(until moment: Duration) async throws {
        let id = self.state.withLockedValue { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                self.add(Sleeper(moment: moment, continuation: continuation), id)
            }
        } onCancel: {
            let sleeper = self.state.withLockedValue { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Lets time pass, and wakes whoever has slept long enough.
    func advance(by duration: Duration) {
        let woken = self.state.withLockedValue { state in
            state.now += duration
            let due = state.sleepers.filter { $0.value.moment <= state.now }
            due.keys.forEach { state.sleepers[$0] = nil }
            return due.values.map(\.continuation)
        }
        woken.forEach { $0.resume() }
    }

    /// Waits until so many sleep, or the test's time is over.
    func waitForSleepers(_ count: Int) async {
        let id = self.state.withLockedValue { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let ready = self.state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
                    if state.cancelled.contains(id) { return [continuation] }
                    state.watchers[id] = (count, continuation)
                    return state.takeWatchers()
                }
                ready.forEach { $0.resume() }
            }
        } onCancel: {
            let watcher = self.state.withLockedValue { state in
                state.cancelled.insert(id)
                return state.watchers.removeValue(forKey: id)
            }
            watcher?.continuation.resume()
        }
    }

    private func add(_ sleeper: Sleeper, _ id: Int) {
        enum Result {
            case asleep([CheckedContinuation<Void, Never>])
            case awake
            case cancelled
        }
        let result = self.state.withLockedValue { state in
            if state.cancelled.contains(id) { return Result.cancelled }
            if sleeper.moment <= state.now { return .awake }
            state.sleepers[id] = sleeper
            return .asleep(state.takeWatchers())
        }
        switch result {
        case .cancelled: sleeper.continuation.resume(throwing: CancellationError())
        case .awake: sleeper.continuation.resume()
        case .asleep(let watchers): watchers.forEach { $0.resume() }
        }
    }
}
