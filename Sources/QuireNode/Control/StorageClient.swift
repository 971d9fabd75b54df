import NIOConcurrencyHelpers
import QuireCore
import QuireStorage

/// Storage commands for background work, awaited one by one.
final class StorageClient: StorageSink {
    private struct State {
        var next: UInt64 = 1
        var waiting: [UInt64: CheckedContinuation<StorageOutcome, Never>] = [:]
    }

    let engine: StorageEngine
    private let state = NIOLockedValueBox(State())

    init(engine: StorageEngine) {
        self.engine = engine
    }

    /// - Returns: The last answer: `.durable` for a write.
    func execute(_ command: StorageCommand) async -> StorageOutcome {
        await withCheckedContinuation { continuation in
            let token = self.state.withLockedValue { state in
                defer { state.next += 1 }
                state.waiting[state.next] = continuation
                return state.next
            }
            self.engine.submit([(token, command)], sink: self)
        }
    }

    func deliver(_ completions: [StorageCompletion]) {
        for completion in completions {
            if case .minted = completion.outcome { continue }
            self.state.withLockedValue { $0.waiting.removeValue(forKey: completion.token) }?
                .resume(returning: completion.outcome)
        }
    }
}
