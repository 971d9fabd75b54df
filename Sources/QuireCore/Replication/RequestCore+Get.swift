extension RequestCore {
    mutating func beginGet(
        _ key: Key,
        _ readQuorum: Int?,
        use: GetUse,
        layout: Layout,
        for asker: Asker,
        budget: Duration?,
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
        let required = layout.readQuorum(of: partition, asked: readQuorum)
        let machine = GetOperation(row: row, readQuorum: required)
        let get = Get(machine: machine, partition: partition, key: key, readQuorum: readQuorum, use: use)
        let id = self.insert(.get(get), layout: layout, for: asker, budget: budget, now: now)
        // One replica tells the record; the others tell outlines when records of this partition are large.
        let full = row.first { $0 == self.configuration.node } ?? row.first(where: self.isHealthy)
        let isLarge = self.recordBytes[partition, default: 0] > Self.outlineBytesMin
        for node in row where self.operations[id] != nil {
            let message = isLarge && node != full ? PeerMessage.getOutline(partition, key) : .get(partition, key)
            if node == self.configuration.node {
                self.store(.read(.replica(partition), key), for: .get(id), into: &effects)
            } else if !self.ask(node, message, for: .get(id), into: &effects) {
                self.getFailed(at: node, id, now: now, into: &effects)
            }
        }
    }

    /// Above this many bytes a record an outline pays: it costs a round trip when replicas differ.
    private static var outlineBytesMin: Int { 4096 }

    mutating func getAnswered(
        by node: NodeID,
        _ id: UInt64,
        _ record: Record?,
        now: Moment,
        into effects: inout [Effect]
    ) {
        self.updateGet(id, now: now, into: &effects) { machine in machine.answered(node, record) }
    }

    mutating func getAnswered(
        by node: NodeID,
        _ id: UInt64,
        _ outline: RecordOutline,
        now: Moment,
        into effects: inout [Effect]
    ) {
        self.updateGet(id, now: now, into: &effects) { machine in machine.answered(node, outline) }
    }

    mutating func getFailed(at node: NodeID, _ id: UInt64, now: Moment, into effects: inout [Effect]) {
        guard case .get(let get)? = self.operations[id]?.body else { return }
        var machine = get.machine
        let step = machine.failed(node) { self.standIns(for: get.partition) }
        self.updateGet(id, now: now, into: &effects) { current in
            current = machine
            return step
        }
    }

    mutating func getPatienceEnded(_ id: UInt64, now: Moment, into effects: inout [Effect]) {
        guard case .get(let get)? = self.operations[id]?.body else { return }
        var machine = get.machine
        let (step, slow) = machine.patienceEnded { self.standIns(for: get.partition) }
        self.suspect(slow)
        self.updateGet(id, now: now, into: &effects) { current in
            current = machine
            return step
        }
    }

    mutating func updateGet(
        _ id: UInt64,
        now: Moment,
        into effects: inout [Effect],
        _ event: (inout GetOperation) -> GetOperation.Step
    ) {
        guard case .get(var get)? = self.operations[id]?.body else { return }
        let step = event(&get.machine)
        self.operations[id]?.body = .get(get)
        self.perform(step, of: id, get, now: now, into: &effects)
    }

    private mutating func perform(
        _ step: GetOperation.Step,
        of id: UInt64,
        _ get: Get,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let operation = self.operations[id] else { return }
        if step.isOver {
            self.remove(id)
        }
        if let reply = step.reply {
            self.use(reply, of: get, operation, now: now, into: &effects)
            if !step.isOver {
                self.deadlines.insert(.deadline(id), at: now.elapsed + self.configuration.stragglerTimeout)
            }
        }
        for node in step.repairs {
            self.repair(node, get.partition, get.key, get.machine.merged, into: &effects)
        }
        for node in step.fetches where !self.ask(node, .get(get.partition, get.key), for: .get(id), into: &effects) {
            self.getFailed(at: node, id, now: now, into: &effects)
        }
        for node in step.standIns {
            if node == self.configuration.node {
                self.store(.read(.hints(get.partition), get.key), for: .get(id), into: &effects)
            } else if !self.ask(node, .getHint(get.partition, get.key), for: .get(id), into: &effects) {
                self.getFailed(at: node, id, now: now, into: &effects)
            }
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
        case (.record(let record, let evidence), .answer):
            self.recordBytes[get.partition] =
                (3 * self.recordBytes[get.partition, default: record.encodedBytes] + record.encodedBytes) / 4
            self.answer(operation.asker, with: .record(record, evidence), into: &effects)
        case (.record(let record, _), .delete(let request)):
            guard !record.isEmpty, let layout = self.layout else {
                self.answer(operation.asker, with: .stored(record, wasLive: false), into: &effects)
                return
            }
            let wasLive = record.isLive(atMilliseconds: now.wallMilliseconds)
            self.beginPut(
                request,
                wasLive: wasLive,
                layout: layout,
                for: operation.asker,
                budget: operation.deadline - now.elapsed,
                now: now,
                into: &effects
            )
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
            self.store(.merge(.replica(partition), key, record), for: .repair, into: &effects)
        } else {
            // Nobody waits for a repair; a replica that is gone is repaired by a later read.
            _ = self.ask(node, .put(partition, key, record), for: .repair, into: &effects)
        }
    }
}
