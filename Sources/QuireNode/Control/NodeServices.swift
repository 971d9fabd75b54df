import NIOCore
import QuireCore
import QuireStorage

/// What a node has once it belongs to a cluster: its storage, and the background work on it.
final class NodeServices: Sendable {
    let storage: StorageClient
    let gate = TransferGate()
    let lender: SealLender
    let moves: MoveDriver
    let images: ImageService
    let witness: WitnessService
    let tombstones: TombstoneDriver
    let background: BackgroundDriver
    private let node: NodeRuntime
    private let control: ControlLoop

    init(engine: StorageEngine, control: ControlLoop, node: NodeRuntime) {
        self.node = node
        self.control = control
        self.storage = StorageClient(engine: engine)
        self.moves = MoveDriver(storage: self.storage, control: control, node: node, gate: self.gate)
        self.lender = SealLender(storage: self.storage, node: node, gate: self.gate)
        self.images = ImageService(storage: self.storage, control: control, node: node)
        self.witness = WitnessService(storage: self.storage, control: control, node: node)
        self.tombstones = TombstoneDriver(witness: self.witness, storage: self.storage, control: control, node: node)
        self.tombstones.start()
        self.background = BackgroundDriver(storage: self.storage, control: control, node: node)
        self.background.start()
    }

    static func openStorage(for layout: Layout, node: NodeRuntime) throws -> StorageEngine {
        var configuration = StorageConfiguration(
            directory: node.configuration.dataDirectory,
            clusterID: layout.clusterID,
            partitionCount: layout.partitionCount,
            digester: RecordDigester(secret: node.clusterKey),
            now: { MachineClock.wallMilliseconds },
            random: { SystemRandomNumberGenerator.seed() }
        )
        configuration.shardCount = node.configuration.shardCount
        configuration.elapsed = { MachineClock.elapsed }
        return try StorageEngine(configuration)
    }

    /// Whether a peer's request is about files and figures; all others are for the `ControlCore`.
    static func answers(_ message: ControlMessage) -> Bool {
        switch message {
        case .seal, .unseal, .storeImage, .checkRepository, .collectStatistics, .collectRoots,
            .startRepair, .settleHints, .attestTombstones, .dropTombstones:
            true
        default: false
        }
    }

    /// - Precondition: `answers(message)`.
    func answer(_ message: ControlMessage, _ reply: PeerReply) {
        switch message {
        case .seal, .unseal:
            self.lender.answer(message, reply)
        case .storeImage(let partition, let repository, let intent):
            self.images.storeImage(partition, repository: repository, intent: intent, reply)
        case .checkRepository(let repository, let intent):
            self.images.checkRepository(repository, intent: intent, reply)
        case .collectStatistics:
            Task {
                let report = await NodeReport.collect(node: self.node, services: self)
                reply.send(.control(.statistics(report.encoded())))
            }
        case .collectRoots:
            Task {
                do {
                    let roots = try await ReplicaRoots.collect(services: self)
                    reply.send(.control(.statistics(roots.encoded())))
                } catch {
                    reply.send(.failed("\(error)"))
                }
            }
        case .attestTombstones(let batch):
            self.witness.answer(.attest, batch, reply)
        case .dropTombstones(let batch):
            self.witness.answer(.drop, batch, reply)
        case .settleHints:
            Task { reply.send(.control(.hintsSettled(unserved: await self.background.settleHints()))) }
        case .startRepair:
            reply.send(.control(.repairStarted(pairs: self.background.repairAsked())))
        default:
            preconditionFailure("a message for the ControlCore")
        }
    }

    func stop() async throws {
        self.tombstones.stop()
        self.moves.stop()
        await self.background.stop()
        try await self.storage.engine.stop()
    }
}
