import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import QuireCore
import QuireStorage

/// The control path's event loop: runs the `ControlCore`, keeps its links, stores its votes, and starts the
/// background work that it decides on.
///
/// `@unchecked Sendable`: the mutable properties are touched on `eventLoop` only.
final class ControlLoop: @unchecked Sendable {
    let eventLoop: any EventLoop
    let node: NodeRuntime
    let loops: [RequestLoop]
    private let store: LayoutStore
    let storeThread: NIOThreadPool
    private(set) var core: ControlCore
    private(set) var links: PeerLinkSet!
    private var peerReplies: [RequestCore.PeerRequestID: PeerReply] = [:]
    private var operators: [ControlCore.OperatorRequestID: EventLoopPromise<ControlCore.OperatorResult>] = [:]
    private var asks: [UInt64: (node: NodeID, until: NIODeadline, promise: EventLoopPromise<PeerMessage>)] = [:]
    private var coreAsks: [UInt64: (node: NodeID, at: NIODeadline)] = [:]
    private var guests: [NodeID: Member] = [:]
    private var nextID: UInt64 = 1
    private var timer: RepeatedTask?
    private var targets: [PeerTarget] = []
    var seedComplaints: [Endpoint: String] = [:]
    var figuresTimer: RepeatedTask?
    var figuresDue = NIODeadline.now()
    var draining: Set<NodeID> = []
    var measuring: Task<Void, Never>?
    let addressBook: AddressBook
    var adoption = AdoptionQueue()
    private let services = NIOLockedValueBox<NodeServices?>(nil)

    init(
        eventLoop: any EventLoop,
        node: NodeRuntime,
        loops: [RequestLoop],
        store: LayoutStore,
        storeThread: NIOThreadPool
    ) {
        self.eventLoop = eventLoop
        self.node = node
        self.loops = loops
        self.store = store
        self.storeThread = storeThread
        self.addressBook = AddressBook(directory: node.configuration.dataDirectory)
        var configuration = ControlCore.Configuration(
            member: node.member,
            seed: SystemRandomNumberGenerator.seed(),
            encode: LayoutCoding.encode,
            decode: LayoutCoding.decode
        )
        // Later than any earlier start by the clock; and if the clock went back, the others say so.
        configuration.incarnation = Int(MachineClock.wallMilliseconds)
        configuration.seeds = node.configuration.seeds
        configuration.undoWindow = node.configuration.undoWindow
        configuration.remembered = self.addressBook.load()
        self.core = ControlCore(configuration: configuration)
    }

    /// What exists only while the node belongs to a cluster: its storage and the work on it.
    var currentServices: NodeServices? {
        get { self.services.withLockedValue { $0 } }
        set { self.services.withLockedValue { $0 = newValue } }
    }

    func start(_ state: LayoutAcceptor.State) {
        self.eventLoop.execute {
            self.links = PeerLinkSet(
                eventLoop: self.eventLoop,
                node: self.node,
                silenceMax: .seconds(15),
                pingsWhileWaiting: true,
                callbacks: .init(
                    connected: { [unowned self] node in self.handle(.peerConnected(node)) },
                    lost: { [unowned self] node in self.lost(node) },
                    answered: { [unowned self] node, correlation, message in
                        self.answered(node, correlation, message)
                    }
                )
            )
            self.handle(.started(state))
            self.timer = self.eventLoop.scheduleRepeatedTask(
                initialDelay: .zero,
                delay: .milliseconds(25)
            ) { [weak self] _ in
                self?.tick()
            }
            self.startMeasuring()
        }
    }

    /// Ends timers, links and background work, then the storage.
    func stop() async throws {
        let (measuring, engine) = try await self.eventLoop.submit {
            self.timer?.cancel()
            self.figuresTimer?.cancel()
            self.links.stop()
            self.adoption.waiting = []
            return (self.measuring, self.adoption.engine)
        }.get()
        if let services = self.currentServices {
            try await services.stop()
        } else {
            try await engine?.stop()
        }
        await measuring?.value
        self.store.close()
    }

    // MARK: From other threads

    func asked(_ message: ControlMessage, _ reply: PeerReply) {
        if NodeServices.answers(message) {
            guard let services = self.currentServices else {
                self.answerWithoutStorage(message, reply)
                return
            }
            services.answer(message, reply)
            return
        }
        self.eventLoop.execute {
            let request = RequestCore.PeerRequestID(link: 0, correlation: self.nextID)
            self.nextID += 1
            self.peerReplies[request] = reply
            self.handle(.peerAsked(request, message))
        }
    }

    /// A node that is to join has a disk, but no storage yet.
    private func answerWithoutStorage(_ message: ControlMessage, _ reply: PeerReply) {
        guard case .collectStatistics = message else {
            reply.send(.failed("this node has not opened its storage yet"))
            return
        }
        reply.send(.control(.statistics(NodeReport(of: self.node).encoded())))
    }

