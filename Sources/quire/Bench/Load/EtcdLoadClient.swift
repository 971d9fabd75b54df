import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// A client of one etcd member: unary calls over one HTTP/2 connection without TLS, one stream at a time.
///
/// Streams are handled as frames, without a channel for each: a stream is a HEADERS and a DATA frame there, and HEADERS,
/// DATA and trailers back, of which `grpc-status` decides.
final class EtcdLoadClient: MeasuredClient, ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private struct UnderWay {
        let operation: LoadOperation
        var stream: HTTP2StreamID?
        var answer = ByteBuffer()
    }

    /// What the server may send before it must be told that it was read, per stream and per connection.
    private static let streamWindowBytes = 16 << 20
    private static let connectionWindowBytes = 1 << 30

    var finished: (LoadOutcome) -> Void = { _ in }

    private let keys: LoadKeys
    private let endpoint: ProxyAddress
    private let loop: any EventLoop
    private let putHeaders: HPACKHeaders
    private let rangeHeaders: HPACKHeaders
    private var context: ChannelHandlerContext?
    private var nextStream = 1
    private var request = ByteBuffer()
    private var underWay: UnderWay?
    private var turn: Int
    private var unreportedBytes = 0
    private var reason = "connection ended"

    init(_ keys: LoadKeys, endpoint: ProxyAddress, loop: any EventLoop, turn: Int) {
        self.keys = keys
        self.endpoint = endpoint
        self.loop = loop
        self.turn = turn
        self.putHeaders = Self.headers(EtcdMessages.putPath, endpoint)
        self.rangeHeaders = Self.headers(EtcdMessages.rangePath, endpoint)
    }

    private static func headers(_ path: String, _ endpoint: ProxyAddress) -> HPACKHeaders {
        [
            ":method": "POST", ":scheme": "http", ":path": path, ":authority": endpoint.description,
            "content-type": "application/grpc", "te": "trailers",
        ]
    }

    private static var configuration: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindowBytes),
        ]
        // etcd measures the connection with a PING for every message that it reads: that is no attack.
        configuration.controlFrameRateLimit.maximumCount = 10_000
        configuration.controlFrameRateLimit.windowLength = .milliseconds(100)
        return configuration
    }

    func connect() -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        let configuration = Self.configuration
        return ClientBootstrap(group: self.loop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOHTTP2Handler(mode: .client, connectionConfiguration: configuration),
                        bound.value
                    )
                }
            }
            .connect(host: self.endpoint.host, port: self.endpoint.port)
            .map { _ in }
    }

    func begin(_ operation: LoadOperation) {
        precondition(self.underWay == nil, "a client began \(operation) with another operation under way")
        self.underWay = UnderWay(operation: operation)
        if self.context != nil {
            self.send(operation)
            return
        }
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.connect().whenComplete { bound.value.connected($0) }
    }

    func close() {
        self.underWay = nil
        let context = self.context
        self.context = nil
        context?.close(promise: nil)
    }

    private func connected(_ result: Result<Void, any Error>) {
        // On success `channelActive` sends what is under way, for the connection's preface goes first.
        if case .failure(let error) = result, self.underWay != nil {
            self.finish(.failed(FailureReason.words(error)))
        }
    }

    private func send(_ operation: LoadOperation) {
        guard let context = self.context else { preconditionFailure("a request on a connection that has ended") }
        let stream = HTTP2StreamID(self.nextStream)
        self.nextStream += 2
        self.underWay?.stream = stream
        self.turn &+= 1
        self.request.clear()
        switch operation.kind {
        case .put: EtcdMessages.writePut(self.keys, key: operation.key, turn: self.turn, into: &self.request)
        case .get: EtcdMessages.writeRange(self.keys, key: operation.key, into: &self.request)
        }
        let headers = operation.kind == .put ? self.putHeaders : self.rangeHeaders
        let head = HTTP2Frame(streamID: stream, payload: .headers(.init(headers: headers)))
        let body = HTTP2Frame(
            streamID: stream,
            payload: .data(.init(data: .byteBuffer(self.request), endStream: true))
        )
        context.write(self.wrapOutboundOut(head), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(body), promise: nil)
    }

    // MARK: Frames

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        self.nextStream = 1
        self.unreportedBytes = 0
        let window = HTTP2Frame(
            streamID: .rootStream,
            payload: .windowUpdate(windowSizeIncrement: Self.connectionWindowBytes)
        )
        context.writeAndFlush(self.wrapOutboundOut(window), promise: nil)
        if let underWay = self.underWay { self.send(underWay.operation) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = self.unwrapInboundIn(data)
        switch frame.payload {
        case .data(let part):
            guard case .byteBuffer(var bytes) = part.data else { return }
            self.replenish(bytes.readableBytes, context)
            guard frame.streamID == self.underWay?.stream else { return }
            self.underWay?.answer.writeBuffer(&bytes)
            if part.endStream { self.finish(.failed("no status")) }
        case .headers(let part):
            guard frame.streamID == self.underWay?.stream, part.endStream else { return }
            self.answered(status: part.headers.first(name: "grpc-status"))
        case .rstStream:
            if frame.streamID == self.underWay?.stream { self.finish(.failed("stream reset")) }
        case .goAway:
            self.reason = "server went away"
            context.close(promise: nil)
        case .settings, .ping, .windowUpdate, .priority, .pushPromise, .alternativeService, .origin:
            break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.reason = FailureReason.words(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard self.context != nil else { return }
        self.context = nil
        if self.underWay != nil { self.finish(.failed(self.reason)) }
    }

    private func replenish(_ bytes: Int, _ context: ChannelHandlerContext) {
        self.unreportedBytes += bytes
        guard self.unreportedBytes > Self.connectionWindowBytes / 2 else { return }
        let window = HTTP2Frame(
            streamID: .rootStream,
            payload: .windowUpdate(windowSizeIncrement: self.unreportedBytes)
        )
        self.unreportedBytes = 0
        context.writeAndFlush(self.wrapOutboundOut(window), promise: nil)
    }

    private func answered(status: String?) {
        guard let underWay = self.underWay else { return }
        guard status == "0" else { return self.finish(.failed("grpc-status \(status ?? "none")")) }
        do {
            let message = try GRPCMessage.read(underWay.answer)
            if underWay.operation.kind == .get, try EtcdMessages.rangeCount(message) == 0 {
                self.finish(.failed("missing"))
            } else {
                self.finish(.succeeded)
            }
        } catch {
            self.finish(.failed("bad reply"))
        }
    }

    private func finish(_ outcome: LoadOutcome) {
        self.underWay = nil
        self.finished(outcome)
    }
}
