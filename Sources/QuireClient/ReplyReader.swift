import NIOCore
import QuireWire

/// One write to the socket, and who waits for its answers.
struct PipelinedCommands: Sendable {
    let bytes: ByteBuffer
    let replies: [EventLoopPromise<QuireReply>]
}

/// Matches answers to commands in their order; fails whatever is waiting as soon as the connection ends.
///
/// Lives on its channel's event loop.
final class ReplyReader: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = PipelinedCommands
    typealias OutboundOut = ByteBuffer

    private var parser = RESPValueParser(
        limits: RESPLimits(bulkBytesMax: 512 << 20, elementsMax: 1 << 24, messageBytesMax: 1 << 30)
    )
    private var input = ByteBuffer()
    private var waiting = CircularBuffer<EventLoopPromise<QuireReply>>()
    private var ending: QuireError?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let commands = Self.unwrapOutboundIn(data)
        if let ending = self.ending {
            commands.replies.forEach { $0.fail(ending) }
            promise?.fail(ending)
            return
        }
        self.waiting.append(contentsOf: commands.replies)
        context.write(Self.wrapOutboundOut(commands.bytes), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = Self.unwrapInboundIn(data)
        self.input.writeBuffer(&bytes)
        do {
            while let value = try self.parser.next(&self.input) {
                guard self.answer(value) else {
                    self.end(.protocolViolation("an answer without a command"), context)
                    return
                }
            }
        } catch {
            self.end(.protocolViolation(error.message), context)
        }
        self.input.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(.connectionClosed, context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end(.connectionClosed, context)
    }

    /// - Returns: `false` for an answer that nobody waits for.
    private func answer(_ value: RESPValue) -> Bool {
        if case .push = value { return true }
        guard let promise = self.waiting.popFirst() else { return false }
        promise.succeed(QuireReply(value))
        return true
    }

    private func end(_ error: QuireError, _ context: ChannelHandlerContext) {
        guard self.ending == nil else { return }
        self.ending = error
        while let promise = self.waiting.popFirst() {
            promise.fail(error)
        }
        context.close(promise: nil)
    }
}
