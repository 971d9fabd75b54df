import NIOCore
import NIOPosix
import QuireWire

/// One request and its answer, over a connection of their own.
final class RESPQuestion: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let words: [String]
    private let answer: EventLoopPromise<RESPValue>
    private var parser = RESPValueParser()
    private var received = ByteBuffer()

    private init(_ words: [String], answer: EventLoopPromise<RESPValue>) {
        self.words = words
        self.answer = answer
    }

    static func ask(_ words: [String], of endpoint: ProxyAddress) async throws -> RESPValue {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: RESPValue.self)
        let timeout = loop.scheduleTask(in: .seconds(5)) {
            answer.fail(CommandFailure("unreachable", "\(endpoint) did not answer in time", status: .unreachable))
        }
        defer { timeout.cancel() }
        let connecting = ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RESPQuestion(words, answer: answer))
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
        connecting.cascadeFailure(to: answer)
        connecting.whenSuccess { channel in answer.futureResult.whenComplete { _ in channel.close(promise: nil) } }
        return try await answer.futureResult.get()
    }

    func channelActive(context: ChannelHandlerContext) {
        var request = ByteBuffer()
        request.writeRESPHeader("*", Int64(self.words.count))
        for word in self.words { request.writeRESPBulk(Array(word.utf8)) }
        context.writeAndFlush(self.wrapOutboundOut(request), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = self.unwrapInboundIn(data)
        self.received.writeBuffer(&incoming)
        do {
            if let value = try self.parser.next(&self.received) { self.answer.succeed(value) }
        } catch {
            self.answer.fail(error)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.answer.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer.fail(CommandFailure("unreachable", "the connection ended", status: .unreachable))
    }
}
