import Glibc
import Hummingbird
package import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
package import QuireCore
import ServiceLifecycle

/// One node: opens its data directory, listens on its ports, and runs until it is told to stop.
package struct QuireNodeProcess: Service {
    private let directory: NodeDirectory
    private let node: NodeRuntime
    private let group: MultiThreadedEventLoopGroup
    private let controlGroup: MultiThreadedEventLoopGroup
    private let storeThread: NIOThreadPool
    private let loops: [RequestLoop]
    private let control: ControlLoop
    private let channels: [any Channel]
    private let http: Application<RouterResponder<BasicRequestContext>>

    package let member: Member

    /// Opens everything; when it returns, all ports are bound.
    ///
    /// - Throws: `NodeError`, which says what to do.
    package init(configuration: NodeConfiguration, logger: Logger) async throws {
        guard configuration.clusterKey.count >= 16 else {
            throw NodeError(
                .invalidConfiguration,
                "the cluster key must have at least 16 bytes; make one with 'quire cluster key'"
            )
        }
        var configuration = configuration
        configuration.peerPort = try FreePort.take(configuration.peerPort, configuration.host, flag: "--peer-port")
        configuration.proxyPort = try FreePort.take(configuration.proxyPort, configuration.host, flag: "--proxy-port")
        configuration.httpPort = try FreePort.take(configuration.httpPort, configuration.host, flag: "--http-port")
        let directory = try NodeDirectory(configuration: configuration)
        let host = configuration.host
        let member = Member(
            id: directory.node,
            name: directory.name,
            zone: directory.zone,
            peer: Endpoint(host: host, port: configuration.peerPort),
            proxy: Endpoint(host: host, port: configuration.proxyPort),
            http: Endpoint(host: host, port: configuration.httpPort)
        )
        var logger = logger
        logger[metadataKey: "node"] = "\(member.name)"
        let node = NodeRuntime(member: member, configuration: configuration, logger: logger)
        let store: LayoutStore
        let state: LayoutAcceptor.State
        do {
            store = try LayoutStore(path: "\(directory.path)/layout.db")
            state = try store.load()
            if let decided = state.decided, LayoutCoding.decode(decided.layout) == nil {
                throw NodeError(.dataDirectoryUnusable, "its layout \(state.decidedVersion) does not decode")
            }
        } catch {
            throw NodeError(.dataDirectoryUnusable, "\(directory.path)/layout.db cannot be read: \(error)")
        }
        self.directory = directory
        self.member = member
        self.node = node
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.loopCount))
        self.controlGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.storeThread = NIOThreadPool(numberOfThreads: 1)
        self.storeThread.start()
        let known = state.decided.flatMap { LayoutCoding.decode($0.layout) }
        let isMember = known?.member(directory.node) != nil
        let layoutSeen = NIOLockedValueBox<@Sendable (LayoutVersion) -> Void>({ _ in })
        self.loops = try await Self.startLoops(of: self.group, node: node, isMember: isMember) { version in
            layoutSeen.withLockedValue { $0 }(version)
        }
        let loops = self.loops
        self.control = ControlLoop(
            eventLoop: self.controlGroup.next(),
            node: node,
            loops: loops,
            store: store,
            storeThread: self.storeThread
        )
        let control = self.control
        layoutSeen.withLockedValue { $0 = { [weak control] version in control?.layoutSeen(version) } }
        self.control.start(state)
        let peers = PeerServer(node: node, loops: loops, control: self.control)
        let clients = ClientServer(node: node, loops: loops)
        let group = self.group
        self.channels = [
            try await Self.bound("--peer-port", configuration.peerPort) { try await peers.start(group: group) },
            try await Self.bound("--proxy-port", configuration.proxyPort) { try await clients.start(group: group) },
        ]
        self.http = Self.application(node, self.control, logger)
        try directory.announce(member)
    }

    private static func startLoops(
        of group: MultiThreadedEventLoopGroup,
        node: NodeRuntime,
        isMember: Bool,
        layoutNeeded: @escaping @Sendable (LayoutVersion) -> Void
    ) async throws -> [RequestLoop] {
        var loops: [RequestLoop] = []
        for eventLoop in group.makeIterator() {
            let loop = RequestLoop(
                eventLoop: eventLoop,
                node: node,
                isMember: isMember,
                layoutNeeded: layoutNeeded
            )
            try await eventLoop.submit { loop.start() }.get()
            loops.append(loop)
        }
        return loops
    }

    /// Runs until the surrounding service group is told to stop; then lets go of everything in order: no new
    /// work, what runs is finished, storage is flushed and closed cleanly.
    package func run() async throws {
        self.node.logger.info(
            "node started",
            metadata: [
                "id": "\(self.member.id)", "proxy": "\(self.member.proxy)", "peer": "\(self.member.peer)",
                "http": "\(self.member.http)",
            ]
        )
        defer { self.storeThread.shutdownGracefully { _ in } }
        do {
            try await self.http.run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw FreePort.inUse(self.member.http.port, flag: "--http-port", "\(error)")
        }
        for channel in self.channels {
            try await channel.close()
        }
        self.loops.forEach { $0.stop() }
        try await self.control.stop()
        try await self.group.shutdownGracefully()
        try await self.controlGroup.shutdownGracefully()
        self.node.logger.info("node stopped")
    }

    private static func application(
        _ node: NodeRuntime,
        _ control: ControlLoop,
        _ logger: Logger
    ) -> Application<RouterResponder<BasicRequestContext>> {
        let introductions = PeerIntroduction(node: node, control: control)
        let server = HTTPServer(
            node: node,
            control: control,
            cluster: ClusterService(node: node, control: control, introductions: introductions),
            tasks: TaskRegistry(),
            maintenance: MaintenanceService(node: node, control: control)
        )
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        return Application(
            router: server.router(),
            configuration: .init(
                address: .hostname(node.configuration.host, port: node.configuration.httpPort),
                serverName: "quire"
            ),
            logger: quiet
        )
    }

    private static func bound(
        _ flag: String,
        _ port: Int,
        _ bind: () async throws -> any Channel
    ) async throws -> any Channel {
        do {
            return try await bind()
        } catch {
            throw FreePort.inUse(port, flag: flag, "\(error)")
        }
    }
}
