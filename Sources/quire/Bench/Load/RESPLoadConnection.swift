import NIOCore
import NIOPosix
import QuireCore

/// One connection of a load to a server of Redis's protocol. Lives on one event loop.
final class RESPLoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Called for every reply, in order.
    var replied: (LoadReply) -> Void = { _ in }
    /// Called once when the connection has ended, with the reason.
    var ended: (String) -> Void = { _ in }

    private let reader: LoadReplyReader
    private var received = ByteBuffer()
    private var channel: (any Channel)?
    private var reason = "connection ended"

    init(reader: LoadReplyReader) {
        self.reader = reader
    }

    var isOpen: Bool { self.channel != nil }

    func connect(to endpoint: Endpoint, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        return ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            // Before `channelActive`: whoever waits for this future may send at once.
            .map { bound.value.channel = $0 }
    }

    /// - Precondition: the connection is open.
    func send(_ request: ByteBuffer) {
        guard let channel = self.channel else { preconditionFailure("a request on a connection that has ended") }
        channel.writeAndFlush(request, promise: nil)
    }

    func close() {
        self.replied = { _ in }
        self.ended = { _ in }
        self.channel?.close(promise: nil)
        self.channel = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = self.unwrapInboundIn(data)
        if self.received.readableBytes == 0 {
            self.received = incoming
        } else {
            self.received.writeBuffer(&incoming)
        }
        do {
            while let reply = try self.reader.next(&self.received) { self.replied(reply) }
        } catch {
            self.reason = "bad reply"
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.reason = FailureReason.words(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard self.channel != nil else { return }
        self.channel = nil
        self.ended(self.reason)
    }
}
