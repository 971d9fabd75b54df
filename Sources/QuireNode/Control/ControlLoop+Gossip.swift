import Logging
import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// What gossip needs of the shell: questions to seeds, figures, and a file with the last known addresses.
extension ControlLoop {
    /// What this node knows of another, for operators.
    struct Sight: Sendable {
        let view: PeerView
        let entry: GossipEntry?
    }

    /// How this node sees each of these nodes at the moment that is returned with it.
    func sights(of nodes: [NodeID]) async throws -> (now: Duration, sights: [NodeID: Sight]) {
        try await self.eventLoop.submit {
            let now = MachineClock.elapsed
            let entries = Dictionary(uniqueKeysWithValues: self.core.knownNodes.map { ($0.node, $0) })
            let sights = nodes.map { node in
                let received = self.links.silence(of: node).map { now - .nanoseconds($0.nanoseconds) }
                let view = self.core.view(of: node, at: now, lastReceived: received)
                return (node, Sight(view: view, entry: entries[node]))
            }
            return (now, Dictionary(uniqueKeysWithValues: sights))
        }.get()
    }

    // MARK: Seeds

    func identify(_ endpoint: Endpoint) {
        PeerQuestion(node: self.node, eventLoop: self.eventLoop).identity(of: endpoint).whenComplete { result in
            switch result {
            case .success(let identity):
                self.seedComplaints[endpoint] = nil
                self.handle(.seedIdentified(endpoint, identity.member, clusterID: identity.clusterID))
            case .failure(let error):
                let refusal = (error as? PeerQuestion.Unanswered)?.refusal
                self.complain(endpoint, refusal)
                self.handle(refusal == nil ? .seedSilent(endpoint) : .seedRefused(endpoint))
            }
        }
    }

    /// Says once what is wrong with a seed, until it changes. That a node is among its own seeds is usual, and silence
    /// may end at any time.
    private func complain(_ endpoint: Endpoint, _ refusal: PeerRefusal?) {
        guard let refusal, refusal != .selfConnection, self.seedComplaints[endpoint] != refusal.message else { return }
        self.seedComplaints[endpoint] = refusal.message
        self.node.logger.warning(
            "seed refused; it is not used",
            metadata: ["address": "\(endpoint)", "reason": "\(refusal.message)"]
        )
    }

    // MARK: Figures

    /// Measures every few seconds what this node tells of itself, and looks at what the others tell.
    func startMeasuring() {
        self.figuresTimer = self.eventLoop.scheduleRepeatedTask(
            initialDelay: .seconds(1),
            delay: .milliseconds(500)
        ) { [weak self] _ in
            guard let self else { return }
            self.spreadDraining()
            if NIODeadline.now() >= self.figuresDue { self.measure() }
        }
    }

    /// Something has changed that the others should know at once.
    func measureNow() {
        self.eventLoop.execute { self.figuresDue = .now() }
    }

    private func measure() {
        guard self.measuring == nil, let services = self.currentServices else { return }
        self.figuresDue = .now() + .seconds(5)
        self.measuring = Task {
            let figures = await NodeFigures.measure(services, of: self.node)
            self.eventLoop.execute {
                self.measuring = nil
                self.handle(.figuresMeasured(figures))
            }
        }
    }

    /// Tells the data path which members want no requests of clients.
    private func spreadDraining() {
        let draining = self.core.knownNodes.filter { $0.figures[.draining] == 1 && $0.node != self.node.member.id }
        let nodes = Set(draining.map(\.node))
        guard nodes != self.draining else { return }
        self.draining = nodes
        self.loops.forEach { $0.peersDraining(nodes) }
    }

    // MARK: Addresses

    func remember(_ entries: [GossipEntry]) {
        let book = self.addressBook
        self.storeThread.runIfActive(eventLoop: self.eventLoop) { try book.save(entries) }
            .whenFailure { error in
                // The next start finds the others by their older addresses, by seeds, or is found by them.
                self.node.logger.warning("the addresses of other nodes cannot be kept", metadata: ["error": "\(error)"])
            }
    }
}
