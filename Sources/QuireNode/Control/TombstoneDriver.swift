import Logging
import NIOConcurrencyHelpers
import QuireCore
import QuireStorage

/// Forgets deleted keys in the background: runs a `TombstoneCollection` for each partition whose token this node holds
/// and that has tombstones, and deletes retired files whose time is over.
///
/// Both rounds of many partitions share one wait. A partition without tombstones costs nothing.
final class TombstoneDriver: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var dropped = 0
        var kept: [PartitionID: (outcome: TombstoneCollection.Outcome.Kept, count: Int)] = [:]
        /// Where the scan of a partition goes on.
        var positions: [PartitionID: ScanPosition] = [:]
    }

    private struct Waiting {
        var machine: TombstoneCollection
        let until: Duration
    }

    /// Partitions between their rounds at the same time; bounds memory.
    private static let waitingMax = 64

    private let witness: WitnessService
    private let storage: StorageClient
    private let control: ControlLoop
    private let node: NodeRuntime
    private let state = NIOLockedValueBox(State())

    init(
        witness: WitnessService,
        storage: StorageClient,
        control: ControlLoop,
        node: NodeRuntime
    ) {
        self.witness = witness
        self.storage = storage
        self.control = control
        self.node = node
    }

    func start() {
        let interval = self.node.configuration.tombstones.interval
        let task = Task {
            while true {
                do {
                    try await Task.sleep(for: interval)
                    try await self.deleteRetired()
                    try await self.collect()
                } catch is CancellationError {
                    return
                } catch {
                    self.node.logger.warning("tombstones are kept for now", metadata: ["error": "\(error)"])
                }
            }
        }
        self.state.withLockedValue { $0.task = task }
    }

    func stop() {
        self.state.withLockedValue { $0.task }?.cancel()
    }

    /// What this node has dropped as holder of tokens since it started, and what it keeps and why.
    var report: TombstoneReport {
        let layout = self.node.layout
        return self.state.withLockedValue { state in
            TombstoneReport(
                dropped: state.dropped,
                kept: state.kept.sorted { $0.key < $1.key }.map { partition, kept in
                    TombstoneReport.Kept(
                        partition: partition.rawValue,
                        count: kept.count,
                        node: layout?.member(kept.outcome.node)?.name ?? kept.outcome.node.description,
                        reason: kept.outcome.obstacle.description
                    )
                }
            )
        }
    }

    // MARK: Collecting

    private func collect() async throws {
        guard let layout = self.node.layout else { return }
        let candidates = try await self.candidates(in: layout)
        self.state.withLockedValue { state in
            state.kept = state.kept.filter { kept in candidates.contains { $0.partition == kept.key } }
        }
        guard try await self.isComplete(layout, for: candidates) else { return }
        var waiting: [Waiting] = []
        for (partition, _) in candidates {
            try Task.checkCancellation()
            let position = self.state.withLockedValue { $0.positions[partition] }
            var machine = TombstoneCollection(
                partition: partition,
                node: self.node.member.id,
                layout: layout,
                after: position,
                rules: self.node.rules,
                digester: self.storage.engine.configuration.digester
            )
            if let until = await self.run(&machine, machine.start()) {
                waiting.append(Waiting(machine: machine, until: until))
            }
            if waiting.count == Self.waitingMax {
                try await self.finish(waiting)
                waiting = []
            }
        }
        try await self.finish(waiting)
    }

    /// While a member cannot be reached nothing is scanned in vain.
    private func isComplete(
        _ layout: Layout,
        for candidates: [(partition: PartitionID, count: Int)]
    ) async throws -> Bool {
        let connected = try await self.control.connectedNodes()
        let missing = layout.members.first { $0.id != self.node.member.id && !connected.contains($0.id) }
        guard let missing else { return true }
        let kept = TombstoneCollection.Outcome.Kept(node: missing.id, obstacle: .unreachable)
        self.state.withLockedValue { state in
            for (partition, count) in candidates { state.kept[partition] = (kept, count) }
        }
        return false
    }

    /// Partitions at rest whose token is here and whose file counts tombstones, or values that expire.
    private func candidates(in layout: Layout) async throws -> [(partition: PartitionID, count: Int)] {
        let isOurs = { (partition: PartitionID) in
            layout.readRow(of: partition).first == self.node.member.id && !layout.isInMotion(partition)
        }
        var statistics = try await self.storage.engine.statistics()
        let untouched = statistics.partitions.filter { $0.tally == nil && isOurs($0.partition) }.map(\.partition)
        for partition in untouched {
            // Opens the file, which says what it holds.
            _ = await self.slice { await self.storage.execute(.leaves(.replica(partition))) }
        }
        if !untouched.isEmpty {
            statistics = try await self.storage.engine.statistics()
        }
        return statistics.partitions.compactMap { held in
            guard isOurs(held.partition), let tally = held.tally else { return nil }
            let count = tally.records - tally.live
            return count > 0 || tally.expiring > 0 ? (held.partition, count) : nil
        }
    }

    private func finish(_ waiting: [Waiting]) async throws {
        for var pending in waiting {
            let left = pending.until - MachineClock.elapsed
            if left > .zero {
                try await Task.sleep(for: left)
            }
            try Task.checkCancellation()
            while let until = await self.run(&pending.machine, pending.machine.timePassed(now: .current)) {
                try await Task.sleep(for: until - MachineClock.elapsed)
            }
        }
    }

    /// - Returns: Until when to wait; `nil` when the machine is done.
    private func run(
        _ machine: inout TombstoneCollection,
        _ first: TombstoneCollection.Action
    ) async -> Duration? {
        var action = first
        while true {
            switch action {
            case .store(let command):
                let outcome = await self.slice { await self.storage.execute(command) }
                action = machine.answered(.storage(outcome), now: .current)
            case .ask(let node, let message):
                let answer = await self.slice { await self.ask(node, message) }
                action = machine.answered(answer, now: .current)
            case .wait(let until):
                return until
            case .finish(let outcome):
                self.note(outcome, of: machine.partition)
                return nil
            }
        }
    }

    /// Every action is a slice that the admission gate lets through.
    private func slice<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        try await self.node.admission.slice(of: .scrubbing, body)
    }

    private func ask(_ node: NodeID, _ message: PeerMessage) async -> TombstoneCollection.Answer {
        if node == self.node.member.id {
            switch message {
            case .control(.attestTombstones(let batch)):
                return .peer(.control(.tombstonesAnswered(await self.witness.answer(.attest, batch))))
            case .control(.dropTombstones(let batch)):
                return .peer(.control(.tombstonesAnswered(await self.witness.answer(.drop, batch))))
            default:
                preconditionFailure("a node repairs itself over the network")
            }
        }
        do {
            return .peer(try await self.control.ask(node, message))
        } catch {
            return .unreachable
        }
    }

    private func note(_ outcome: TombstoneCollection.Outcome, of partition: PartitionID) {
        self.state.withLockedValue { state in
            state.dropped += outcome.dropped
            state.positions[partition] = outcome.next
            if let kept = outcome.kept {
                state.kept[partition] = (kept, outcome.found)
            } else {
                state.kept[partition] = nil
            }
        }
        guard outcome.dropped > 0 else { return }
        self.node.logger.info(
            "tombstones dropped",
            metadata: ["partition": "\(partition)", "count": "\(outcome.dropped)"]
        )
    }

    // MARK: Retired files

    /// A file is retired when its partition's move has finished, which needs that all new owners cover it (SAFETY
    /// rule 10). While the partition moves again, or may by `undo`, nothing is deleted.
    private func deleteRetired() async throws {
        guard let layout = self.node.layout else { return }
        let grace = self.node.configuration.tombstones.retiredGrace.stampMilliseconds
        let now = MachineClock.wallMilliseconds
        for copy in try self.storage.engine.retiredCopies() where copy.retiredMilliseconds + grace <= now {
            let isKnown = copy.partition.rawValue < layout.partitionCount.rawValue
            guard isKnown, !layout.isInMotion(copy.partition) else { continue }
            self.node.activity.disturbed(copy.partition)
            try await self.slice { try self.storage.engine.remove(copy) }
            self.node.logger.info(
                "retired partition deleted",
                metadata: ["partition": "\(copy.partition)", "file": "\(copy.path)"]
            )
        }
    }
}

/// A node's part in forgetting deleted keys. Travels in `NodeReport`.
struct TombstoneReport: Codable, Sendable {
    struct Kept: Codable, Sendable {
        var partition: Int
        var count: Int
        /// The member for whose sake they are kept.
        var node: String
        var reason: String
    }

    var dropped: Int
    var kept: [Kept]
}
