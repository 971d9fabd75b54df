import Logging
import QuireCore
import QuireStorage

/// Answers for this node when tombstones are to go: see `TombstoneWitness`.
struct WitnessService: Sendable {
    private let storage: StorageClient
    private let control: ControlLoop
    private let node: NodeRuntime

    init(storage: StorageClient, control: ControlLoop, node: NodeRuntime) {
        self.storage = storage
        self.control = control
        self.node = node
    }

    func answer(_ purpose: TombstoneWitness.Purpose, _ batch: TombstoneBatch, _ reply: PeerReply) {
        Task {
            reply.send(.control(.tombstonesAnswered(await self.answer(purpose, batch))))
        }
    }

    /// Order matters: first everything that requests have in hand is stored or given up; then the surroundings, whose
    /// epoch counts those hints; then the records.
    func answer(_ purpose: TombstoneWitness.Purpose, _ batch: TombstoneBatch) async -> TombstoneAnswer {
        let surroundings: PartitionSurroundings
        do {
            try await self.control.settleRequests()
            surroundings = try self.surroundings(of: batch.partition)
        } catch {
            self.node.logger.warning("tombstones cannot be attested", metadata: ["error": "\(error)"])
            return .refused(.storage)
        }
        var witness = TombstoneWitness(
            purpose,
            batch,
            in: TombstoneWitness.Circumstances(
                node: self.node.member.id,
                layout: self.node.layout,
                surroundings: surroundings,
                wallMilliseconds: MachineClock.wallMilliseconds,
                rules: self.node.rules,
                digester: self.storage.engine.configuration.digester
            )
        )
        var action = witness.start()
        while true {
            switch action {
            case .store(let command): action = witness.answered(await self.storage.execute(command))
            case .answer(let answer): return answer
            }
        }
    }

    private func surroundings(of partition: PartitionID) throws -> PartitionSurroundings {
        var surroundings = self.node.activity.surroundings(of: partition)
        surroundings.hasRetiredCopy = try self.storage.engine.retiredCopies().contains { $0.partition == partition }
        surroundings.hasIncomingCopy = try self.storage.engine.hasIncomingCopy(of: partition)
        return surroundings
    }
}
