/// Clients' operations that wait a little because this node has just started, or was cut off, and its links are
/// being made.
///
/// Failing them at once would be quick and wrong: the cluster is fine, and this node will see so within a second.
extension RequestCore {
    struct Parked: Sendable {
        let id: ClientOperationID
        let operation: ClientOperation
        let since: Duration
    }

    mutating func clientAsked(
        _ id: ClientOperationID,
        _ operation: ClientOperation,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard self.lacksLinks(for: operation) else {
            self.begin(operation, for: .client(id), now: now, into: &effects)
            return
        }
        guard !self.isOverloaded else {
            effects.append(.answerClient(id, .failed(.overloaded)))
            return
        }
        self.parked.append(Parked(id: id, operation: operation, since: now.elapsed))
        self.bytesInFlight += operation.bytes
    }

    /// Begins what has the links it needs by now, and what has waited for long enough: that fails with its numbers.
    mutating func unpark(now: Moment, into effects: inout [Effect]) {
        guard !self.parked.isEmpty else { return }
        let waiting = self.parked
        self.parked = []
        for parked in waiting {
            let waited = now.elapsed - parked.since
            guard waited >= self.configuration.parkingTime || !self.lacksLinks(for: parked.operation) else {
                self.parked.append(parked)
                continue
            }
            self.bytesInFlight -= parked.operation.bytes
            let budget = self.configuration.operationTimeout - waited
            self.begin(parked.operation, for: .client(parked.id), budget: budget, now: now, into: &effects)
        }
    }

    /// Whether fewer nodes can be reached than the quorum of this operation needs.
    private mutating func lacksLinks(for operation: ClientOperation) -> Bool {
        guard let layout = self.layout else { return self.configuration.isMember }
        let key: Key
        let quorum: Int
        switch operation {
        case .get(let read, let readQuorum):
            key = read
            quorum = readQuorum ?? layout.quorums.readQuorum
        case .put(let put):
            key = put.key
            quorum = put.writeQuorum ?? layout.quorums.writeQuorum
        case .scan, .countKeys:
            return false
        }
        let partition = layout.partitionCount.partition(of: key)
        let rows: [[NodeID]]
        switch operation {
        case .put: rows = layout.writeRows(of: partition)
        case .get, .scan, .countKeys: rows = [layout.readRow(of: partition)]
        }
        return rows.contains { row in
            let required = Layout.effective(quorum, in: row)
            let members = row.count(where: self.isReachable)
            return members < required && members + self.standIns(for: partition).count < required
        }
    }
}

extension ClientOperation {
    /// Bytes of key and value.
    var bytes: Int {
        switch self {
        case .get(let key, _): key.bytes.count
        case .put(let put): put.key.bytes.count + (put.value?.count ?? 0)
        case .scan, .countKeys: 0
        }
    }
}
