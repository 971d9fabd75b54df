import Logging
import NIOConcurrencyHelpers
import NIOCore
import QuireCore
import QuireStorage
import QuireWire

/// One event loop's share of the data path: a `RequestCore`, the links for its requests, and the clients and
/// peers that are connected to this loop.
///
/// What the core wants stored during one turn of the loop goes to the storage shards in one submission.
///
/// `@unchecked Sendable`: every stored property but `sink` is touched on `eventLoop` only, which each entry
/// point checks or hops to.
final class RequestLoop: @unchecked Sendable {
    /// Takes answers of storage threads to the loop, in one hop for all that have gathered meanwhile.
    private final class Sink: StorageSink {
        private let gathered = NIOLockedValueBox<[StorageCompletion]>([])
        private let eventLoop: any EventLoop
        private let take: @Sendable ([StorageCompletion]) -> Void

        init(eventLoop: any EventLoop, take: @escaping @Sendable ([StorageCompletion]) -> Void) {
            self.eventLoop = eventLoop
            self.take = take
        }

        func deliver(_ completions: [StorageCompletion]) {
            let isFirst = self.gathered.withLockedValue { gathered in
                defer { gathered += completions }
                return gathered.isEmpty
            }
            guard isFirst else { return }
            self.eventLoop.execute {
                let all = self.gathered.withLockedValue { gathered in
                    defer { gathered = [] }
                    return gathered
                }
                self.take(all)
            }
        }
    }

    let eventLoop: any EventLoop
    private let node: NodeRuntime
    private var core: RequestCore
    private var links: PeerLinkSet!
    private var sink: Sink!
    private var storage: StorageEngine?
    private var clients: [UInt64: (ClientResult, UInt64) -> Void] = [:]
    private var peerReplies: [RequestCore.PeerRequestID: PeerReply] = [:]
    private var nextID: UInt64 = 1
    private var effects: [RequestCore.Effect] = []
    private var answers: [(id: RequestCore.ClientOperationID, result: ClientResult)] = []
    private var isAnswering = false
    private var commands: [(token: UInt64, command: StorageCommand)] = []
    private var isSubmitScheduled = false
    private var adoptionWaiters: [(version: LayoutVersion, done: @Sendable () -> Void)] = []
    private var adoptedVersion = LayoutVersion.none
    private let layoutNeeded: @Sendable (LayoutVersion) -> Void
    private var timer: RepeatedTask?
    private var probe = ForegroundProbe()
    private var routing = RoutingCounts()
    /// What sessions may tell; the counts in it are renewed with every tick.
    private(set) var facts = NodeFacts()
    /// Whether clients are refused; renewed with every tick.
    private var isDraining = false

    /// - Parameters:
    ///   - isMember: Whether the node belongs to a cluster since an earlier start.
    ///   - layoutNeeded: Called, on any thread, with the version of a layout that peers have and this loop has not.
    init(
        eventLoop: any EventLoop,
        node: NodeRuntime,
        isMember: Bool,
        layoutNeeded: @escaping @Sendable (LayoutVersion) -> Void
    ) {
        self.layoutNeeded = layoutNeeded
        self.eventLoop = eventLoop
        self.node = node
        var configuration = RequestCore.Configuration(
            node: node.member.id,
            seed: SystemRandomNumberGenerator.seed(),
            operationTimeout: node.rules.operationTimeout
        )
        configuration.messageLifetime = node.rules.messageLifetime
        configuration.isMember = isMember
        self.core = RequestCore(configuration: configuration)
    }