    func operatorAsked(_ request: ControlCore.OperatorRequest) async throws -> ControlCore.OperatorResult {
        let promise = self.eventLoop.makePromise(of: ControlCore.OperatorResult.self)
        self.eventLoop.execute {
            let id = ControlCore.OperatorRequestID(rawValue: self.nextID)
            self.nextID += 1
            self.operators[id] = promise
            self.handle(.operatorAsked(id, request))
        }
        return try await promise.futureResult.get()
    }

    /// Keeps a link to a node that is not a member yet, until it is one.
    func welcome(_ guest: Member) async throws {
        try await self.eventLoop.submit {
            self.guests[guest.id] = guest
            self.keepLinks()
        }.get()
    }

    /// Asks a peer for background work.
    ///
    /// What is asked and what is answered carries data at most as old as `timeout` and a message's lifetime; whoever
    /// works on a partition for longer says so to `PartitionActivity`, so that no tombstone is collected meanwhile.
    ///
    /// - Throws: `NodeError.unreachable` when there is no link, it breaks, or no answer comes in time.
    func ask(_ node: NodeID, _ message: PeerMessage, timeout: TimeAmount = .seconds(30)) async throws -> PeerMessage {
        let sentAt = MachineClock.elapsed
        let promise = self.eventLoop.makePromise(of: PeerMessage.self)
        self.eventLoop.execute {
            guard self.core.connected.contains(node) else {
                promise.fail(NodeError(.unreachable, "no link to node \(node)"))
                return
            }
            let correlation = self.nextID << 1 | 1
            self.nextID += 1
            self.asks[correlation] = (node, .now() + timeout, promise)
            self.links.ask(
                node,
                correlation: correlation,
                message,
                sentAt: sentAt,
                budget: .nanoseconds(timeout.nanoseconds)
            )
            self.eventLoop.scheduleTask(in: timeout) {
                self.asks.removeValue(forKey: correlation)?.promise
                    .fail(NodeError(.unreachable, "node \(node) did not answer within \(timeout)"))
            }
        }
        return try await promise.futureResult.get()
    }

    func connectedNodes() async throws -> Set<NodeID> {
        try await self.eventLoop.submit { self.core.connected }.get()
    }

    /// The member that drives changes, as this node sees it.
    func layoutCoordinator() async throws -> NodeID? {
        try await self.eventLoop.submit { self.core.layout.flatMap { self.core.layoutCoordinator(of: $0) } }.get()
    }

    /// Replicas whose fences this node still waits for.
    func fencesMissing() async throws -> [PartitionID: [NodeID]] {
        try await self.eventLoop.submit {
            guard let layout = self.core.layout else { return [:] }
            var missing: [PartitionID: [NodeID]] = [:]
            for move in layout.moves {
                let nodes = self.core.fencesMissing(of: move, in: layout)
                if !nodes.isEmpty { missing[move.partition] = nodes }
            }
            return missing
        }.get()
    }

    /// The changes of the cluster that this node has seen, the latest first.
    func changes() async throws -> [LayoutStore.ChangeSpan] {
        let store = self.store
        return try await self.storeThread.runIfActive(eventLoop: self.eventLoop) { try store.changes() }.get()
    }

    /// When this node learned of each layout from `version` on; milliseconds since 1970. Versions that it skipped are
    /// missing.
    func adoptionTimes(from version: LayoutVersion) async throws -> [LayoutVersion: Int] {
        let store = self.store
        return try await self.storeThread.runIfActive(eventLoop: self.eventLoop) {
            try store.adoptionTimes(from: version)
        }.get()
    }

    /// See `RequestLoop.settle`; on every loop.
    func settleRequests() async throws {
        for loop in self.loops { try await loop.settle() }
    }

    func covered(_ order: ControlCore.CoverOrder, _ receipt: PartitionMove.Receipt) {
        self.eventLoop.execute { self.handle(.covered(session: order.session, receipt)) }
    }

    func coverFailed(_ order: ControlCore.CoverOrder, reason: String) {
        self.eventLoop.execute { self.handle(.coverFailed(session: order.session, reason: reason)) }
    }

    /// The data path was told of a layout that this node does not have.
    func layoutSeen(_ version: LayoutVersion) {
        self.eventLoop.execute { self.handle(.layoutSeen(version)) }
    }

    // MARK: Events

    private func tick() {
        self.links.tick()
        let now = NIODeadline.now()
        let silent = self.coreAsks.filter { now - $0.value.at > .seconds(10) }
        for (correlation, ask) in silent {
            self.coreAsks[correlation] = nil
            self.handle(.peerSilent(ask.node, correlation: correlation >> 1))
        }
        self.handle(.timePassed)
    }

