import NIOCore
import QuireWire

/// One write to the socket, and who waits for its answers.
struct PipelinedCommands: Sendable {
    let bytes: ByteBuffer
    let replies: [EventLoopPromise<QuireReply>]
    /// How long to wait for each answer; for ever if `nil`.
    var patience: TimeAmount?
}

/// Asks the reader to close the connection as soon as nobody waits for an answer on it.
struct Retirement: Sendable {}

/// Matches answers to commands in their order; fails whatever is waiting as soon as the connection ends.
///
/// An answer that comes too late has nobody who waits for it; it is taken all the same, to keep the order. When a
/// command has timed out and nobody waits any more, the connection closes: the node may be hung.
///
/// Lives on its channel's event loop.
final class ReplyReader: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = PipelinedCommands
    typealias OutboundOut = ByteBuffer

    private struct Waiting {
        /// `nil` once the time is over.
        var reply: EventLoopPromise<QuireReply>?
        let deadline: NIODeadline?
    }

    private var parser = RESPValueParser(
        limits: RESPLimits(bulkBytesMax: 512 << 20, elementsMax: 1 << 24, messageBytesMax: 1 << 30)
    )
    private var input = ByteBuffer()
    private var waiting = CircularBuffer<Waiting>()
    private var ending: QuireError?
    private var isRetiring = false
    /// For the earliest deadline known when it was set.
    private var timer: (task: Scheduled<Void>, deadline: NIODeadline)?

    /// The promise says that the commands are taken charge of, not that they are sent.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let commands = Self.unwrapOutboundIn(data)
        guard self.ending == nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let deadline = commands.patience.map { NIODeadline.now() + $0 }
        for reply in commands.replies {
            self.waiting.append(Waiting(reply: reply, deadline: deadline))
        }
        if let deadline { self.wake(at: deadline, context) }
        promise?.succeed()
        // Should the write fail, the channel closes, and with it all that waits.
        context.write(Self.wrapOutboundOut(commands.bytes), promise: nil)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Retirement else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        self.isRetiring = true
        promise?.succeed()
        self.closeIfIdle(context)
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
        if self.isRetiring { self.closeIfIdle(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(.connectionClosed, context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end(.connectionClosed, context)
    }

    /// - Returns: `false` for an answer that nobody has asked for.
    private func answer(_ value: RESPValue) -> Bool {
        if case .push = value { return true }
        guard let waiting = self.waiting.popFirst() else { return false }
        waiting.reply?.succeed(QuireReply(value))
        return true
    }

    private func end(_ error: QuireError, _ context: ChannelHandlerContext) {
        guard self.ending == nil else { return }
        self.ending = error
        self.timer?.task.cancel()
        self.timer = nil
        while let waiting = self.waiting.popFirst() {
            waiting.reply?.fail(error)
        }
        context.close(promise: nil)
    }

    private func wake(at deadline: NIODeadline, _ context: ChannelHandlerContext) {
        if let timer = self.timer {
            guard deadline < timer.deadline else { return }
            timer.task.cancel()
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(deadline: deadline) {
            let (reader, context) = bound.value
            reader.timePassed(context)
        }
        self.timer = (task, deadline)
    }

    private func timePassed(_ context: ChannelHandlerContext) {
        self.timer = nil
        guard self.ending == nil else { return }
        let now = NIODeadline.now()
        var next: NIODeadline?
        var hasTimedOut = false
        for index in self.waiting.indices {
            guard let reply = self.waiting[index].reply, let deadline = self.waiting[index].deadline else { continue }
            if deadline <= now {
                self.waiting[index].reply = nil
                hasTimedOut = true
                reply.fail(QuireError.timedOut)
            } else {
                next = min(next ?? deadline, deadline)
            }
        }
        if let next { self.wake(at: next, context) }
        if hasTimedOut || self.isRetiring { self.closeIfIdle(context) }
    }

    private func closeIfIdle(_ context: ChannelHandlerContext) {
        if self.waiting.allSatisfy({ $0.reply == nil }) {
            self.end(.connectionClosed, context)
        }
    }
}
