import QuireCore

/// A whole cluster in one thread: real request and control cores, a model of storage, a virtual network, virtual time.
///
/// Every choice comes from one seed, and no `Set` or `Dictionary` order reaches one: the same configuration gives
/// the same trace. The run has two halves (safety always, liveness after healing): while `duration` lasts, clients
/// ask and faults happen; then everything is healed, what is in motion must come to rest, hints must be delivered
/// and the replicas of each row become equal, all by what the nodes do of themselves.
package final class SimulatedCluster {
    enum Event {
        /// A connection ends with the process at its other end: what was meant for an earlier life never arrives.
        case request(from: NodeID, to: NodeID, life: UInt64, ask: UInt64, PeerMessage, SentAt)
        case answer(to: NodeID, ask: UInt64, PeerMessage)
        case linkSilent(from: NodeID, to: NodeID, generation: UInt64)
        case storageAnswered(NodeID, life: UInt64, [SimulatedStorage.Answer])
        case syncEnded(NodeID, life: UInt64)
        case stateSaved(NodeID, life: UInt64, token: UInt64, LayoutAcceptor.State)
        case taskAnswered(NodeID, life: UInt64, task: UInt64, NodeTask.Answer)
        case tick(NodeID, life: UInt64)
        case clientAsked(NodeID, life: UInt64, Workload.Operation)
        case clientReady(Int)
        case clientGivesUp(Int, operation: UInt64)
        case operatorReady(Int)
        /// - Parameter index: Of the planned crash.
        case stepCrash(NodeID, life: UInt64, index: Int)
        case fault(Fault)
        /// - Parameter longest: The node that stays away longest.
        case powerLost(longest: NodeID?)
        case minorityCutOff
        case networkHealed
        case clog(SimulatedNetwork.Pair)
        case unclog(SimulatedNetwork.Pair)
        case resume(NodeID, life: UInt64)
        case diskMended(NodeID)
        case restart(NodeID)

        /// When a request was sent, and how long its sender waits.
        struct SentAt {
            let time: Duration
            let budget: Duration?
            /// By which the sender counts the answer.
            let version: LayoutVersion
        }

        /// The node whose process it happens to; it happens later if that process does not run.
        var node: NodeID? {
            switch self {
            case .request(_, let id, _, _, _, _), .answer(let id, _, _), .linkSilent(let id, _, _),
                .storageAnswered(let id, _, _), .syncEnded(let id, _), .stateSaved(let id, _, _, _),
                .taskAnswered(let id, _, _, _), .tick(let id, _), .clientAsked(let id, _, _):
                id
            case .stepCrash, .minorityCutOff, .clientReady, .clientGivesUp, .operatorReady, .fault, .powerLost,
                .networkHealed, .clog,
                .unclog,
                .resume, .diskMended, .restart:
                nil
            }
        }
    }

    package let configuration: SimulationConfiguration
    package let checker: Checker
    package private(set) var trace = TraceHash()
    package private(set) var eventCount = 0
    let partitionCount: PartitionCount
    let catalogue: LayoutCatalogue
    let order: [NodeID]
    private let nodes: [SimulatedNode]
    var queue = EventQueue<Event>()
    var network: SimulatedNetwork
    /// Messages on links that are clogged.
    var held: [SimulatedNetwork.Pair: [Event]] = [:]
    /// By partition, how many copies were taken away on purpose and are not made up for yet.
    var losses: [PartitionID: Int] = [:]
    /// When a copy was last taken away.
    var lossAt: [PartitionID: Duration] = [:]
    /// All that were adopted, ascending.
    var layouts: [Layout] = []
    var random: SeededGenerator
    var workload: Workload
    var operators: [SimulatedOperator]
    /// By request, the operator who asked.
    var operatorRequests: [ControlCore.OperatorRequestID: Int] = [:]
    /// Nodes that crashed for good.
    var destroyed: Set<NodeID> = []
    /// What nodes answered while the minority was cut off, and the layouts that they had in the end of it.
    package private(set) var cut = CutOff()
    /// Crashes at steps of moves; each counts down.
    var plannedCrashes: [StepCrash]
    /// Those that happened.
    package internal(set) var crashes: [CrashPoint: Int] = [:]
    var nextID: UInt64 = 1
    var isHealed = false

    package init(configuration: SimulationConfiguration) {
        guard let partitionCount = PartitionCount(configuration.partitions) else {
            preconditionFailure("Q=\(configuration.partitions)")
        }
        self.partitionCount = partitionCount
        self.configuration = configuration
        var random = SeededGenerator(seed: configuration.seed)
        let workload = Workload(configuration: configuration)
        let order = KeyOrder(workload.allKeys)
        let catalogue = LayoutCatalogue(mutation: configuration.mutation)
        self.catalogue = catalogue
        self.nodes = (1...configuration.founders + configuration.spares).map { number in
            SimulatedNode(
                member: .simulated(number, zones: configuration.zones),
                clock: .init(of: configuration.faults, using: &random),
                storage: SimulatedStorage(seed: random.next(), order: order, mutation: configuration.mutation),
                catalogue: catalogue,
                tombstones: configuration.tombstones
            )
        }
        self.order = self.nodes.map(\.id)
        self.network = SimulatedNetwork(faults: configuration.faults)
        self.workload = workload
        let members = self.nodes.map(\.member)
        self.operators = configuration.scripts.enumerated().map { index, script in
            SimulatedOperator(script, members: members, recovers: index == 0)
        }
        self.plannedCrashes = configuration.stepCrashes
        self.checker = Checker(configuration: configuration)
        self.random = random
    }

    /// Virtual time that has passed.
    package var now: Duration { self.queue.now }

    /// Runs to the end and checks everything.
    ///
    /// - Returns: what was violated; empty for a correct cluster.
    package func run() -> [String] {
        self.begin()
        while self.queue.now < self.configuration.duration, self.checker.violations.isEmpty {
            self.step()
        }
        guard self.checker.violations.isEmpty else { return self.checker.violations }
        self.checker.healed()
        self.cut.ended(with: self.order.map { self.node($0).layout?.version ?? .none })
        self.heal()
        self.comeToRest()
        self.checkFinalRecords()
        return self.checker.violations
    }

    private func begin() {
        let first = LayoutPlanner.initial(
            clusterID: String(repeating: "0123456789abcdef", count: 2),
            members: self.nodes.prefix(self.configuration.founders).map(\.member),
            partitionCount: self.partitionCount,
            quorums: self.configuration.quorums
        )
        for id in self.order {
            if first.member(id) != nil {
                var state = LayoutAcceptor.State()
                state.decided = AcceptedLayout(ballot: .none, layout: self.catalogue.encode(first))
                state.decidedVersion = first.version
                state.voting = first.version.next
                self.node(id).stored = state
            }
            if self.configuration.silentNode.map({ UInt64($0) }) != id.rawValue { self.start(id) }
        }
        for client in 0..<self.configuration.workload.clients {
            self.queue.schedule(.clientReady(client), after: .milliseconds(60 + client))
        }
        if !self.configuration.minority.isEmpty {
            self.queue.schedule(.minorityCutOff, after: .milliseconds(500))
        }
        for index in self.operators.indices {
            self.queue.schedule(.operatorReady(index), after: .milliseconds(200 + 130 * index))
        }
        for (fault, gap) in self.configuration.faults.chosen {
            self.queue.schedule(.fault(fault), after: self.random.around(gap))
        }
    }

    func node(_ id: NodeID) -> SimulatedNode {
        self.nodes[Int(id.rawValue) - 1]
    }

    func takeID() -> UInt64 {
        defer { self.nextID += 1 }
        return self.nextID
    }

    func start(_ id: NodeID) {
        let node = self.node(id)
        node.started(using: &self.random)
        self.perform(node.control.handle(.started(node.stored), now: self.queue.now), at: node)
        self.queue.schedule(.tick(id, life: node.life), after: self.random.milliseconds(1...20))
    }

    // MARK: Events

    func step() {
        guard let event = self.queue.next() else { return }
        self.eventCount += 1
        self.trace.add(UInt64(self.queue.now.microseconds))
        if let id = event.node, self.node(id).isPaused {
            self.node(id).backlog.append(event)
        } else {
            self.handle(event)
        }
    }

    func handle(_ event: Event) {
        switch event {
        case .request(let asker, let id, let life, let ask, let message, let sentAt):
            if let node = self.living(id, life) {
                self.requestArrived(from: asker, at: node, ask, message, sentAt: sentAt)
            }
        case .answer(let id, let ask, let message):
            self.answerArrived(at: id, ask, message)
        case .linkSilent(let from, let to, let generation):
            if self.network.generation(from: from, to: to) == generation { self.breakLink(from: from, to: to) }
        case .storageAnswered(let id, let life, let answers):
            if let node = self.living(id, life) { self.storageAnswered(answers, at: node) }
        case .syncEnded(let id, let life):
            if let node = self.living(id, life) { self.syncEnded(at: node) }
        case .stateSaved(let id, let life, let token, let state):
            if let node = self.living(id, life) { self.stateSaved(token, state, at: node) }
        case .taskAnswered(let id, let life, let task, let answer):
            if let node = self.living(id, life) { self.answerTask(task, answer, at: node) }
        case .tick(let id, let life):
            if let node = self.living(id, life) { self.tick(node) }
        case .clientAsked(let id, let life, let operation):
            if let node = self.living(id, life) { self.clientAsked(operation, at: node) }
        case .clientReady(let client):
            self.clientReady(client)
        case .clientGivesUp(let client, let operation):
            self.clientGivesUp(client, operation)
        case .operatorReady(let index):
            self.operatorReady(index)
        case .stepCrash(let id, let life, let index):
            if let node = self.living(id, life) { self.crashAtStep(index, node) }
        case .fault(let fault):
            self.befall(fault)
        case .powerLost(let longest):
            guard !self.isHealed else { return }
            if let longest { self.crash(longest, for: self.random.milliseconds(2500...4000)) }
            self.order.forEach { self.crash($0) }
        case .minorityCutOff:
            if !self.isHealed { self.cutOffMinority() }
        case .networkHealed:
            self.network.heal()
        case .clog(let pair):
            if !self.isHealed { self.network.clog(pair) }
        case .unclog(let pair):
            self.unclog(pair)
        case .resume(let id, let life):
            if let node = self.living(id, life), node.isPaused { self.resume(node) }
        case .diskMended(let id):
            self.mendDisk(of: self.node(id))
        case .restart(let id):
            if !self.node(id).isUp, !self.destroyed.contains(id) { self.start(id) }
        }
    }

    private func living(_ id: NodeID, _ life: UInt64) -> SimulatedNode? {
        let node = self.node(id)
        return node.isUp && node.life == life ? node : nil
    }

    private func tick(_ node: SimulatedNode) {
        self.trace.add(node.id.rawValue)
        let wanted = node.wantedPeers
        for peer in self.order where peer != node.id {
            let isLinked = self.network.generation(from: node.id, to: peer) != nil
            if isLinked, !wanted.contains(peer) {
                self.breakLink(from: node.id, to: peer)
            } else if !isLinked, wanted.contains(peer), self.node(peer).isRunning,
                !self.network.isCut(from: node.id, to: peer), !self.network.isCut(from: peer, to: node.id)
            {
                self.network.connect(from: node.id, to: peer)
                self.perform(node.request.handle(.peerConnected(peer), now: node.moment(at: self.queue.now)), at: node)
                self.perform(node.control.handle(.peerConnected(peer), now: self.queue.now), at: node)
            }
        }
        self.perform(node.request.handle(.timePassed, now: node.moment(at: self.queue.now)), at: node)
        self.perform(node.control.handle(.timePassed, now: self.queue.now), at: node)
        self.workInBackground(at: node)
        self.queue.schedule(.tick(node.id, life: node.life), after: .milliseconds(20))
    }

    private func cutOffMinority() {
        let minority = Set(self.configuration.minority.map { NodeID(rawValue: UInt64($0)) })
        self.cut.began(with: self.order.map { self.node($0).layout?.version ?? .none })
        for from in self.order {
            for to in self.order where minority.contains(from) != minority.contains(to) {
                self.network.cut(from: from, to: to)
            }
        }
    }

    /// A client was answered.
    func noteAnswer(_ result: ClientResult, by node: NodeID) {
        if !self.isHealed { self.cut.answered(result, by: Int(node.rawValue)) }
    }

    func traced(_ number: UInt64) {
        self.trace.add(number)
    }
}

extension Member {
    static func simulated(_ number: Int, zones: Int) -> Member {
        let endpoint = Endpoint(host: "simulated", port: number)
        return Member(
            id: NodeID(rawValue: UInt64(number)),
            name: "n\(number)",
            zone: "z\(number % zones)",
            peer: endpoint,
            proxy: endpoint,
            http: endpoint
        )
    }
}

extension SimulatedClock {
    init(of faults: FaultMix, using random: inout SeededGenerator) {
        let skew = faults.clockSkewMilliseconds
        let drift = faults.clockDrift
        self.init(
            offsetMilliseconds: skew == 0 ? 0 : Int.random(in: -skew...skew, using: &random),
            drift: drift == 0 ? 0 : Double.random(in: -drift...drift, using: &random)
        )
    }
}
