import Logging
import NIOConcurrencyHelpers
import QuireCore
import QuireStorage
import QuireWire

/// Maintenance of this node: before it is stopped for a while, clients go elsewhere and what only it has is handed on.
///
/// A drained node is still a full member: it stores what it is sent, answers reads of other nodes and votes. Membership
/// and rows stay as they are, so nothing is copied. A restart ends the maintenance.
final class MaintenanceService: Sendable {
    private struct State {
        var isFlushed = false
        /// Grows with each beginning and end of a maintenance: work of an earlier one ends then.
        var round = 0
        var isHandingOn = false
    }

    private let node: NodeRuntime
    private let control: ControlLoop
    private let rounds = NIOLockedValueBox(State())

    init(node: NodeRuntime, control: ControlLoop) {
        self.node = node
        self.control = control
    }

    /// Refuses clients from now on, tells the others, delivers hints and flushes; the answer comes before that is done.
    func drain() async throws -> OperationsAPI.Drain {
        guard let services = self.control.currentServices else { throw ClusterService.notInitialised }
        self.node.isDraining = true
        self.control.measureNow()
        let begun = self.rounds.withLockedValue { state -> Int? in
            guard !state.isHandingOn else { return nil }
            state.isHandingOn = true
            state.round += 1
            return state.round
        }
        if let begun { Task { await self.handOn(services, begun) } }
        return try await self.state()
    }

    func undrain() async throws -> OperationsAPI.Drain {
        self.node.isDraining = false
        self.rounds.withLockedValue { state in
            state.round += 1
            state.isFlushed = false
            state.isHandingOn = false
        }
        self.control.measureNow()
        return try await self.state()
    }

    func state() async throws -> OperationsAPI.Drain {
        guard let services = self.control.currentServices else { throw ClusterService.notInitialised }
        // Without figures nobody knows what is held: it is told as unknown.
        let statistics = try? await services.storage.engine.statistics()
        return OperationsAPI.Drain(
            node: self.node.member.name,
            isDraining: self.node.isDraining,
            hints: statistics?.hints.records,
            isFlushed: self.rounds.withLockedValue { $0.isFlushed },
            blocker: services.background.work.hints.blocker
        )
    }

    /// Until it is done or the maintenance has ended. What failed is tried again by the next `drain`.
    private func handOn(_ services: NodeServices, _ round: Int) async {
        // Deliver at once; what cannot be delivered now is tried again in its turn, as always.
        _ = await services.background.settleHints()
        let isFlushed = await self.flush(services, round)
        self.rounds.withLockedValue { state in
            guard state.round == round else { return }
            state.isHandingOn = false
            state.isFlushed = isFlushed
        }
    }

    private func flush(_ services: NodeServices, _ round: Int) async -> Bool {
        do {
            let statistics = try await services.storage.engine.statistics()
            // What is quarantined is set aside already: there is nothing to flush.
            for held in statistics.partitions where statistics.quarantined[held.partition] == nil {
                guard self.rounds.withLockedValue({ $0.round }) == round else { return false }
                try await services.storage.engine.flush(held.partition)
            }
            return true
        } catch {
            // Not flushed is slower to start again, and no loss: the log has it.
            self.node.logger.warning("a drained node cannot flush its partitions", metadata: ["error": "\(error)"])
            return false
        }
    }
}
