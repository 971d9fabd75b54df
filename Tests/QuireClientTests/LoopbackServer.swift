import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// A node of one process: real sockets and sessions over a dictionary of records.
final class LoopbackServer: Sendable {
    private let channel: any Channel
    let port: Int

    private init(channel: any Channel, port: Int) {
        self.channel = channel
        self.port = port
    }

    static func start() async throws -> LoopbackServer {
        let store = RecordStore()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SessionHandler(store: store))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return LoopbackServer(channel: channel, port: channel.localAddress?.port ?? 0)
    }

    func stop() async throws {
        try await self.channel.close().get()
    }
}

/// The records of a server, and a clock that only counts.
private actor RecordStore {
    private var records: [Key: Record] = [:]
    private var counter: UInt64 = 0

    func execute(_ operation: ClientOperation) -> ClientResult {
        switch operation {
        case .get(let key, let quorum):
            if let quorum, quorum > 3 { return .failed(.invalid("R of \(quorum) is more than N")) }
            return .record(self.records[key] ?? Record())
        case .put(let put):
            return self.put(put)
        case .scan:
            return .keys(self.records.keys.sorted { $0.hash < $1.hash }, next: .end)
        case .countKeys:
            return .count(self.records.count)
        }
    }

    private func put(_ put: PutRequest) -> ClientResult {
        if put.key.bytes == Array("lost".utf8) {
            return .failed(.quorumLost(acknowledged: 1, required: 2, operation: .write))
        }
        self.counter += 1
        var record = self.records[put.key] ?? Record()
        let wasLive = record.isLive(atMilliseconds: 0)
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 1), counter: self.counter),
            timestamp: HybridTimestamp(rawValue: self.counter),
            request: RequestID(high: 0, low: self.counter),
            value: put.value
        )
        record.mint(version, superseding: put.supersession)
        self.records[put.key] = record
        return .stored(record, wasLive: wasLive)
    }
}

/// Executes a session's operations on the store; closes without an answer on a value of `HANGUP`.
private final class SessionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let store: RecordStore
    private var session = ClientSession(
        id: 1,
        server: ServerInfo(version: "test", runID: String(repeating: "0", count: 40), port: 0),
        contexts: ContextCodec(secret: [1, 2, 3])
    )

    init(store: RecordStore) {
        self.store = store
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        if String(buffer: bytes).contains("HANGUP") {
            context.close(promise: nil)
            return
        }
        self.perform(self.session.receive(bytes, nowMilliseconds: 0), context)
    }

    private func perform(_ actions: [ClientSession.Action], _ context: ChannelHandlerContext) {
        if let output = self.session.takeOutput() {
            context.writeAndFlush(Self.wrapOutboundOut(output), promise: nil)
        }
        for action in actions {
            switch action {
            case .close: context.close(promise: nil)
            case .execute(let id, let operation): self.execute(id, operation, context)
            }
        }
    }

    private func execute(_ id: UInt64, _ operation: ClientOperation, _ context: ChannelHandlerContext) {
        let store = self.store
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.makeFutureWithTask { await store.execute(operation) }.whenSuccess { result in
            let (handler, context) = bound.value
            handler.perform(handler.session.completed(id, result, nowMilliseconds: 0), context)
        }
    }
}
