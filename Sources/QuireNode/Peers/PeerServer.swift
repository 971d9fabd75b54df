import Logging
import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// Takes connections of other nodes and hands their requests to the data path or to the control path.
struct PeerServer: Sendable {
    let node: NodeRuntime
    let loops: [RequestLoop]
    let control: ControlLoop

    func start(group: MultiThreadedEventLoopGroup) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(self.handler(on: channel.eventLoop))
                }
            }
            .bind(host: self.node.configuration.host, port: self.node.configuration.peerPort)
            .get()
    }

    private func handler(on eventLoop: any EventLoop) -> PeerChannel {
        let loop = self.loops.first { $0.eventLoop === eventLoop }
        let node = self.node
        let control = self.control
        return PeerChannel(
            handshake: node.handshake(role: .responder),
            callbacks: .init(
                established: { _, _ in },
                received: { channel, envelope in
                    guard !envelope.isReply else { return }
                    guard envelope.correlation != LinkClock.correlation else {
                        channel.answerClock(envelope, version: node.layoutVersion)
                        return
                    }
                    if case .control(.readBlocks(_, let seal, let blocks)) = envelope.message {
                        Self.stream(seal, blocks, over: channel, control)
                        return
                    }
                    let timing = channel.timing(of: envelope)
                    guard timing.age <= node.rules.messageLifetime || !envelope.message.carriesData else {
                        // Refused, with all that is queued behind it: a new link measures ages anew (SAFETY rule 9).
                        channel.close()
                        return
                    }
                    let reply = PeerReply(channel, on: eventLoop, correlation: envelope.correlation, node: node)
                    if case .control(let message) = envelope.message {
                        control.asked(message, reply)
                    } else if let loop {
                        loop.asked(envelope.message, timing, reply)
                    } else {
                        reply.send(.failed("this connection takes no data requests"))
                    }
                },
                closed: { _, refusal in
                    guard let refusal else { return }
                    node.logger.warning("peer refused", metadata: ["reason": "\(refusal.message)"])
                }
            )
        )
    }

    /// From here on the connection carries blocks (`BlockFrame`).
    private static func stream(
        _ seal: UInt64,
        _ blocks: [Range<Int>],
        over connection: PeerChannel,
        _ control: ControlLoop
    ) {
        let wish = CompressionWish()
        guard let services = control.currentServices,
            let channel = connection.handOver(to: CompressionWish.Reader(wish))
        else {
            connection.close()
            return
        }
        services.lender.stream(seal, blocks, over: channel, wish)
    }
}
