import NIOConcurrencyHelpers
import QuireWire

/// The long work that this node does or has done for operators since it started.
final class TaskRegistry: Sendable {
    private let tasks = NIOLockedValueBox<[String: TaskAPI.Status]>([:])

    func status(of id: String) -> TaskAPI.Status? {
        self.tasks.withLockedValue { $0[id] }
    }

    /// Whether work of this kind is under way.
    func isRunning(_ kind: String) -> Bool {
        self.tasks.withLockedValue { $0.values.contains { $0.kind == kind && $0.state == .running } }
    }

    /// Starts work and returns at once.
    func start(
        kind: String,
        unit: String,
        _ body: @escaping @Sendable (TaskReport) async throws -> Void
    ) -> TaskAPI.Status {
        var generator = SystemRandomNumberGenerator()
        let id = "\(kind)-\(String(UInt32.random(in: .min ... .max, using: &generator), radix: 16))"
        let status = TaskAPI.Status(
            id: id,
            kind: kind,
            unit: unit,
            startedMilliseconds: Int(MachineClock.wallMilliseconds)
        )
        self.tasks.withLockedValue { $0[id] = status }
        let report = TaskReport(id: id, registry: self)
        Task {
            do {
                try await body(report)
                report.update { $0.state = .succeeded }
            } catch {
                let failure = error as? ClusterAPI.Failure ?? .init(code: "\(kind)_failed", message: "\(error)")
                report.update { status in
                    status.state = .failed
                    status.failure = failure
                }
            }
            report.update { $0.endedMilliseconds = Int(MachineClock.wallMilliseconds) }
        }
        return status
    }

    func update(_ id: String, _ body: (inout TaskAPI.Status) -> Void) {
        self.tasks.withLockedValue { tasks in
            guard var status = tasks[id] else { return }
            body(&status)
            tasks[id] = status
        }
    }
}

/// Where running work says how far it is.
struct TaskReport: Sendable {
    let id: String
    let registry: TaskRegistry

    func update(_ body: (inout TaskAPI.Status) -> Void) {
        self.registry.update(self.id, body)
    }
}
