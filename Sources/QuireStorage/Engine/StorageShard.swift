import Glibc
import QuireCore

/// The thread of one shard, and the queue in front of it.
///
/// The thread takes all that waits, executes it, syncs the log once, then answers: so one sync serves a whole
/// batch (group commit). Control calls run between batches.
final class StorageShard: @unchecked Sendable {
    // `@unchecked`: `core` belongs to the thread from `start` until it has ended; the rest is under the lock.
    private enum Job {
        case commands([StorageRequest], sink: any StorageSink, bytes: Int)
        case control(@Sendable (ShardCore) -> Void)
    }

    private struct Batch {
        var sinks: [any StorageSink] = []
        var answers: [ShardCore.Answers] = []
        var commandCount = 0
        var bytes = 0
        var isPrepared = false
        var refusal: StorageFailure?
    }

    private let core: ShardCore
    private let configuration: StorageConfiguration
    private let lock = ConditionLock()
    private var queue: [Job] = []
    private var queuedCommands = 0
    private var queuedBytes = 0
    private var isStopping = false
    private var thread: pthread_t?

    init(core: ShardCore) {
        self.core = core
        self.configuration = core.configuration
    }

    func start() {
        let context = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                if let context { Unmanaged<StorageShard>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            },
            context
        )
        precondition(result == 0, "no thread for a storage shard: error \(result)")
        self.thread = thread
    }

    func submit(_ commands: [StorageRequest], sink: any StorageSink) {
        let bytes = commands.reduce(0) { $0 + $1.command.approximateBytes }
        let refusal: StorageFailure? = self.lock.locked {
            if self.isStopping { return .stopping }
            let isFull =
                self.queuedCommands + commands.count > self.configuration.queuedCommandsMax
                || (self.queuedBytes > 0 && self.queuedBytes + bytes > self.configuration.queuedBytesMax)
            if isFull { return .overloaded }
            self.queuedCommands += commands.count
            self.queuedBytes += bytes
            self.queue.append(.commands(commands, sink: sink, bytes: bytes))
            if self.queue.count == 1 { self.lock.signal() }
            return nil
        }
        guard let refusal else { return }
        sink.deliver(commands.map { StorageCompletion(token: $0.token, outcome: .failed(refusal)) })
    }

    /// Runs `body` on the shard's thread, after all that was submitted before.
    func perform<Result: Sendable>(_ body: @escaping @Sendable (ShardCore) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = self.lock.locked {
                guard !self.isStopping else { return false }
                self.queue.append(.control { core in continuation.resume(with: Swift.Result { try body(core) }) })
                self.lock.signal()
                return true
            }
            if !isTaken { continuation.resume(throwing: StorageError(.stopping, "storage is stopping")) }
        }
    }

    /// Takes no more work, finishes what was taken, and waits for the thread to end.
    func join() {
        self.lock.locked {
            self.isStopping = true
            self.lock.signal()
        }
        guard let thread = self.thread else { return }
        pthread_join(thread, nil)
        self.thread = nil
    }

    /// Only before `start` and after `join`.
    var idleCore: ShardCore {
        precondition(self.thread == nil, "the core belongs to the thread")
        return self.core
    }

    // MARK: The thread

    private func run() {
        var hasMoreToMaintain = false
        while let jobs = self.nextJobs(waiting: !hasMoreToMaintain) {
            var batch = Batch()
            for job in jobs {
                self.run(job, in: &batch)
            }
            self.finish(&batch)
            hasMoreToMaintain = self.core.maintain()
        }
    }

    private func run(_ job: Job, in batch: inout Batch) {
        switch job {
        case .commands(let commands, let sink, let bytes):
            self.execute(commands, sink: sink, in: &batch)
            self.lock.locked {
                self.queuedCommands -= commands.count
                self.queuedBytes -= bytes
            }
        case .control(let body):
            self.finish(&batch)
            body(self.core)
        }
    }

    /// - Returns: `nil` when the thread is to end.
    private func nextJobs(waiting: Bool) -> [Job]? {
        self.lock.locked {
            if self.queue.isEmpty && waiting && !self.isStopping {
                // With records to flush by age, look again soon; otherwise sleep until called.
                let isIdle = self.core.bufferedBytes == 0 && self.core.seals.isEmpty && self.core.emptiedHints.isEmpty
                self.lock.wait(milliseconds: isIdle ? nil : 200)
            }
            if self.queue.isEmpty && self.isStopping { return nil }
            let jobs = self.queue
            self.queue = []
            return jobs
        }
    }

    private func execute(
        _ requests: [StorageRequest],
        sink: any StorageSink,
        in batch: inout Batch
    ) {
        for request in requests {
            let command = request.command
            if batch.commandCount >= 8192 || batch.bytes >= 8 << 20 {
                self.finish(&batch)
                _ = self.core.maintain()
            }
            let index = Self.index(of: sink, in: &batch)
            if command.endsWithDeadline, let deadline = request.deadline, self.hasPassed(deadline) {
                batch.answers[index].immediate.append(.init(token: request.token, outcome: .failed(.overloaded)))
                continue
            }
            if command.isWrite && !batch.isPrepared {
                batch.refusal = self.core.prepareForWrites()
                batch.isPrepared = true
            }
            self.core.execute(command, token: request.token, refusal: batch.refusal, into: &batch.answers[index])
            batch.commandCount += 1
            batch.bytes += command.approximateBytes
        }
    }

    private func hasPassed(_ deadline: Duration) -> Bool {
        self.configuration.elapsed.map { $0() >= deadline } ?? false
    }

    private static func index(of sink: any StorageSink, in batch: inout Batch) -> Int {
        if let index = batch.sinks.lastIndex(where: { $0 === sink }) { return index }
        batch.sinks.append(sink)
        batch.answers.append(ShardCore.Answers())
        return batch.sinks.count - 1
    }

    /// Answers what needs no sync, syncs, answers the rest.
    private func finish(_ batch: inout Batch) {
        for (sink, answers) in zip(batch.sinks, batch.answers) where !answers.immediate.isEmpty {
            sink.deliver(answers.immediate)
        }
        let failure = self.core.commit()
        for (sink, answers) in zip(batch.sinks, batch.answers) where !answers.afterSync.isEmpty {
            guard let failure else {
                sink.deliver(answers.afterSync)
                continue
            }
            sink.deliver(answers.afterSync.map { StorageCompletion(token: $0.token, outcome: .failed(failure)) })
        }
        batch = Batch()
    }
}
