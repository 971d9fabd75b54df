import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// Takes client connections on the proxy port: any client, any key, never a redirect.
final class ClientServer: Sendable {
    private let node: NodeRuntime
    private let loops: [RequestLoop]
    private let contexts: ContextCodec
    private let runID: String
    private let started = NIODeadline.now()
    private let counts = NIOLockedValueBox((connected: 0, nextID: Int64(1)))

    init(node: NodeRuntime, loops: [RequestLoop]) {
        self.node = node
        self.loops = loops
        self.contexts = ContextCodec(secret: node.clusterKey)
        var generator = SystemRandomNumberGenerator()
        let digits = (0..<40).map { _ in String(Int.random(in: 0..<16, using: &generator), radix: 16) }
        self.runID = digits.joined()
    }

    func start(group: MultiThreadedEventLoopGroup) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16384, maximum: 262_144)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = self.loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
                        preconditionFailure("a client connection on a foreign event loop")
                    }
                    try channel.pipeline.syncOperations.addHandler(self.connection(on: loop, channel))
                }
            }
            .bind(host: self.node.configuration.host, port: self.node.configuration.proxyPort)
            .get()
    }

    private func connection(on loop: RequestLoop, _ channel: any Channel) -> ClientConnection {
        let (id, connected) = self.counts.withLockedValue { counts in
            counts.connected += 1
            counts.nextID += 1
            return (counts.nextID - 1, counts.connected)
        }
        let server = ServerInfo(
            version: QuireVersion.current,
            runID: self.runID,
            nodeName: self.node.member.name,
            port: channel.localAddress?.port ?? self.node.member.proxy.port,
            connectedClients: connected,
            uptimeSeconds: Int((NIODeadline.now() - self.started).nanoseconds / 1_000_000_000)
        )
        let session = ClientSession(
            id: id,
            settings: .init(valueBytesMax: self.node.configuration.valueBytesMax),
            server: server,
            contexts: self.contexts
        )
        return ClientConnection(session: session, loop: loop) {
            self.counts.withLockedValue { $0.connected -= 1 }
        }
    }
}

/// The version of this build.
package enum QuireVersion {
    package static let current = "0.1.0"
}
