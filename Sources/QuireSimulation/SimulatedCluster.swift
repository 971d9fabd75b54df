import QuireCore

/// A whole cluster in one thread: real request and control cores, a model of storage, a virtual network, virtual time.
///
/// Every choice comes from one seed, and no `Set` or `Dictionary` order reaches one: the same configuration gives
/// the same trace. The run has two halves (safety always, liveness after healing): while `duration` lasts, clients
/// ask and faults happen; then everything is healed, what is in motion must come to rest, and the replicas of each
/// row are brought to equal.
package final class SimulatedCluster {
    enum Event {
        case request(from: NodeID, to: NodeID, ask: UInt64, PeerMessage)
        case answer(to: NodeID, ask: UInt64, PeerMessage)
        case linkSilent(from: NodeID, to: NodeID, generation: UInt64)
        case storageAnswered(NodeID, life: UInt64, [SimulatedStorage.Answer])
        case syncEnded(NodeID, life: UInt64)
        case stateSaved(NodeID, life: UInt64, token: UInt64, LayoutAcceptor.State)
        case taskAnswered(NodeID, life: UInt64, task: UInt64, MoveTask.Answer)
        case tick(NodeID, life: UInt64)
        case clientReady(Int)
        case clientGivesUp(Int, operation: UInt64)
        case operatorReady
        case crash
        case partition
        case networkHealed
        case restart(NodeID)
    }

    package let configuration: SimulationConfiguration
    package let checker: Checker
    package private(set) var trace = TraceHash()
    package private(set) var eventCount = 0
    let catalogue = LayoutCatalogue()
    let order: [NodeID]
    let nodes: [NodeID: SimulatedNode]
    var queue = EventQueue<Event>()
    var network: SimulatedNetwork
    var random: SeededGenerator
    var workload: Workload
    var membership: MembershipScript
    var nextID: UInt64 = 1
    var isHealed = false

    package init(configuration: SimulationConfiguration) {
        self.configuration = configuration
        var random = SeededGenerator(seed: configuration.seed)
        let count = configuration.founders + (configuration.changesMembership ? 1 : 0)
        let skew = configuration.faults.clockSkewMillisecondsMax
        var nodes: [NodeID: SimulatedNode] = [:]
        for number in 1...count {
            let node = SimulatedNode(
                member: .simulated(number),
                skewMilliseconds: skew == 0 ? 0 : Int.random(in: -skew / 2...skew / 2, using: &random),
                catalogue: self.catalogue,
                mutation: configuration.mutation,
                random: &random
            )
            nodes[node.id] = node
        }
        self.nodes = nodes
        self.order = nodes.keys.sorted()
        self.network = SimulatedNetwork(faults: configuration.faults)
        self.workload = Workload(configuration: configuration)
        self.membership = MembershipScript(
            isActive: configuration.changesMembership,
            memberCount: configuration.founders
        )
        self.checker = Checker(writeQuorum: QuorumSettings().writeQuorum)
        self.random = random
    }

    /// Runs to the end and checks everything.
    ///
    /// - Returns: what was violated; empty for a correct cluster.
    package func run() -> [String] {
        self.begin()
        while self.queue.now < self.configuration.duration, self.checker.violations.isEmpty {
            self.step()
        }
        self.heal()
        let deadline = self.queue.now + self.configuration.healTimeout
        while !self.isSettled, self.queue.now < deadline, self.checker.violations.isEmpty {
            self.step()
        }
        if !self.isSettled, self.checker.violations.isEmpty {
            self.checker.violated("not at rest \(self.configuration.healTimeout) after healing: \(self.unrest)")
        }
        self.equalise()
        self.checkFinalRecords()
        return self.checker.violations
    }

    private func begin() {
        let founders = self.order.prefix(self.configuration.founders).compactMap { self.nodes[$0]?.member }
        guard let partitionCount = PartitionCount(self.configuration.partitions) else {
            preconditionFailure("Q=\(self.configuration.partitions)")
        }
        let first = LayoutPlanner.initial(
            clusterID: String(repeating: "0123456789abcdef", count: 2),
            members: founders,
            partitionCount: partitionCount,
            quorums: QuorumSettings()
        )
        for id in self.order {
            if first.member(id) != nil {
                var state = LayoutAcceptor.State()
                state.decided = AcceptedLayout(ballot: .none, layout: self.catalogue.encode(first))
                state.decidedVersion = first.version
                state.voting = first.version.next
                self.node(id).stored = state
            }
            self.start(id)
        }
        for client in 0..<self.configuration.clients {
            self.queue.schedule(.clientReady(client), after: .milliseconds(100 + client))
        }
        if self.configuration.changesMembership {
            self.queue.schedule(.operatorReady, after: .milliseconds(300))
        }
        if let gap = self.configuration.faults.crashGap {
            self.queue.schedule(.crash, after: self.random.around(gap))
        }
        if let gap = self.configuration.faults.partitionGap {
            self.queue.schedule(.partition, after: self.random.around(gap))
        }
    }

    func node(_ id: NodeID) -> SimulatedNode {
        guard let node = self.nodes[id] else { preconditionFailure("no node \(id)") }
        return node
    }

    func takeID() -> UInt64 {
        defer { self.nextID += 1 }
        return self.nextID
    }

    func start(_ id: NodeID) {
        let node = self.node(id)
        node.started(using: &self.random)
        self.perform(node.control.handle(.started(node.stored), now: self.queue.now), at: node)
        self.queue.schedule(
            .tick(id, life: node.life),
            after: .milliseconds(Int.random(in: 1...20, using: &self.random))
        )
    }

    // MARK: Events

    func step() {
        guard let event = self.queue.next() else { return }
        self.eventCount += 1
        self.trace.add(UInt64(self.queue.now.microseconds))
        switch event {
        case .request(let asker, let id, let ask, let message):
            self.requestArrived(from: asker, at: id, ask, message)
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
        case .clientReady(let client):
            self.clientReady(client)
        case .clientGivesUp(let client, let operation):
            self.clientGivesUp(client, operation)
        case .operatorReady:
            self.operatorReady()
        case .crash:
            self.crashSome()
        case .partition:
            self.partitionSome()
        case .networkHealed:
            self.network.heal()
        case .restart(let id):
            if !self.node(id).isUp { self.start(id) }
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
            } else if !isLinked, wanted.contains(peer), self.node(peer).isUp,
                !self.network.isCut(from: node.id, to: peer), !self.network.isCut(from: peer, to: node.id)
            {
                self.network.connect(from: node.id, to: peer)
                self.perform(node.request.handle(.peerConnected(peer), now: node.moment(at: self.queue.now)), at: node)
                self.perform(node.control.handle(.peerConnected(peer), now: self.queue.now), at: node)
            }
        }
        self.perform(node.request.handle(.timePassed, now: node.moment(at: self.queue.now)), at: node)
        self.perform(node.control.handle(.timePassed, now: self.queue.now), at: node)
        self.queue.schedule(.tick(node.id, life: node.life), after: .milliseconds(20))
    }

    func traced(_ number: UInt64) {
        self.trace.add(number)
    }
}

extension Member {
    static func simulated(_ number: Int) -> Member {
        let endpoint = Endpoint(host: "simulated", port: number)
        return Member(
            id: NodeID(rawValue: UInt64(number)),
            name: "n\(number)",
            zone: "z",
            peer: endpoint,
            proxy: endpoint,
            http: endpoint
        )
    }
}
