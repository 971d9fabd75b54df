import NIOCore
import QuireCore
import QuireWire

/// One client's connection: moves bytes between the socket and its `ClientSession`, and operations between the
/// session and the loop's `RequestCore`.
///
/// Replies that become ready in one turn of the loop leave in one write. While the session wants no more
/// input, nothing is read from the socket.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let loop: RequestLoop
    private var session: ClientSession
    private let closed: @Sendable () -> Void
    private var channel: (any Channel)?
    private var registration: UInt64 = 0
    private var isFlushScheduled = false
    private var isClosing = false

    init(session: ClientSession, loop: RequestLoop, closed: @escaping @Sendable () -> Void) {
        self.session = session
        self.loop = loop
        self.closed = closed
    }

    func channelActive(context: ChannelHandlerContext) {
        self.channel = context.channel
        self.registration = self.loop.register { [weak self] result, operation in
            guard let self else { return }
            self.session.facts = self.loop.facts
            self.perform(
                self.session.completed(operation, result, nowMilliseconds: MachineClock.wallMilliseconds)
            )
        }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.session.facts = self.loop.facts
        self.perform(self.session.receive(bytes, nowMilliseconds: MachineClock.wallMilliseconds))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.readIfWanted()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            self.scheduleFlush()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.loop.unregister(self.registration)
        self.channel = nil
        self.closed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func perform(_ actions: [ClientSession.Action]) {
        for action in actions {
            switch action {
            case .execute(let operation, let request):
                self.loop.ask(self.registration, operation: operation, request)
            case .close:
                self.isClosing = true
            }
        }
        self.scheduleFlush()
    }

    private func scheduleFlush() {
        guard !self.isFlushScheduled, let channel = self.channel else { return }
        self.isFlushScheduled = true
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.execute { bound.value.flush() }
    }

    private func flush() {
        self.isFlushScheduled = false
        guard let channel = self.channel, channel.isWritable else { return }
        if let output = self.session.takeOutput() {
            channel.writeAndFlush(output, promise: nil)
            self.perform(self.session.outputTaken(nowMilliseconds: MachineClock.wallMilliseconds))
        }
        if self.isClosing {
            channel.close(promise: nil)
        } else {
            self.readIfWanted()
        }
    }

    private func readIfWanted() {
        if self.session.wantsMoreInput {
            self.channel?.read()
        }
    }
}
