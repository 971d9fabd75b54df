import Glibc
import NIOConcurrencyHelpers
import NIOPosix
import QuireCore

/// The node's one `AdmissionController`: event loops report to it, background work passes through it.
final class AdmissionGate: Sendable {
    private let controller: NIOLockedValueBox<AdmissionController>
    private let counts = NIOLockedValueBox<[AdmissionController.Work: SliceCounts]>([:])

    init(_ configuration: AdmissionController.Configuration) {
        self.controller = NIOLockedValueBox(AdmissionController(configuration: configuration))
    }

    var state: AdmissionController.State {
        self.controller.withLockedValue { $0.state(now: MachineClock.elapsed) }
    }

    /// Since the node has started.
    func slices(of work: AdmissionController.Work) -> SliceCounts {
        self.counts.withLockedValue { $0[work] ?? SliceCounts() }
    }

    func foregroundSampled(_ sample: ForegroundSample) {
        self.controller.withLockedValue { $0.foregroundSampled(sample, now: MachineClock.elapsed) }
    }

    /// Waits until one more slice of this kind of work may begin, does it, and charges its time.
    func slice<Value>(of work: AdmissionController.Work, _ body: () async throws -> Value) async rethrows -> Value {
        await self.admit(work)
        let began = MachineClock.elapsed
        defer { self.ended(work, took: MachineClock.elapsed - began) }
        return try await body()
    }

    /// As `slice`, for work that waits for other nodes: the body says for how long this one has worked.
    func slice<Value>(
        of work: AdmissionController.Work,
        charging body: () async throws -> (Value, worked: Duration)
    ) async rethrows -> Value {
        await self.admit(work)
        var worked = Duration.zero
        defer { self.ended(work, took: worked) }
        let result = try await body()
        worked = result.worked
        return result.0
    }

    /// As `slice`, for long work on a thread that may wait: the body calls `pause` between its pieces, which returns when
    /// the next one may begin, or throws `CancellationError` when the task was cancelled.
    func slices<Value: Sendable>(
        of work: AdmissionController.Work,
        on threads: NIOThreadPool,
        _ body: @escaping @Sendable (_ pause: () throws -> Void) throws -> Value
    ) async throws -> Value {
        await self.admit(work)
        let pace = SlicePace(of: work, gate: self)
        defer { pace.end() }
        return try await withTaskCancellationHandler {
            try await threads.runIfActive { try body(pace.pause) }
        } onCancel: {
            pace.stop()
        }
    }

    private func admit(_ work: AdmissionController.Work) async {
        while !Task.isCancelled {
            guard let time = self.ask(work) else { return }
            // A cancelled sleep ends the wait; whoever cancelled wants the work to see that soon.
            try? await Task.sleep(for: time)
        }
    }

    /// - Returns: How long to wait before asking again; `nil` when a slice may begin.
    fileprivate func ask(_ work: AdmissionController.Work) -> Duration? {
        let decision = self.controller.withLockedValue { $0.sliceAsked(by: work, now: MachineClock.elapsed) }
        self.counts.withLockedValue { counts in
            if decision == .granted {
                counts[work, default: SliceCounts()].granted += 1
            } else {
                counts[work, default: SliceCounts()].denied += 1
            }
        }
        guard case .wait(let time) = decision else { return nil }
        return time
    }

    fileprivate func ended(_ work: AdmissionController.Work, took time: Duration) {
        let now = MachineClock.elapsed
        self.controller.withLockedValue { $0.sliceEnded(by: work, took: time, now: now) }
    }
}

/// The pieces of one long work on a thread: each is a slice.
///
/// `@unchecked Sendable`: used by one thread, then by the task that has waited for it; `stop` from anywhere.
private final class SlicePace: @unchecked Sendable {
    /// What is not worth a slice.
    private static let pieceMin = Duration.milliseconds(4)
    /// How long a stop may go unseen.
    private static let sleepMax = Duration.milliseconds(50)

    private let work: AdmissionController.Work
    private let gate: AdmissionGate
    private let isStopped = NIOLockedValueBox(false)
    private var began: Duration?

    /// The first piece begins.
    init(of work: AdmissionController.Work, gate: AdmissionGate) {
        self.work = work
        self.gate = gate
        self.began = MachineClock.elapsed
    }

    func pause() throws {
        guard let began = self.began, MachineClock.elapsed - began >= Self.pieceMin else { return }
        self.end()
        while let time = self.gate.ask(self.work) {
            if self.isStopped.withLockedValue({ $0 }) { throw CancellationError() }
            usleep(UInt32(min(time, Self.sleepMax) / .microseconds(1)))
        }
        self.began = MachineClock.elapsed
    }

    func stop() {
        self.isStopped.withLockedValue { $0 = true }
    }

    /// The present piece is over, if there is one.
    func end() {
        guard let began = self.began else { return }
        self.began = nil
        self.gate.ended(self.work, took: MachineClock.elapsed - began)
    }
}

/// How often a kind of work was let go on, and how often it was told to wait.
struct SliceCounts: Sendable {
    var granted = 0
    var denied = 0
}

/// Times what one event loop's clients go through, for the admission controller.
///
/// Reads and writes of single keys are timed from the request to its answer when it succeeds: one that waited in vain
/// for a dead replica says nothing about this node's load. Of storage, one command per submission is timed,
/// of those that clients wait for.
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

    mutating func submitted(_ commands: [(token: UInt64, command: StorageCommand)]) {
        let timed = commands.first { entry in
            switch entry.command {
            case .read, .mint, .merge: true
            default: false
            }
        }
        if let timed { self.commands[timed.token] = MachineClock.elapsed }
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
