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
        /// Not empty; a failure makes the next one be tried.
        var endpoints: [Endpoint]
        private(set) var endpoint: Endpoint
        var channel: PeerChannel?
        var isConnecting = false
        var attempts = 0
        var retryAt = NIODeadline.now()
        var failures = 0
        /// Since when requests are waiting for any answer.
        var waitingSince: NIODeadline?
        var waiting = 0
        var pingedAt = NIODeadline.uptimeNanoseconds(0)
        var clockAskedAt: NIODeadline?
        /// Of the present pair, the one in flight included.
        var clockQuestionsLeft = 0
        /// What was said already about an address, so that it is not said at each try.
        var complaint: String?

        init(_ endpoints: [Endpoint]) {
            self.endpoints = endpoints
            self.endpoint = endpoints[0]
        }

        /// Whether the link is on its way to the likeliest address of the target, or is as good as it was.
        func leads(to target: PeerTarget) -> Bool {
            target.endpoints[0] == self.endpoint || target.endpoints[0] == self.endpoints[0]
        }

        /// - Parameter wasEstablished: A node that answered there is looked for there first.
        func failed(wasEstablished: Bool = false) {
            self.isConnecting = false
            self.failures += 1
            self.retryAt = .now() + .milliseconds(Int64(min(1000, 50 << min(self.failures, 5))))
            guard !wasEstablished else { return }
            let index = self.endpoints.firstIndex(of: self.endpoint).map { $0 + 1 } ?? 0
            self.endpoint = self.endpoints[index % self.endpoints.count]
        }
    }

    /// Whoever accepts a connection and has not proven by then who it is, is no node.
    private static let handshakeMax = TimeAmount.seconds(5)

    private let eventLoop: any EventLoop
    private let node: NodeRuntime
    private let callbacks: Callbacks
    private let silenceMax: TimeAmount
    private let pingsWhileWaiting: Bool
    private var links: [NodeID: Link] = [:]
    private var isStopped = false
    private static let clockInterval = TimeAmount.seconds(60)

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
    func keep(_ targets: [PeerTarget]) {
        let wanted = targets.filter { $0.id != self.node.member.id }
        for (id, link) in self.links where !wanted.contains(where: { $0.id == id && link.leads(to: $0) }) {
            self.drop(id, link)
        }
        for target in wanted {
            if let link = self.links[target.id] {
                link.endpoints = target.endpoints
            } else {
                self.links[target.id] = Link(target.endpoints)
            }
        }
        self.tick()
    }

    private func drop(_ id: NodeID, _ link: Link) {
        self.links[id] = nil
        guard let channel = link.channel else { return }
        link.channel = nil
        channel.close()
        // Not at once: whoever drops it may be in the middle of something. No new link can be there before.
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.eventLoop.execute {
            if !bound.value.isStopped { bound.value.callbacks.lost(id) }
        }
    }

    /// - Parameters:
    ///   - sentAt: When the asker had what it sends in hand: however long it takes to get here, that counts as age.
    ///   - budget: How long the asker waits for the answer.
    ///   - version: The layout version by which the asker counts the answer; the node's when it counts nothing.
    func ask(
        _ node: NodeID,
        correlation: UInt64,
        _ message: PeerMessage,
        sentAt: Duration,
        budget: Duration? = nil,
        version: LayoutVersion? = nil
    ) {
        guard let link = self.links[node], let channel = link.channel else { return }
        link.waiting += 1
        if link.waitingSince == nil {
            link.waitingSince = .now()
        }
        channel.send(
            PeerEnvelope(
                correlation: correlation,
                isReply: false,
                version: version ?? self.node.layoutVersion,
                sentAtMilliseconds: sentAt.stampMilliseconds,
                budgetMilliseconds: budget?.stampMilliseconds ?? 0,
                message: message
            )
        )
    }

    /// How long ago anything came from a node; `nil` without a link to it.
    func silence(of node: NodeID) -> TimeAmount? {
        self.links[node]?.channel.map { NIODeadline.now() - $0.lastReceived }
    }

    /// Makes missing links and breaks silent ones; to be called a few times a second.
    func tick() {
        guard !self.isStopped else { return }
        let now = NIODeadline.now()
        for (id, link) in self.links {
            if let channel = link.channel {
                self.askClock(link, channel, now: now)
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

    private var ping: PeerEnvelope { self.question(correlation: 0) }

    private func question(correlation: UInt64) -> PeerEnvelope {
        let version = self.node.layoutVersion
        return PeerEnvelope(
            correlation: correlation,
            isReply: false,
            version: version,
            sentAtMilliseconds: MachineClock.elapsed.stampMilliseconds,
            message: .control(.gossip(version))
        )
    }

    /// Lets the peer compare its clock with ours: at once on a new link, then once a minute (`LinkClock`).
    private func askClock(_ link: Link, _ channel: PeerChannel, now: NIODeadline) {
        let isDue = link.clockAskedAt.map { now - $0 > Self.clockInterval } ?? true
        guard link.clockQuestionsLeft == 0, isDue else { return }
        link.clockQuestionsLeft = 2
        link.clockAskedAt = now
        channel.send(self.question(correlation: LinkClock.correlation))
    }

    private func clockAnswered(_ link: Link) {
        link.clockQuestionsLeft -= 1
        guard link.clockQuestionsLeft > 0 else { return }
        link.channel?.send(self.question(correlation: LinkClock.correlation))
    }

    func stop() {
        self.isStopped = true
        self.links.values.forEach { $0.channel?.close() }
        self.links = [:]
    }

    private func connect(_ id: NodeID, _ link: Link) {
        link.isConnecting = true
        link.attempts += 1
        let attempt = link.attempts
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
            .whenComplete { result in
                let (links, link) = bound.value
                switch result {
                case .success(let channel):
                    links.eventLoop.scheduleTask(in: Self.handshakeMax) {
                        let link = bound.value.1
                        if link.isConnecting, link.attempts == attempt { channel.close(promise: nil) }
                    }
                case .failure:
                    link.failed()
                }
            }
    }

    private func established(_ id: NodeID, _ link: Link, _ channel: PeerChannel, _ identity: PeerHandshake.Identity) {
        guard self.links[id] === link else {
            channel.close()
            return
        }
        guard identity.node == id else {
            self.complain(link, "another node answers at this address", "expected \(id), found \(identity.node)")
            channel.close()
            return
        }
        link.isConnecting = false
        link.complaint = nil
        link.channel = channel
        link.failures = 0
        link.waiting = 0
        link.waitingSince = nil
        link.clockQuestionsLeft = 0
        link.clockAskedAt = nil
        self.askClock(link, channel, now: .now())
        self.callbacks.connected(id)
    }

    private func received(_ id: NodeID, _ link: Link, _ envelope: PeerEnvelope) {
        guard envelope.isReply else { return }
        switch envelope.correlation {
        // Nobody waits for the answer to a ping: that it came is enough.
        case 0: return
        case LinkClock.correlation: self.clockAnswered(link)
        default: self.answered(id, link, envelope)
        }
    }

    private func answered(_ id: NodeID, _ link: Link, _ envelope: PeerEnvelope) {
        link.waiting -= 1
        link.waitingSince = link.waiting > 0 ? .now() : nil
        self.callbacks.answered(id, envelope.correlation, envelope.message)
    }

    private func closed(_ id: NodeID, _ link: Link, _ channel: PeerChannel, _ refusal: PeerRefusal?) {
        if let refusal {
            self.complain(link, "peer link refused", "\(id): \(refusal.message)")
        }
        let wasEstablished = link.channel === channel
        if wasEstablished {
            link.channel = nil
            if self.links[id] === link {
                self.callbacks.lost(id)
            }
        }
        link.failed(wasEstablished: wasEstablished)
    }

    private func complain(_ link: Link, _ what: String, _ reason: String) {
        let complaint = "\(what) \(link.endpoint) \(reason)"
        guard link.complaint != complaint else { return }
        link.complaint = complaint
        self.node.logger.warning("\(what)", metadata: ["address": "\(link.endpoint)", "reason": "\(reason)"])
    }
}
