import NIOCore
import QuireCore
import QuireWire

/// One end of a connection between two nodes: the handshake first, then envelopes in both directions.
///
/// Everything happens on the channel's event loop. What is sent during one turn of the loop leaves in one
/// write at its end.
final class PeerChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Callbacks {
        var established: (PeerChannel, PeerHandshake.Identity) -> Void
        var received: (PeerChannel, PeerEnvelope) -> Void
        /// Called once; with the refusal when the handshake failed.
        var closed: (PeerChannel, PeerRefusal?) -> Void
    }

    private enum State {
        case shakingHands
        case established
        /// What comes is not for this end any more.
        case handedOver
        case closed
    }

    private let callbacks: Callbacks
    private var handshake: PeerHandshake
    private var handshakeParser = RESPValueParser(limits: PeerHandshake.limits)
    private var parser = PeerMessageParser()
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var state = State.shakingHands
    private var refusal: PeerRefusal?
    private var channel: (any Channel)?
    private var isFlushScheduled = false
    private(set) var lastReceived = NIODeadline.now()
    private var clock = LinkClock(openedAt: .zero)

    init(handshake: PeerHandshake, callbacks: Callbacks) {
        self.handshake = handshake
        self.callbacks = callbacks
    }

    func send(_ envelope: PeerEnvelope) {
        guard case .established = self.state, let channel = self.channel else { return }
        PeerCodec.encode(envelope, into: &self.output)
        guard !self.isFlushScheduled else { return }
        self.isFlushScheduled = true
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.execute { bound.value.flush() }
    }

    /// How late a message is that has just come in.
    func timing(of envelope: PeerEnvelope) -> MessageTiming {
        let age = self.clock.age(ofMessageSentAt: envelope.sentAtMilliseconds, now: MachineClock.elapsed)
        let budget = envelope.budgetMilliseconds
        return MessageTiming(
            age: age,
            budget: budget == 0 ? nil : .milliseconds(Int64(clamping: budget)),
            version: envelope.version
        )
    }

    /// Answers a question that only serves to compare clocks.
    func answerClock(_ question: PeerEnvelope, version: LayoutVersion) {
        let now = MachineClock.elapsed
        self.clock.clockAsked(at: question.sentAtMilliseconds, now: now)
        self.clock.clockAnswered(now: now)
        self.send(
            PeerEnvelope(
                correlation: LinkClock.correlation,
                isReply: true,
                version: version,
                sentAtMilliseconds: now.stampMilliseconds,
                message: .control(.nothingNewer(version))
            )
        )
    }

    func close() {
        self.channel?.close(promise: nil)
    }

    /// Ends the exchange of messages: what comes from now on goes to `handler`, what is to be sent is written to the
    /// channel that is returned.
    ///
    /// - Returns: `nil` when the connection is closed.
    func handOver(to handler: any ChannelHandler) -> (any Channel)? {
        guard case .established = self.state, let channel = self.channel else { return nil }
        self.flush()
        do {
            try channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            return nil
        }
        self.state = .handedOver
        return channel
    }

    func channelActive(context: ChannelHandlerContext) {
        self.channel = context.channel
        self.write(self.handshake.start(), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .handedOver = self.state {
            context.fireChannelRead(data)
            return
        }
        var bytes = self.unwrapInboundIn(data)
        self.lastReceived = .now()
        if self.input.readableBytes == 0 {
            self.input = bytes
        } else {
            self.input.writeBuffer(&bytes)
        }
        if case .shakingHands = self.state {
            self.continueHandshake(context)
        }
        if case .established = self.state {
            self.readEnvelopes(context)
        }
        if case .handedOver = self.state, self.input.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(self.input))
            self.input = ByteBuffer()
        }
        if self.input.readableBytes == 0 {
            self.input.clear(minimumCapacity: 0)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func continueHandshake(_ context: ChannelHandlerContext) {
        do {
            while case .shakingHands = self.state, let value = try self.handshakeParser.next(&self.input) {
                switch self.handshake.receive(value) {
                case .send(let bytes):
                    self.write(bytes, context)
                case .establish(let identity, let bytes):
                    // Before the peer can know that it may send.
                    self.clock = LinkClock(openedAt: MachineClock.elapsed)
                    self.write(bytes, context)
                    self.state = .established
                    self.callbacks.established(self, identity)
                case .refuse(let refusal, let bytes):
                    self.refusal = refusal
                    self.write(bytes, context)
                    context.close(promise: nil)
                    return
                }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    private func readEnvelopes(_ context: ChannelHandlerContext) {
        do {
            while case .established = self.state, let envelope = try self.parser.next(&self.input) {
                self.callbacks.received(self, envelope)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        guard !bytes.isEmpty else { return }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func flush() {
        self.isFlushScheduled = false
        guard let channel = self.channel, self.output.readableBytes > 0 else { return }
        channel.writeAndFlush(self.output, promise: nil)
        self.output = ByteBuffer()
    }

    private func end() {
        if case .closed = self.state { return }
        self.state = .closed
        self.callbacks.closed(self, self.refusal)
    }
}
