extension RequestCore {
    mutating func beginGet(
        _ key: Key,
        _ readQuorum: Int?,
        use: GetUse,
        layout: Layout,
        for asker: Asker,
        now: Moment,
        into effects: inout [Effect]
    ) {
        let partition = layout.partitionCount.partition(of: key)
        let row = layout.readRow(of: partition)
        if let readQuorum, !(1...layout.quorums.replicaCount).contains(readQuorum) {
            let reason = "R must be in 1...\(layout.quorums.replicaCount), not \(readQuorum)"
            self.answer(asker, with: .failed(.invalid(reason)), into: &effects)
            return
        }
        let required = Layout.effective(readQuorum ?? layout.quorums.readQuorum, in: row)
        let machine = GetOperation(row: row, readQuorum: required)
        let get = Get(machine: machine, partition: partition, key: key, use: use)
        let id = self.insert(.get(get), layout: layout, for: asker, now: now)
        for node in row where self.operations[id] != nil {
            if node == self.configuration.node {
                self.store(.read(partition, key), for: .get(id), into: &effects)
            } else if !self.ask(node, .get(partition, key), for: .get(id), into: &effects) {
                self.getReplicaFailed(node, id, now: now, into: &effects)
            }
        }
    }

    mutating func getReplicaAnswered(
        _ node: NodeID,
        _ id: UInt64,
        _ record: Record?,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .get(var get)? = self.operations[id]?.body else { return }
        let step = get.machine.replicaAnswered(node, record)
        self.operations[id]?.body = .get(get)
        self.perform(step, of: id, get, now: now, into: &effects)
    }

    mutating func getReplicaFailed(_ node: NodeID, _ id: UInt64, now: Moment, into effects: inout [Effect]) {
        guard case .get(var get)? = self.operations[id]?.body else { return }
        let step = get.machine.replicaFailed(node)
        self.operations[id]?.body = .get(get)
        self.perform(step, of: id, get, now: now, into: &effects)
    }

    mutating func perform(
        _ step: GetOperation.Step,
        of id: UInt64,
        _ get: Get,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let operation = self.operations[id] else { return }
        if let reply = step.reply {
            self.use(reply, of: get, operation, now: now, into: &effects)
            self.deadlines.insert(id, at: now.elapsed + self.configuration.stragglerTimeout)
        }
        for node in step.repairs {
            self.repair(node, get.partition, get.key, get.machine.merged, into: &effects)
        }
        if step.isOver {
            self.operations[id] = nil
        }
    }

    private mutating func use(
        _ reply: GetOperation.Step.Reply,
        of get: Get,
        _ operation: Operation,
        now: Moment,
        into effects: inout [Effect]
    ) {
        switch (reply, get.use) {
        case (.quorumLost(let answered, let required), _):
            self.answer(operation.asker, with: Self.readLost(answered, required), into: &effects)
        case (.record(let record), .answer):
            self.answer(operation.asker, with: .record(record), into: &effects)
        case (.record(let record), .delete(let request)):
            guard !record.isEmpty, let layout = self.layout else {
                self.answer(operation.asker, with: .stored(record, wasLive: false), into: &effects)
                return
            }
            let wasLive = record.isLive(atMilliseconds: now.wallMilliseconds)
            self.beginPut(request, wasLive: wasLive, layout: layout, for: operation.asker, now: now, into: &effects)
        }
    }

    /// Sends what a read has merged to a replica that knew less.
    private mutating func repair(
        _ node: NodeID,
        _ partition: PartitionID,
        _ key: Key,
        _ record: Record,
        into effects: inout [Effect]
    ) {
        if node == self.configuration.node {
            self.store(.merge(partition, key, record), for: .repair, into: &effects)
        } else {
            // Nobody waits for a repair; a replica that is gone is repaired by a later read.
            _ = self.ask(node, .put(partition, key, record), for: .repair, into: &effects)
        }
    }
}
