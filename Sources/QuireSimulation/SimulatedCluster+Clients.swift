import QuireCore

/// Clients of the data path, and the operator who changes the membership.
extension SimulatedCluster {
    // MARK: Clients

    func clientReady(_ client: Int) {
        guard !self.isHealed else { return }
        let known = self.configuration.workload.asks
        let able = self.order.filter { id in
            self.node(id).isUp && self.node(id).control.layout != nil && known?.contains(Int(id.rawValue)) ?? true
        }
        guard !able.isEmpty else {
            self.queue.schedule(.clientReady(client), after: .milliseconds(20))
            return
        }
        let node = self.node(self.random.one(of: able))
        var operation = self.workload.next(of: client, at: node.id, now: self.queue.now, using: &self.random)
        operation.layout = self.oldestVersion
        self.workload.waits(for: operation)
        self.traced(operation.number)
        self.checker.began(operation)
        self.queue.schedule(.clientGivesUp(client, operation: operation.number), after: .seconds(4))
        self.queue.schedule(
            .clientAsked(node.id, life: node.life, operation),
            after: .microseconds(Int.random(in: 20...200, using: &self.random))
        )
    }

    func clientAsked(_ operation: Workload.Operation, at node: SimulatedNode) {
        let id = RequestCore.ClientOperationID(connection: UInt64(operation.client), operation: operation.number)
        guard !operation.isForeign || self.configuration.mutation == .acceptsForeignContexts else {
            // As the session at a real node does: a context names its key.
            self.clientAnswered(id, .failed(.invalid("the context is of another key")))
            return
        }
        let now = node.moment(at: self.queue.now)
        self.perform(node.request.handle(.clientAsked(id, operation.request), now: now), at: node)
    }

    func clientAnswered(_ id: RequestCore.ClientOperationID, _ result: ClientResult) {
        let client = Int(id.connection)
        guard let operation = self.workload.ended(client, id.operation) else { return }
        self.traced(id.operation)
        self.noteAnswer(result, by: operation.node)
        if case .put(let put) = operation.request, case .stored(let record, _, _) = result, !record.isEmpty {
            self.checker.acknowledged(
                operation,
                copies: self.missingCopies(of: record, for: put, since: operation.layout)
            )
        }
        self.checker.ended(operation, result, lostCopy: self.mayHaveLostCopy(of: operation), now: self.queue.now)
        self.workload.learned(operation, result, using: &self.random)
        var most = self.configuration.workload.pauseMax
        if case .failed = result {
            most = max(most, 60_000)
        }
        self.queue.schedule(.clientReady(client), after: .microseconds(Int.random(in: 200...most, using: &self.random)))
        if case .stored = result {
            self.crashAfterAcknowledgement()
        }
    }

    /// A node that had acknowledged the write may have lost its copy before the quorum was complete.
    private func mayHaveLostCopy(of operation: Workload.Operation) -> Bool {
        guard case .put(let put) = operation.request,
            let lossAt = self.lossAt[self.partitionCount.partition(of: put.key)]
        else { return false }
        return operation.began <= lossAt
    }

    func clientGivesUp(_ client: Int, _ number: UInt64) {
        guard let operation = self.workload.ended(client, number) else { return }
        self.workload.gaveUp(operation)
        self.queue.schedule(.clientReady(client), after: .milliseconds(5))
    }

    /// Clients of a node that is gone never learn what became of their requests.
    func clientsLost(_ id: NodeID) {
        for operation in self.workload.waiting where operation.node == id {
            self.clientGivesUp(operation.client, operation.number)
        }
    }

    // MARK: Operators

    func operatorReady(_ index: Int) {
        self.queue.schedule(.operatorReady(index), after: self.random.milliseconds(60...160))
        guard let view = self.operatorView, !self.operators[index].isWaiting(at: self.queue.now) else { return }
        let reach = self.configuration.scripts[index].asks
        let up = self.order.filter { id in
            self.node(id).isRunning && self.node(id).control.layout != nil && reach?.contains(Int(id.rawValue)) ?? true
        }
        guard !up.isEmpty, let action = self.operators[index].next(view) else { return }
        switch action {
        case .destroy(let number):
            self.destroy(self.node(NodeID(rawValue: UInt64(number))))
        case .ask(let request):
            let node = self.node(self.random.one(of: up))
            self.operators[index].asked(node.id, until: self.queue.now + .seconds(11))
            let id = ControlCore.OperatorRequestID(rawValue: self.takeID())
            self.operatorRequests[id] = index
            self.perform(node.control.handle(.operatorAsked(id, request), now: self.queue.now), at: node)
        }
    }

    var operatorView: SimulatedOperator.View? {
        self.newestLayout.map { .init(layout: $0, now: self.queue.now, destroyed: self.destroyed) }
    }

    func operatorAnswered(_ id: ControlCore.OperatorRequestID, _ result: ControlCore.OperatorResult) {
        guard let index = self.operatorRequests.removeValue(forKey: id) else { return }
        self.operators[index].answered(result)
    }

    func operatorsLost(_ node: NodeID) {
        for index in self.operators.indices { self.operators[index].lost(node) }
    }
}
