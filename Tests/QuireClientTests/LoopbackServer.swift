import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// A node of one process: real sockets and sessions over a dictionary of records.
final class LoopbackServer: Sendable {
    /// What the node makes of what it is sent.
    enum Mode: Sendable {
        case serving
        /// Connections are accepted, and nothing is ever answered.
        case silent
        /// Every operation is executed, and the connection ends instead of the answer.
        case losingAnswers
        /// Every operation is answered by this.
        case refusing(ClientFailure)
    }

    struct State: Sendable {
        var mode = Mode.serving
        var layout: PublishedLayout?
        /// What came, in its order.
        var operations: [ClientOperation] = []
        var layoutRequests = 0
        var connections: [ObjectIdentifier: any Channel] = [:]
        var layoutWatchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let channel: any Channel
    private let state: NIOLockedValueBox<State>
    let port: Int

    private init(channel: any Channel, state: NIOLockedValueBox<State>, port: Int) {
        self.channel = channel
        self.state = state
        self.port = port
    }

    /// The port that the next server tries. Below those that the system gives away, and none is tried twice: whoever
    /// knocks at a server that is gone meets nobody, also while other tests start theirs.
    private static let nextPort = NIOLockedValueBox(Int.random(in: 10_000..<20_000))

    static func start(store: RecordStore = RecordStore()) async throws -> LoopbackServer {
        let state = NIOLockedValueBox(State())
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SessionHandler(store: store, state: state))
                }
            }
        while true {
            let port = Self.nextPort.withLockedValue { next in
                defer { next += 1 }
                return next
            }
            do {
                let channel = try await bootstrap.bind(host: "127.0.0.1", port: port).get()
                return LoopbackServer(channel: channel, state: state, port: port)
            } catch let error as IOError where error.errnoCode == EADDRINUSE && port < 32_000 {
                continue
            }
        }
    }

    /// Takes no further connections, and ends those that are open.
    func stop() async throws {
        guard self.channel.isActive else { return }
        try await self.channel.close().get()
        for connection in self.state.withLockedValue({ Array($0.connections.values) }) {
            // One that has ended meanwhile is closed already.
            try? await connection.close().get()
        }
    }

    var operations: [ClientOperation] { self.state.withLockedValue { $0.operations } }
    var layoutRequests: Int { self.state.withLockedValue { $0.layoutRequests } }

    func set(_ mode: Mode) {
        self.state.withLockedValue { $0.mode = mode }
    }

    func publish(_ table: RoutingTable) {
        self.state.withLockedValue { $0.layout = PublishedLayout(table) }
    }

    func forgetOperations() {
        self.state.withLockedValue { $0.operations = [] }
    }

    /// Waits until the layout has been asked for so many times.
    func waitForLayoutRequests(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = self.state.withLockedValue { state in
                if state.layoutRequests >= count { return true }
                state.layoutWatchers.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}

/// The records of one or several servers, and a clock that only counts.
actor RecordStore {
    private var records: [Key: Record] = [:]
    private var counter: UInt64 = 0
    /// Written by somebody else just before the next puts of a key.
    private var intrusions: [Key: [[UInt8]]] = [:]

    func intrude(on key: Key, with values: [[UInt8]]) {
        self.intrusions[key] = values
    }

    func record(of key: Key) -> Record { self.records[key] ?? Record() }

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
        if let intruder = self.intrusions[put.key]?.first {
            self.intrusions[put.key]?.removeFirst()
            self.mint(put.key, intruder, .context(VersionVector()))
        }
        let wasLive = self.record(of: put.key).isLive(atMilliseconds: 0)
        self.mint(put.key, put.value, put.supersession)
        return .stored(self.record(of: put.key), wasLive: wasLive)
    }

    private func mint(_ key: Key, _ value: [UInt8]?, _ supersession: Record.Supersession) {
        self.counter += 1
        var record = self.record(of: key)
        let version = Version(
            dot: Dot(actor: ActorID(rawValue: 1), counter: self.counter),
            timestamp: HybridTimestamp(rawValue: self.counter),
            request: RequestID(high: 0, low: self.counter),
            value: value
        )
        record.mint(version, superseding: supersession)
        self.records[key] = record
    }
}

/// Executes a session's operations on the store; closes without an answer on a value of `HANGUP`.
private final class SessionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let store: RecordStore
    private let state: NIOLockedValueBox<LoopbackServer.State>
    private var session = ClientSession(
        id: 1,
        server: ServerInfo(version: "test", runID: String(repeating: "0", count: 40), port: 0),
        contexts: ContextCodec(secret: [1, 2, 3])
    )

    init(store: RecordStore, state: NIOLockedValueBox<LoopbackServer.State>) {
        self.store = store
        self.state = state
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        self.state.withLockedValue { $0.connections[ObjectIdentifier(channel)] = channel }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let id = ObjectIdentifier(context.channel)
        self.state.withLockedValue { $0.connections[id] = nil }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        let text = String(buffer: bytes)
        let (mode, layout, watchers) = self.state.withLockedValue { state in
            if text.contains("QUIRE.LAYOUT") { state.layoutRequests += 1 }
            let ready = state.layoutWatchers.filter { $0.count <= state.layoutRequests }.map(\.continuation)
            state.layoutWatchers.removeAll { $0.count <= state.layoutRequests }
            return (state.mode, state.layout, ready)
        }
        watchers.forEach { $0.resume() }
        if case .silent = mode { return }
        if text.contains("HANGUP") {
            context.close(promise: nil)
            return
        }
        self.session.facts = NodeFacts(layout: layout)
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
        let mode = self.state.withLockedValue { state in
            state.operations.append(operation)
            return state.mode
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.makeFutureWithTask {
            if case .refusing(let failure) = mode { return .failed(failure) }
            return await store.execute(operation)
        }
        .whenSuccess { (result: ClientResult) in
            let (handler, context) = bound.value
            if case .losingAnswers = mode {
                context.close(promise: nil)
                return
            }
            handler.session.facts = NodeFacts(layout: handler.state.withLockedValue { $0.layout })
            handler.perform(handler.session.completed(id, result, nowMilliseconds: 0), context)
        }
    }
}
