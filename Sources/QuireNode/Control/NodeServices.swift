import NIOCore
import QuireCore
import QuireStorage

/// What a node has once it belongs to a cluster: its storage, and the background work on it.
final class NodeServices: Sendable {
    let storage: StorageClient
    let moves: MoveDriver
    let images: ImageService
    private let node: NodeRuntime
    private let control: ControlLoop

    init(engine: StorageEngine, control: ControlLoop, node: NodeRuntime) {
        self.node = node
        self.control = control
        self.storage = StorageClient(engine: engine)
        self.moves = MoveDriver(storage: self.storage, control: control, node: node)
        self.images = ImageService(storage: self.storage, control: control, node: node)
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
        return try StorageEngine(configuration)
    }

    /// Whether a peer's request is about files and figures; all others are for the `ControlCore`.
    static func answers(_ message: ControlMessage) -> Bool {
        switch message {
        case .seal, .readBlock, .unseal, .storeImage, .checkRepository, .collectStatistics: true
        default: false
        }
    }

    /// - Precondition: `answers(message)`.
    func answer(_ message: ControlMessage, _ reply: PeerReply) {
        switch message {
        case .seal, .readBlock, .unseal:
            self.images.answer(message, reply)
        case .storeImage(let partition, let repository, let intent):
            self.images.storeImage(partition, repository: repository, intent: intent, reply)
        case .checkRepository(let repository, let intent):
            self.images.checkRepository(repository, intent: intent, reply)
        case .collectStatistics:
            Task {
                let report = await NodeReport.collect(node: self.node, services: self)
                reply.send(.control(.statistics(report.encoded())))
            }
        default:
            preconditionFailure("a message for the ControlCore")
        }
    }

    func stop() async throws {
        self.moves.stop()
        try await self.storage.engine.stop()
    }
}
