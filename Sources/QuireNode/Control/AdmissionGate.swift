import NIOConcurrencyHelpers
import QuireCore

/// The node's one `AdmissionController`: event loops report to it, background work passes through it.
final class AdmissionGate: Sendable {
    private let controller: NIOLockedValueBox<AdmissionController>

    init(_ configuration: AdmissionController.Configuration) {
        self.controller = NIOLockedValueBox(AdmissionController(configuration: configuration))
    }

    var state: AdmissionController.State {
        self.controller.withLockedValue { $0.state(now: MachineClock.elapsed) }
    }

    func foregroundSampled(_ sample: ForegroundSample) {
        self.controller.withLockedValue { $0.foregroundSampled(sample, now: MachineClock.elapsed) }
    }

    /// Waits until one more slice of this kind of work may begin, does it, and charges its time.
    func slice<Value>(of work: AdmissionController.Work, _ body: () async throws -> Value) async rethrows -> Value {
        while !Task.isCancelled {
            let decision = self.controller.withLockedValue { $0.sliceAsked(by: work, now: MachineClock.elapsed) }
            guard case .wait(let time) = decision else { break }
            // A cancelled sleep ends the wait; whoever cancelled wants the work to see that soon.
            try? await Task.sleep(for: time)
        }
        let began = MachineClock.elapsed
        defer {
            let now = MachineClock.elapsed
            self.controller.withLockedValue { $0.sliceEnded(by: work, took: now - began, now: now) }
        }
        return try await body()
    }
}

/// Times what one event loop's clients go through, for the admission controller.
///
/// Reads and writes of single keys are timed from the request to its answer when it succeeds: one that waited in vain
/// for a dead replica says nothing about this node's load. Of storage, one command per submission is timed.
struct ForegroundProbe {
    private var sample = ForegroundSample()
    private var operations: [RequestCore.ClientOperationID: Duration] = [:]
    private var commands: [UInt64: Duration] = [:]

    mutating func clientAsked(_ id: RequestCore.ClientOperationID, _ operation: ClientOperation) {
        switch operation {
        case .get, .put: self.operations[id] = MachineClock.elapsed
        case .scan, .countKeys: return
        }
    }

    mutating func clientAnswered(_ id: RequestCore.ClientOperationID, _ result: ClientResult) {
        guard let began = self.operations.removeValue(forKey: id) else { return }
        if case .failed = result { return }
        self.sample.latency.record(MachineClock.elapsed - began)
    }

    mutating func submitted(_ token: UInt64) {
        self.commands[token] = MachineClock.elapsed
    }

    mutating func completed(_ completions: [StorageCompletion]) {
        for completion in completions {
            if let began = self.commands.removeValue(forKey: completion.token) {
                self.sample.storageWait.record(MachineClock.elapsed - began)
            }
            switch completion.outcome {
            case .failed(.overloaded), .failed(.notDurable): self.sample.failures += 1
            default: continue
            }
        }
    }

    /// - Returns: `nil` when nothing has happened since the last time.
    mutating func take() -> ForegroundSample? {
        guard !self.sample.isEmpty else { return nil }
        defer { self.sample = ForegroundSample() }
        return self.sample
    }
}
