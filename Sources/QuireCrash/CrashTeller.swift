import Foundation
import QuireCore
import QuireStorage

/// Submits commands, tells what the engine answers as soon as it does, and lets the submitter wait for the last answer.
///
/// `@unchecked Sendable`: everything is under the lock.
final class CrashTeller: StorageSink, @unchecked Sendable {
    struct Order {
        let id: UInt64
        let command: StorageCommand
        /// What is told with the acknowledgement; of a mint what the engine has minted.
        var record: Record?
    }

    private let lock = NSLock()
    private var orders: [UInt64: Order] = [:]
    private var waiting = 0
    private var continuation: CheckedContinuation<Void, Never>?
    private static let pipe = NSLock()

    /// Whole lines only, from whatever thread.
    static func tell(_ lines: [CrashLine]) {
        let bytes = Array(lines.map { $0.text + "\n" }.joined().utf8)
        self.pipe.withLock {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { write(1, $0.baseAddress.map { $0 + sent }, bytes.count - sent) }
                // Whoever listens is gone: so is the reason to go on.
                guard count > 0 else { exit(0) }
                sent += count
            }
        }
    }

    /// - Parameter orders: All of different keys.
    func run(_ orders: [Order], on engine: StorageEngine) async {
        await withCheckedContinuation { continuation in
            self.lock.withLock {
                self.orders = Dictionary(uniqueKeysWithValues: orders.map { ($0.id, $0) })
                self.waiting = orders.count
                self.continuation = continuation
            }
            engine.submit(orders.map { (token: $0.id, command: $0.command) }, sink: self)
        }
    }

    /// - Returns: `nil` when the record cannot be read, or there is none.
    static func read(_ key: Key, in store: StoreID, on engine: StorageEngine) async -> Record? {
        await withCheckedContinuation { continuation in
            engine.submit([(token: 0, command: .read(store, key))], sink: CrashReader(continuation))
        }
    }

    func deliver(_ completions: [StorageCompletion]) {
        var lines: [CrashLine] = []
        let finished: CheckedContinuation<Void, Never>? = self.lock.withLock {
            for completion in completions {
                let id = completion.token
                switch completion.outcome {
                case .minted(let record, let dot):
                    self.orders[id]?.record = record
                    lines.append(.minted(id: id, dot))
                    // Its durability follows.
                    continue
                case .durable:
                    if case .dropBatch? = self.orders[id]?.command {
                        lines.append(.dropAcknowledged(id: id))
                    } else if let record = self.orders[id]?.record {
                        lines.append(.writeAcknowledged(id: id, record))
                    }
                default: break
                }
                self.waiting -= 1
            }
            guard self.waiting == 0 else { return nil }
            defer { self.continuation = nil }
            return self.continuation
        }
        if !lines.isEmpty { Self.tell(lines) }
        finished?.resume()
    }
}

/// `@unchecked Sendable`: nothing in it changes.
private final class CrashReader: StorageSink, @unchecked Sendable {
    private let continuation: CheckedContinuation<Record?, Never>

    init(_ continuation: CheckedContinuation<Record?, Never>) {
        self.continuation = continuation
    }

    func deliver(_ completions: [StorageCompletion]) {
        guard case .record(let record)? = completions.first?.outcome else {
            self.continuation.resume(returning: nil)
            return
        }
        self.continuation.resume(returning: record)
    }
}