    private func answered(_ node: NodeID, _ correlation: UInt64, _ message: PeerMessage) {
        if correlation & 1 == 1 {
            guard let ask = self.asks.removeValue(forKey: correlation) else { return }
            // After a pause of the process, an answer may come before the timer that should have ended the wait.
            if NIODeadline.now() <= ask.until {
                ask.promise.succeed(message)
            } else {
                ask.promise.fail(NodeError(.unreachable, "node \(node) answered too late"))
            }
        } else if self.coreAsks.removeValue(forKey: correlation) != nil {
            self.handle(.peerAnswered(node, correlation: correlation >> 1, message))
        }
    }

    private func lost(_ node: NodeID) {
        for (correlation, ask) in self.asks where ask.node == node {
            self.asks[correlation] = nil
            ask.promise.fail(NodeError(.unreachable, "the link to node \(node) broke"))
        }
        for (correlation, ask) in self.coreAsks where ask.node == node {
            self.coreAsks[correlation] = nil
            self.handle(.peerSilent(node, correlation: correlation >> 1))
        }
        self.handle(.peerLost(node))
    }

    func handle(_ event: ControlCore.Event) {
        self.eventLoop.preconditionInEventLoop()
        for effect in self.core.handle(event, now: MachineClock.elapsed) {
            self.perform(effect)
        }
    }

    // MARK: Effects

    private func perform(_ effect: ControlCore.Effect) {
        switch effect {
        case .store(let token, let state):
            self.save(state, token)
        case .answerPeer(let request, let message):
            self.peerReplies.removeValue(forKey: request)?.send(.control(message))
        case .askPeer(let node, let correlation, let message):
            self.coreAsks[correlation << 1] = (node, .now())
            self.links.ask(node, correlation: correlation << 1, .control(message), sentAt: MachineClock.elapsed)
        case .adopt(let layout):
            self.adopt(layout)
        case .confirmAdoption(let version):
            self.confirmAdoption(version)
        case .fill(let order):
            self.moveDriver(for: order)?.fill(order)
        case .takeOver(let order):
            self.moveDriver(for: order)?.takeOver(order)
        case .stop(let orders):
            self.currentServices?.moves.stop(orders)
        case .countHints:
            self.countHints()
        case .keepOnly(let partitions):
            self.currentServices?.moves.keepOnly(Set(partitions))
        case .answerOperator(let id, let result):
            self.operators.removeValue(forKey: id)?.succeed(result)
        case .link(let targets):
            self.targets = targets
            self.node.aim(at: targets)
            self.keepLinks()
            self.loops.forEach { $0.aimLinks() }
        case .identify(let endpoint):
            self.identify(endpoint)
        case .remember(let entries):
            self.remember(entries)
        case .raise(let alarm):
            self.node.layoutAlarms = self.core.alarms
            self.node.logger.error("the layout log needs attention", metadata: ["alarm": "\(alarm)"])
        }
    }

    private func countHints() {
        guard let services = self.currentServices else {
            // Unknown is not none: the question comes again.
            self.handle(.hintsCounted(.max))
            return
        }
        Task {
            do {
                let count = try await services.storage.engine.statistics().hints.records
                self.eventLoop.execute { self.handle(.hintsCounted(count)) }
            } catch {
                self.node.logger.warning("hints cannot be counted", metadata: ["error": "\(error)"])
                self.eventLoop.execute { self.handle(.hintsCounted(.max)) }
            }
        }
    }

    /// Votes are answered only after this: a state that cannot be stored is never spoken of.
    private func save(_ state: LayoutAcceptor.State, _ token: UInt64) {
        let store = self.store
        self.storeThread.runIfActive(eventLoop: self.eventLoop) { try store.save(state) }
            .whenComplete { result in
                switch result {
                case .success:
                    self.handle(.stored(token: token))
                case .failure(let error):
                    self.node.logger.critical(
                        "layout.db cannot be written; this node takes no part in membership steps",
                        metadata: ["error": "\(error)"]
                    )
                }
            }
    }

    /// Members have links of their own.
    func dismissGuests(_ members: [NodeID]) {
        for member in members { self.guests[member] = nil }
        self.keepLinks()
    }

    /// To whom the core wants them, and to guests.
    private func keepLinks() {
        let guests = self.guests.values.filter { guest in !self.targets.contains { $0.id == guest.id } }
        let others = guests.map { PeerTarget(id: $0.id, endpoints: [$0.peer]) }.sorted { $0.id < $1.id }
        self.links.keep(self.targets + others)
    }

    private func confirmAdoption(_ version: LayoutVersion) {
        let remaining = NIOLockedValueBox(self.loops.count)
        for loop in self.loops {
            loop.afterAdopting(version) {
                let left = remaining.withLockedValue { count in
                    count -= 1
                    return count
                }
                guard left == 0 else { return }
                self.eventLoop.execute { self.handle(.adoptionConfirmed(version)) }
            }
        }
    }
}

extension ControlLoop {
    /// Asks a peer's data path. A peer that is this node itself is a programming error.
    func askData(_ node: NodeID, _ message: PeerMessage) async throws -> PeerMessage {
        precondition(node != self.node.member.id, "a node asks itself over the network")
        return try await self.ask(node, message)
    }
}
