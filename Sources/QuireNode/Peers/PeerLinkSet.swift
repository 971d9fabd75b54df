import Logging
import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// The connections that one event loop keeps to the other nodes for its own requests.
///
/// A link that breaks, or whose peer is silent to requests for `silenceMax` (Dynamo §4.8.3), is closed and made
/// again; what was asked on it is reported lost by `lost`. Everything happens on the event loop.
final class PeerLinkSet {
    struct Callbacks {
        var connected: (NodeID) -> Void
        var lost: (NodeID) -> Void
        var answered: (NodeID, _ correlation: UInt64, PeerMessage) -> Void
    }

    private final class Link {
        let endpoint: Endpoint
        var channel: PeerChannel?
        var isConnecting = false
        var retryAt = NIODeadline.now()
        var failures = 0
        /// Since when requests are waiting for any answer.
        var waitingSince: NIODeadline?
        var waiting = 0
        var pingedAt = NIODeadline.uptimeNanoseconds(0)

        init(endpoint: Endpoint) {
            self.endpoint = endpoint
        }
    }

    private let eventLoop: any EventLoop
    private let node: NodeRuntime
    private let callbacks: Callbacks
    private let silenceMax: TimeAmount
    private let pingsWhileWaiting: Bool
    private var links: [NodeID: Link] = [:]
    private var isStopped = false

    /// - Parameters:
    ///   - silenceMax: After so long without any answer a peer is taken for dead.
    ///   - pingsWhileWaiting: Whether a peer is asked for a sign of life while it works on a long request; without,
    ///     slowness counts as silence.
    init(
        eventLoop: any EventLoop,
        node: NodeRuntime,
        silenceMax: TimeAmount,
        pingsWhileWaiting: Bool,
        callbacks: Callbacks
    ) {
        self.pingsWhileWaiting = pingsWhileWaiting
        self.silenceMax = silenceMax
        self.eventLoop = eventLoop
        self.node = node
        self.callbacks = callbacks
    }

    /// Keeps links to exactly these, this node left out.
    func keep(_ members: [Member]) {
        let wanted = members.filter { $0.id != self.node.member.id }
        for (id, link) in self.links where !wanted.contains(where: { $0.id == id && $0.peer == link.endpoint }) {
            self.links[id] = nil
            link.channel?.close()
        }
        for member in wanted where self.links[member.id] == nil {
            self.links[member.id] = Link(endpoint: member.peer)
        }
        self.tick()
    }

    /// - Parameter budget: How long anybody waits for the answer; `nil` without a limit.
    func ask(_ node: NodeID, correlation: UInt64, _ message: PeerMessage, budget: Duration? = nil) {
        guard let link = self.links[node], let channel = link.channel else { return }
        link.waiting += 1
        if link.waitingSince == nil {
            link.waitingSince = .now()
        }
        let version = self.node.layoutVersion
        channel.send(
            PeerEnvelope(
                correlation: correlation,
                isReply: false,
                version: version,
                sentAtMilliseconds: MachineClock.elapsed.wholeMilliseconds,
                budgetMilliseconds: budget?.wholeMilliseconds ?? 0,
                message: message
            )
        )
    }

    /// Makes missing links and breaks silent ones; to be called a few times a second.
    func tick() {
        guard !self.isStopped else { return }
        let now = NIODeadline.now()
        for (id, link) in self.links {
            if let channel = link.channel {
                guard let since = link.waitingSince else { continue }
                let silence = now - max(since, channel.lastReceived)
                if silence > self.silenceMax {
                    channel.close()
                } else if self.pingsWhileWaiting, silence * 3 > self.silenceMax, link.pingedAt < now - .seconds(1) {
                    link.pingedAt = now
                    channel.send(self.ping)
                }
            } else if !link.isConnecting, link.retryAt <= now {
                self.connect(id, link)
            }
        }
    }

    private var ping: PeerEnvelope {
        let version = self.node.layoutVersion
        return PeerEnvelope(correlation: 0, isReply: false, version: version, message: .control(.gossip(version)))
    }

    func stop() {
        self.isStopped = true
        self.links.values.forEach { $0.channel?.close() }
        self.links = [:]
    }

    private func connect(_ id: NodeID, _ link: Link) {
        link.isConnecting = true
        let bound = NIOLoopBound((self, link), eventLoop: self.eventLoop)
        let callbacks = PeerChannel.Callbacks(
            established: { channel, identity in
                let (links, link) = bound.value
                links.established(id, link, channel, identity)
            },
            received: { _, envelope in
                let (links, link) = bound.value
                links.received(id, link, envelope)
            },
            closed: { channel, refusal in
                let (links, link) = bound.value
                links.closed(id, link, channel, refusal)
            }
        )
        let handshake = self.node.handshake(role: .initiator)
        let boundCallbacks = NIOLoopBound(callbacks, eventLoop: self.eventLoop)
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(.seconds(2))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = PeerChannel(handshake: handshake, callbacks: boundCallbacks.value)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: link.endpoint.host, port: link.endpoint.port)
            .whenFailure { _ in
                let (links, link) = bound.value
                links.connectFailed(link)
            }
    }

    private func established(_ id: NodeID, _ link: Link, _ channel: PeerChannel, _ identity: PeerHandshake.Identity) {
        link.isConnecting = false
        guard identity.node == id, self.links[id] === link else {
            self.node.logger.warning(
                "another node answers at this address",
                metadata: ["expected": "\(id)", "found": "\(identity.node)", "address": "\(link.endpoint)"]
            )
            channel.close()
            return
        }
        link.channel = channel
        link.failures = 0
        link.waiting = 0
        link.waitingSince = nil
        self.callbacks.connected(id)
    }

    private func received(_ id: NodeID, _ link: Link, _ envelope: PeerEnvelope) {
        // Nobody waits for the answer to a ping: that it came is enough.
        guard envelope.isReply, envelope.correlation != 0 else { return }
        link.waiting -= 1
        link.waitingSince = link.waiting > 0 ? .now() : nil
        self.callbacks.answered(id, envelope.correlation, envelope.message)
    }

    private func closed(_ id: NodeID, _ link: Link, _ channel: PeerChannel, _ refusal: PeerRefusal?) {
        if let refusal {
            self.node.logger.error(
                "peer link refused",
                metadata: ["peer": "\(id)", "address": "\(link.endpoint)", "reason": "\(refusal.message)"]
            )
        }
        if link.channel === channel {
            link.channel = nil
            if self.links[id] === link {
                self.callbacks.lost(id)
            }
        }
        self.connectFailed(link)
    }

    private func connectFailed(_ link: Link) {
        link.isConnecting = false
        link.failures += 1
        link.retryAt = .now() + .milliseconds(Int64(min(1000, 50 << min(link.failures, 5))))
    }
}
