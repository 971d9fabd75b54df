/// Coordinates requests and serves as replica: the data path of a node, without I/O (Dynamo §5).
///
/// One value per event loop. Events come in with the moment at which they happened, effects go out; ids cross
/// the seam, sockets and promises never do.
///
/// Invariant: everything sent to a client or a peer as "stored" is made from a `DurableReceipt`.
package struct RequestCore: Sendable {
    package struct Configuration: Sendable {
        package var node: NodeID
        /// After this an operation answers with what it has.
        package var operationTimeout: Duration
        /// How long a read that has answered waits for stragglers to repair.
        package var stragglerTimeout: Duration
        /// A peer that keeps an operation waiting for longer is suspected, and stand-ins are asked.
        package var patience: Duration
        /// Operations in flight beyond which new ones are refused.
        package var operationsMax: Int
        /// Older messages that carry data are refused (SAFETY rule 9); the same on all members.
        package var messageLifetime = Duration.seconds(10)
        /// Bytes of the values in flight beyond which new operations are refused.
        package var bytesInFlightMax: Int
        /// How long a client's operation waits for links that are being made.
        package var parkingTime = Duration.seconds(1)
        /// Whether the node belongs to a cluster, so that its first layout is about to come.
        package var isMember = false
        /// Makes request ids; different for every core in the world.
        package var seed: UInt64

        package init(
            node: NodeID,
            seed: UInt64,
            operationTimeout: Duration = .seconds(2),
            stragglerTimeout: Duration = .milliseconds(200),
            patience: Duration = .milliseconds(400),
            operationsMax: Int = 20000,
            bytesInFlightMax: Int = 256 << 20
        ) {
            self.node = node
            self.seed = seed
            self.operationTimeout = operationTimeout
            self.stragglerTimeout = stragglerTimeout
            self.patience = patience
            self.operationsMax = operationsMax
            self.bytesInFlightMax = bytesInFlightMax
        }
    }

    /// Names a client's operation at the shell.
    package struct ClientOperationID: Hashable, Sendable {
        package let connection: UInt64
        package let operation: UInt64

        package init(connection: UInt64, operation: UInt64) {
            self.connection = connection
            self.operation = operation
        }
    }

    /// Names the request of a peer at the shell: the link on which it came, and its correlation id there.
    package struct PeerRequestID: Hashable, Sendable {
        package let link: UInt64
        package let correlation: UInt64

        package init(link: UInt64, correlation: UInt64) {
            self.link = link
            self.correlation = correlation
        }
    }

    package enum Event: Sendable {
        case clientAsked(ClientOperationID, ClientOperation)
        case storageCompleted(StorageCompletion)
        case peerAsked(PeerRequestID, PeerMessage, MessageTiming = .fresh)
        case peerAnswered(NodeID, correlation: UInt64, PeerMessage)
        /// A link to this peer works; requests may be sent.
        case peerConnected(NodeID)
        /// The link is gone; what was asked on it will not be answered.
        case peerLost(NodeID)
        /// Exactly these members are under maintenance: they are asked to coordinate and to stand in only where nobody
        /// else can.
        case peersDraining(Set<NodeID>)
        case layoutAdopted(Layout)
        case timePassed
    }

    package enum Effect: Equatable, Sendable {
        case answerClient(ClientOperationID, ClientResult)
        case store(token: UInt64, StorageCommand)
        /// - Parameter budget: How long anybody waits for the answer.
        case askPeer(NodeID, correlation: UInt64, PeerMessage, budget: Duration)
        case answerPeer(PeerRequestID, PeerMessage)
        /// Someone has a layout of at least this version: it is needed here.
        case layoutNeeded(LayoutVersion)
    }

    let configuration: Configuration
    var layout: Layout?
    var clock = HybridClock()
    var generator: SeededGenerator
    var connected: Set<NodeID> = []
    /// Members without a link so far, and since when they are members.
    var newcomers: [NodeID: Duration] = [:]
    /// Connected peers that keep requests waiting.
    var suspects: Set<NodeID> = []
    /// Members that want no requests of clients; replicas still get what is written.
    var draining: Set<NodeID> = []
    var bytesInFlight = 0
    /// Nodes outside a partition's rows in the order in which they stand in; computed when first needed.
    var fallbacks: [PartitionID: [NodeID]] = [:]
    /// How large records are, by partition: a moving average.
    var recordBytes: [PartitionID: Int] = [:]
    var operations: [UInt64: Operation] = [:]
    var parked: [Parked] = []
    /// What this node coordinates for others now: a request that comes twice is not executed twice.
    var coordinated: Set<RequestID> = []
    var deadlines = DeadlineQueue()
    var nextID: UInt64 = 1
    /// What an outstanding storage token or peer correlation is for.
    var storageWaits: [UInt64: Wait] = [:]
    var peerWaits: [UInt64: (node: NodeID, wait: Wait)] = [:]
    private var lastEventAt = Duration.zero
    /// Requests of peers that wait for a layout which this node has not adopted.
    var waitingForLayout: [AheadRequest] = []
    var versionNeeded = LayoutVersion.none

    package init(configuration: Configuration) {
        self.configuration = configuration
        self.generator = SeededGenerator(seed: configuration.seed)
    }

    /// Operations in flight, for back-pressure and for people.
    package var operationCount: Int { self.operations.count + self.parked.count }

    /// By which every operation counts its answers: what every request of this core must be sent with.
    package var layoutVersion: LayoutVersion { self.layout?.version ?? .none }

    /// Peers that this node cannot reach or waits for in vain.
    package func isSuspected(_ node: NodeID) -> Bool { !self.isReachable(node) || self.suspects.contains(node) }

    var isOverloaded: Bool {
        self.operationCount >= self.configuration.operationsMax
            || self.bytesInFlight > self.configuration.bytesInFlightMax
    }

    package mutating func handle(_ event: Event, now: Moment) -> [Effect] {
        var effects: [Effect] = []
        self.handle(event, now: now, into: &effects)
        return effects
    }

    package mutating func handle(_ event: Event, now: Moment, into effects: inout [Effect]) {
        self.expireOverdue(now: now, into: &effects)
        switch event {
        case .clientAsked(let id, let operation):
            self.clientAsked(id, operation, now: now, into: &effects)
        case .storageCompleted(let completion):
            self.storageCompleted(completion, now: now, into: &effects)
        case .peerAsked(let request, let message, let timing):
            self.peerAsked(request, message, timing, now: now, into: &effects)
        case .peerAnswered(let node, let correlation, let message):
            self.peerAnswered(node, correlation, message, now: now, into: &effects)
        case .peerConnected(let node):
            self.connected.insert(node)
            self.newcomerConnected(node, now: now, into: &effects)
            self.unpark(now: now, into: &effects)
        case .peerLost(let node):
            self.peerLost(node, now: now, into: &effects)
        case .peersDraining(let nodes):
            self.draining = nodes
        case .layoutAdopted(let layout):
            if layout.version > self.layout?.version ?? .none {
                self.adopt(layout, now: now, into: &effects)
            }
        case .timePassed:
            self.timePassed(now: now, into: &effects)
            self.unpark(now: now, into: &effects)
            self.refuseAheadRequests(now: now, into: &effects)
        }
    }

    /// Ends operations whose time is over before anything can make them act once more.
    ///
    /// A core that was not called for half a message lifetime was stopped together with its process. Whatever its
    /// operations had read may have been deleted everywhere meanwhile, and collected: they tell their askers that
    /// they failed, and nothing of them is stored or sent (SAFETY rule 9). An operation thus acts no later than that
    /// after its deadline.
    private mutating func expireOverdue(now: Moment, into effects: inout [Effect]) {
        let pause = now.elapsed - self.lastEventAt
        self.lastEventAt = now.elapsed
        let longest = self.configuration.operationTimeout + self.configuration.stragglerTimeout
        guard pause > max(self.configuration.messageLifetime / 2, longest) else {
            self.timePassed(now: now, into: &effects)
            return
        }
        var late: [Effect] = []
        self.timePassed(now: now, into: &late)
        effects += late.filter { effect in
            switch effect {
            case .answerClient, .answerPeer, .layoutNeeded: true
            case .store, .askPeer: false
            }
        }
    }

    private mutating func timePassed(now: Moment, into effects: inout [Effect]) {
        while let alarm = self.deadlines.popPassed(now.elapsed) {
            switch alarm {
            case .patience(let id): self.patienceEnded(id, now: now, into: &effects)
            case .deadline(let id): self.deadlinePassed(id, now: now, into: &effects)
            }
        }
    }

    private mutating func patienceEnded(_ id: UInt64, now: Moment, into effects: inout [Effect]) {
        switch self.operations[id]?.body {
        case .get: self.getPatienceEnded(id, now: now, into: &effects)
        case .put(let put) where put.isMinting:
            // Our own storage is slow: there is nothing yet that a stand-in could hold.
            self.deadlines.insert(.patience(id), at: now.elapsed + self.configuration.patience)
        case .put(let put): self.putPatienceEnded(id, attempt: put.attempt, now: now, into: &effects)
        case .forward: self.forwardPatienceEnded(id, now: now, into: &effects)
        case .scan, .count, nil: return
        }
    }

    private mutating func deadlinePassed(_ id: UInt64, now: Moment, into effects: inout [Effect]) {
        switch self.operations[id]?.body {
        case .get: self.updateGet(id, now: now, into: &effects) { $0.deadlinePassed() }
        case .put(let put): self.putDeadlinePassed(id, attempt: put.attempt, now: now, into: &effects)
        case .forward(let forward): self.finish(id, with: Self.writeLost(0, forward.required), into: &effects)
        case .scan, .count: self.finish(id, with: Self.readLost(0, 1), into: &effects)
        case nil: return
        }
    }

    private mutating func peerLost(_ node: NodeID, now: Moment, into effects: inout [Effect]) {
        self.connected.remove(node)
        self.suspects.remove(node)
        let lost = self.peerWaits.filter { $0.value.node == node }.keys.sorted()
        for correlation in lost {
            guard let entry = self.peerWaits.removeValue(forKey: correlation) else { continue }
            self.replicaFailed(node, entry.wait, reason: "connection lost", now: now, into: &effects)
        }
    }

    // MARK: Effects that expect an answer

    mutating func store(_ command: StorageCommand, for wait: Wait, into effects: inout [Effect]) {
        let token = self.takeID()
        self.storageWaits[token] = wait
        effects.append(.store(token: token, command))
    }

    /// - Returns: `false` when there is no link to the node; nothing was sent then.
    mutating func ask(
        _ node: NodeID,
        _ message: PeerMessage,
        for wait: Wait,
        budget: Duration? = nil,
        into effects: inout [Effect]
    ) -> Bool {
        guard self.connected.contains(node) else { return false }
        let correlation = self.takeID()
        self.peerWaits[correlation] = (node, wait)
        let budget = budget ?? self.configuration.operationTimeout
        effects.append(.askPeer(node, correlation: correlation, message, budget: budget))
        return true
    }

    mutating func takeID() -> UInt64 {
        defer { self.nextID += 1 }
        return self.nextID
    }

    // MARK: Ends of operations

    mutating func finish(_ id: UInt64, with result: ClientResult, into effects: inout [Effect]) {
        self.answerAsker(of: id, with: result, into: &effects)
        self.remove(id)
    }

    /// The operation may go on afterwards: writes and reads wait a little for those that were not needed.
    func answerAsker(of id: UInt64, with result: ClientResult, into effects: inout [Effect]) {
        guard let operation = self.operations[id] else { return }
        self.answer(operation.asker, with: result, into: &effects)
    }

    func answer(_ asker: Asker, with result: ClientResult, into effects: inout [Effect]) {
        switch asker {
        case .client(let id): effects.append(.answerClient(id, result))
        case .peer(let request): effects.append(.answerPeer(request, .coordinated(result)))
        }
    }

    static func readLost(_ answered: Int, _ required: Int) -> ClientResult {
        .failed(.quorumLost(acknowledged: answered, required: required, operation: .read))
    }

    static func writeLost(_ acknowledged: Int, _ required: Int) -> ClientResult {
        .failed(.quorumLost(acknowledged: acknowledged, required: required, operation: .write))
    }
}