    /// - Precondition: on the event loop, once.
    func start() {
        self.eventLoop.preconditionInEventLoop()
        self.sink = Sink(eventLoop: self.eventLoop) { [weak self] completions in
            self?.probe.completed(completions)
            for completion in completions {
                self?.handle(.storageCompleted(completion))
            }
        }
        self.links = PeerLinkSet(
            eventLoop: self.eventLoop,
            node: self.node,
            silenceMax: .seconds(2),
            pingsWhileWaiting: false,
            callbacks: .init(
                connected: { [unowned self] node in self.handle(.peerConnected(node)) },
                lost: { [unowned self] node in self.handle(.peerLost(node)) },
                answered: { [unowned self] node, correlation, message in
                    self.handle(.peerAnswered(node, correlation: correlation, message))
                }
            )
        )
        self.timer = self.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) {
            [weak self] _ in
            self?.links.tick()
            self?.handle(.timePassed)
            self?.reportForeground()
            self?.renewFacts()
        }
    }

    func stop() {
        self.eventLoop.execute {
            self.timer?.cancel()
            self.links.stop()
        }
    }

    // MARK: From other threads

    /// A layout was adopted; `storage` is open from the first one on.
    func adopt(_ layout: Layout, storage: StorageEngine) {
        self.eventLoop.execute {
            self.storage = storage
            self.links.keep(self.node.memberTargets)
            self.handle(.layoutAdopted(layout))
            self.adoptedVersion = max(self.adoptedVersion, layout.version)
            let waiters = self.adoptionWaiters.filter { $0.version <= self.adoptedVersion }
            self.adoptionWaiters.removeAll { $0.version <= self.adoptedVersion }
            // What was accepted under older layouts is handed to storage first: whoever reads it later, sees it.
            self.submit()
            waiters.forEach { $0.done() }
            self.renewFacts()
        }
    }

    /// Members have other addresses than before.
    func aimLinks() {
        self.eventLoop.execute { self.links.keep(self.node.memberTargets) }
    }

    /// Exactly these members are under maintenance.
    func peersDraining(_ nodes: Set<NodeID>) {
        self.eventLoop.execute { self.handle(.peersDraining(nodes)) }
    }

    /// Calls back when this loop counts by `version`, and all that it accepted before is with the storage.
    func afterAdopting(_ version: LayoutVersion, _ done: @escaping @Sendable () -> Void) {
        self.eventLoop.execute {
            guard self.adoptedVersion < version else {
                done()
                return
            }
            self.adoptionWaiters.append((version, done))
        }
    }

    /// Ends operations whose time is over, and hands to storage all that was accepted before: what is read from storage
    /// after this shows it (`TombstoneWitness`).
    func settle() async throws {
        try await self.eventLoop.submit {
            self.handle(.timePassed)
            self.submit()
        }.get()
    }

    // MARK: Clients

    /// - Returns: The id under which the connection asks.
    func register(_ answer: @escaping (ClientResult, _ operation: UInt64) -> Void) -> UInt64 {
        self.eventLoop.preconditionInEventLoop()
        defer { self.nextID += 1 }
        self.clients[self.nextID] = answer
        return self.nextID
    }

    func unregister(_ connection: UInt64) {
        self.eventLoop.preconditionInEventLoop()
        self.clients[connection] = nil
    }

    func ask(_ connection: UInt64, operation: UInt64, _ request: ClientOperation) {
        let id = RequestCore.ClientOperationID(connection: connection, operation: operation)
        guard !self.isDraining else {
            self.answers.append((id, .failed(.draining)))
            self.deliverAnswers()
            return
        }
        self.probe.clientAsked(id, request)
        self.count(request)
        self.handle(.clientAsked(id, request))
    }

    // MARK: Figures

    private func renewFacts() {
        self.facts = self.node.facts(counting: self.routing, of: self)
        self.isDraining = self.node.isDraining
    }

    private func count(_ request: ClientOperation) {
        let key: Key
        switch request {
        case .get(let read, _): key = read
        case .put(let put): key = put.key
        case .scan, .countKeys: return
        }
        guard let table = self.facts.layout?.table else { return }
        if table.isReplica(self.node.member.id, of: key) {
            self.routing.atReplica += 1
        } else {
            self.routing.elsewhere += 1
        }
    }

    // MARK: Peers

    func asked(_ message: PeerMessage, _ timing: MessageTiming, _ reply: PeerReply) {
        self.eventLoop.preconditionInEventLoop()
        if case .coordinate = message {
            self.routing.putsTakenOver += 1
        }
        let request = RequestCore.PeerRequestID(link: 0, correlation: self.nextID)
        self.nextID += 1
        self.peerReplies[request] = reply
        self.handle(.peerAsked(request, message, timing))
    }

    // MARK: Effects

    private func handle(_ event: RequestCore.Event) {
        self.eventLoop.preconditionInEventLoop()
        var effects: [RequestCore.Effect] = []
        swap(&effects, &self.effects)
        let now = Moment.current
        self.core.handle(event, now: now, into: &effects)
        for effect in effects {
            self.perform(effect, now: now)
        }
        effects.removeAll(keepingCapacity: true)
        swap(&effects, &self.effects)
    }

    /// - Parameter now: What the core was told: messages are as old as the decision to send them.
    private func perform(_ effect: RequestCore.Effect, now: Moment) {
        switch effect {
        case .answerClient(let id, let result):
            self.probe.clientAnswered(id, result)
            self.answers.append((id, result))
            self.deliverAnswers()
        case .store(let token, let command):
            self.node.activity.noteHint(command)
            self.commands.append((token, command))
            self.scheduleSubmit()
        case .askPeer(let node, let correlation, let message, let budget):
            if case .coordinate = message {
                self.routing.putsForwarded += 1
            }
            self.links.ask(
                node,
                correlation: correlation,
                message,
                sentAt: now.elapsed,
                budget: budget,
                version: self.core.layoutVersion
            )
        case .answerPeer(let request, let message):
            self.peerReplies.removeValue(forKey: request)?.send(message)
        case .layoutNeeded(let version):
            self.layoutNeeded(version)
        }
    }

    /// An answer makes its client ask the next thing, which may be answered at once, and so on for as long as its
    /// pipeline is: so answers are delivered one after the other, never one inside the other.
    private func deliverAnswers() {
        guard !self.isAnswering else { return }
        self.isAnswering = true
        defer { self.isAnswering = false }
        while !self.answers.isEmpty {
            let answers = self.answers
            self.answers = []
            for answer in answers {
                self.clients[answer.id.connection]?(answer.result, answer.id.operation)
            }
        }
    }

    private func reportForeground() {
        guard let sample = self.probe.take() else { return }
        self.node.admission.foregroundSampled(sample)
    }

    private func scheduleSubmit() {
        guard !self.isSubmitScheduled else { return }
        self.isSubmitScheduled = true
        self.eventLoop.execute { self.submit() }
    }

    private func submit() {
        self.isSubmitScheduled = false
        let commands = self.commands
        self.commands.removeAll(keepingCapacity: true)
        if let storage = self.storage {
            self.probe.submitted(commands)
            // Whoever asked has given up by then.
            let deadline = MachineClock.elapsed + self.node.rules.operationTimeout
            storage.submit(
                commands.map { StorageRequest(token: $0.token, command: $0.command, deadline: deadline) },
                sink: self.sink
            )
        } else {
            for command in commands {
                self.handle(.storageCompleted(.init(token: command.token, outcome: .failed(.stopping))))
            }
        }
    }
}

extension SystemRandomNumberGenerator {
    /// A seed that differs for every core in the world.
    static func seed() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
