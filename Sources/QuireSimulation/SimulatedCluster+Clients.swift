import QuireCore

/// Clients of the data path, and the operator who changes the membership.
extension SimulatedCluster {
    // MARK: Clients

    func clientReady(_ client: Int) {
        guard !self.isHealed else { return }
        let able = self.order.filter { self.node($0).isUp && self.node($0).control.layout != nil }
        guard !able.isEmpty else {
            self.queue.schedule(.clientReady(client), after: .milliseconds(20))
            return
        }
        let node = self.node(able[Int.random(in: able.indices, using: &self.random)])
        let operation = self.workload.next(of: client, at: node.id, now: self.queue.now, using: &self.random)
        self.traced(operation.number)
        self.checker.began(operation)
        self.queue.schedule(.clientGivesUp(client, operation: operation.number), after: .seconds(4))
        let id = RequestCore.ClientOperationID(connection: UInt64(client), operation: operation.number)
        let now = node.moment(at: self.queue.now)
        self.perform(node.request.handle(.clientAsked(id, operation.request), now: now), at: node)
    }

    func clientAnswered(_ id: RequestCore.ClientOperationID, _ result: ClientResult, by node: SimulatedNode) {
        let client = Int(id.connection)
        guard let operation = self.workload.ended(client, id.operation) else { return }
        self.traced(id.operation)
        self.checker.ended(operation, result, now: self.queue.now)
        switch result {
        case .record(let record, _):
            self.workload.learned(client, operation, record)
        case .stored(let record, _, _):
            self.checkCopies(of: record, operation)
            self.crashAfterAcknowledgement()
        case .keys, .count, .failed:
            break
        }
        self.queue.schedule(
            .clientReady(client),
            after: .microseconds(Int.random(in: 200...25_000, using: &self.random))
        )
    }

    /// An acknowledged write is on the disks of W nodes at the instant of the acknowledgement.
    private func checkCopies(of record: Record, _ operation: Workload.Operation) {
        guard let key = operation.key, !record.isEmpty, let layout = self.newestLayout else { return }
        let partition = layout.partitionCount.partition(of: key)
        let copies = self.order.count { id in
            let storage = self.node(id).storage
            let held = storage.synced[.replica(partition)]?[key] ?? Record()
            return held.merging(storage.synced[.hints(partition)]?[key] ?? Record()).descends(from: record)
        }
        self.checker.acknowledged(operation, copies: copies)
    }

    func clientGivesUp(_ client: Int, _ operation: UInt64) {
        guard self.workload.ended(client, operation) != nil else { return }
        self.queue.schedule(.clientReady(client), after: .milliseconds(5))
    }

    /// Clients of a node that is gone never learn what became of their requests.
    func clientsLost(_ id: NodeID) {
        for client in self.workload.clientsWaiting(at: id) {
            guard let operation = self.workload.waiting[client]?.number else { continue }
            self.clientGivesUp(client, operation)
        }
    }

    // MARK: The operator

    func operatorReady() {
        self.queue.schedule(.operatorReady, after: .milliseconds(250))
        guard let layout = self.newestLayout, !self.membership.isWaiting(at: self.queue.now) else { return }
        let able = layout.members.map(\.id).filter { self.node($0).control.layout?.version == layout.version }
        let up = able.filter { self.node($0).isUp }
        guard !up.isEmpty, let request = self.membership.next(layout, newcomer: self.joiner) else { return }
        let node = self.node(up[Int.random(in: up.indices, using: &self.random)])
        self.membership.asked(node.id, until: self.queue.now + .seconds(11))
        let id = ControlCore.OperatorRequestID(rawValue: self.takeID())
        self.perform(node.control.handle(.operatorAsked(id, request), now: self.queue.now), at: node)
    }

    func operatorAnswered(_ result: ControlCore.OperatorResult) {
        self.membership.answered(result)
    }

    private var joiner: Member { self.node(self.order[self.order.count - 1]).member }
}

/// Lets one node join and then another leave, step by step, whatever happens to the requests.
struct MembershipScript {
    private let isActive: Bool
    private let memberCount: Int
    private var waitsFor: NodeID?
    private var until = Duration.zero
    private var lastAnswer = "nothing asked"

    /// - Parameter memberCount: At the beginning, and again at the end.
    init(isActive: Bool, memberCount: Int) {
        self.isActive = isActive
        self.memberCount = memberCount
    }

    var stateDescription: String { "operator: \(self.lastAnswer)" }

    func isWaiting(at now: Duration) -> Bool {
        self.waitsFor != nil && now < self.until
    }

    mutating func asked(_ node: NodeID, until: Duration) {
        self.waitsFor = node
        self.until = until
    }

    mutating func answered(_ result: ControlCore.OperatorResult) {
        self.waitsFor = nil
        switch result {
        case .done(let layout): self.lastAnswer = "version \(layout.version) is done"
        case .refused(let refusal): self.lastAnswer = "refused: \(refusal)"
        case .unreachable(let nodes): self.lastAnswer = "unreachable: \(nodes)"
        }
    }

    mutating func lost(_ node: NodeID) {
        if self.waitsFor == node { self.waitsFor = nil }
    }

    private static let leaver = NodeID(rawValue: 2)

    func isFinished(_ layout: Layout) -> Bool {
        !self.isActive
            || (layout.member(Self.leaver) == nil && layout.moves.isEmpty && layout.members.count == self.memberCount)
    }

    /// - Returns: `nil` while partitions move, and at the end.
    func next(_ layout: Layout, newcomer: Member) -> ControlCore.OperatorRequest? {
        guard self.isActive, layout.moves.isEmpty, !self.isFinished(layout) else { return nil }
        let change: StagedChange = layout.member(newcomer.id) == nil ? .join(newcomer) : .leave(Self.leaver)
        guard layout.staged.contains(change) else { return .stage(change) }
        do throws(PlanRefusal) {
            return .commit(planID: try LayoutPlanner.plan(for: layout).id)
        } catch {
            return .clearStaged
        }
    }
}
