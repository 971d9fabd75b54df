/// Scans and counts over the whole key space.
extension RequestCore {
    /// One call goes through at most this many partitions, so that a sparse key space cannot hold it up.
    private static let scanPartitionsMax = 64

    mutating func beginScan(
        _ cursor: ScanCursor,
        limit: Int,
        layout: Layout,
        for asker: Asker,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard cursor.partition.rawValue < layout.partitionCount.rawValue else {
            self.answer(asker, with: .keys([], next: .end), into: &effects)
            return
        }
        let position = cursor == .start ? nil : ScanPosition(afterHashPrefix: cursor.hashPrefix)
        let scan = Scan(partition: cursor.partition, position: position, limit: max(1, min(limit, 10000)))
        let id = self.insert(.scan(scan), layout: layout, for: asker, now: now)
        self.askForPage(id, now: now, into: &effects)
    }

    /// Asks every replica of the current partition for the next page; R of them must answer.
    mutating func askForPage(_ id: UInt64, now: Moment, into effects: inout [Effect]) {
        guard case .scan(var scan)? = self.operations[id]?.body, let layout = self.layout else { return }
        let row = layout.readRow(of: scan.partition)
        scan.pages = PageMerge()
        scan.pending = row
        scan.answered = 0
        scan.visited += 1
        self.operations[id]?.body = .scan(scan)
        let limit = PageLimit(records: scan.limit)
        let wait = Wait.scan(id, visited: scan.visited)
        for node in row where self.operations[id] != nil {
            if node == self.configuration.node {
                self.store(
                    .scan(.replica(scan.partition), after: scan.position, limit: limit),
                    for: wait,
                    into: &effects
                )
            } else if !self.ask(
                node,
                .scan(scan.partition, after: scan.position, limit: limit),
                for: wait,
                into: &effects
            ) {
                self.scanFailed(node, id, visited: scan.visited, now: now, into: &effects)
            }
        }
    }

    mutating func scanAnswered(
        _ node: NodeID,
        _ id: UInt64,
        visited: Int,
        _ entries: [KeyedRecord],
        isLast: Bool,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard case .scan(var scan)? = self.operations[id]?.body, scan.visited == visited,
            let index = scan.pending.firstIndex(of: node), let layout = self.layout
        else { return }
        scan.pending.remove(at: index)
        scan.answered += 1
        scan.pages.add(entries, isLast: isLast)
        self.operations[id]?.body = .scan(scan)
        if scan.answered == layout.readQuorum(of: scan.partition) {
            self.pageCompleted(id, scan, layout, now: now, into: &effects)
        }
    }

    mutating func scanFailed(_ node: NodeID, _ id: UInt64, visited: Int, now: Moment, into effects: inout [Effect]) {
        guard case .scan(var scan)? = self.operations[id]?.body, scan.visited == visited,
            let index = scan.pending.firstIndex(of: node), let layout = self.layout
        else { return }
        scan.pending.remove(at: index)
        self.operations[id]?.body = .scan(scan)
        let required = layout.readQuorum(of: scan.partition)
        if scan.answered + scan.pending.count < required {
            self.finish(id, with: Self.readLost(scan.answered, required), into: &effects)
        }
    }

    private mutating func pageCompleted(
        _ id: UInt64,
        _ scan: Scan,
        _ layout: Layout,
        now: Moment,
        into effects: inout [Effect]
    ) {
        var scan = scan
        let page = scan.pages.merged()
        for entry in page.entries where entry.record.isLive(atMilliseconds: now.wallMilliseconds) {
            scan.keys.append(entry.key)
        }
        if let next = page.next {
            scan.position = next
        } else {
            scan.position = nil
            scan.partition = PartitionID(scan.partition.rawValue + 1)
        }
        self.operations[id]?.body = .scan(scan)
        if scan.partition.rawValue == layout.partitionCount.rawValue {
            self.finish(id, with: .keys(scan.keys, next: .end), into: &effects)
        } else if scan.keys.count >= scan.limit || scan.visited >= Self.scanPartitionsMax {
            let prefix = scan.position.map { ScanCursor.prefix(of: $0.hash) } ?? 0
            let next = ScanCursor(partition: scan.partition, hashPrefix: prefix)
            self.finish(id, with: .keys(scan.keys, next: next), into: &effects)
        } else {
            self.askForPage(id, now: now, into: &effects)
        }
    }

    // MARK: Counting

    /// Sums what one replica of each partition counts: the first of its row that is connected.
    mutating func beginCount(layout: Layout, for asker: Asker, now: Moment, into effects: inout [Effect]) {
        var byNode: [NodeID: [PartitionID]] = [:]
        for partition in layout.partitionCount.partitions {
            let row = layout.readRow(of: partition)
            guard let node = row.first(where: self.isHealthy) ?? row.first(where: self.isReachable) else {
                self.answer(asker, with: Self.readLost(0, 1), into: &effects)
                return
            }
            byNode[node, default: []].append(partition)
        }
        let local = byNode.removeValue(forKey: self.configuration.node) ?? []
        let count = Count(pending: local.count + byNode.count)
        let id = self.insert(.count(count), layout: layout, for: asker, now: now)
        for partition in local {
            self.store(.count(.replica(partition)), for: .count(id), into: &effects)
        }
        for node in byNode.keys.sorted() {
            _ = self.ask(node, .count(byNode[node] ?? []), for: .count(id), into: &effects)
        }
    }

    /// Only of partitions that this node may be asked for: what it does not hold any more is not empty.
    mutating func countForPeer(
        _ request: PeerRequestID,
        _ partitions: [PartitionID],
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let layout = self.layout, !partitions.isEmpty else {
            effects.append(.answerPeer(request, .counted(0)))
            return
        }
        let own = self.configuration.node
        let isHeld = { (partition: PartitionID) in
            partition.rawValue < layout.partitionCount.rawValue && layout.readRow(of: partition).contains(own)
        }
        guard partitions.allSatisfy(isHeld) else {
            effects.append(.answerPeer(request, .fenced(layout.version)))
            return
        }
        let body = Operation.Body.count(Count(pending: partitions.count))
        let id = self.insert(body, layout: layout, for: .peer(request), now: now)
        for partition in partitions {
            self.store(.count(.replica(partition)), for: .replicaCount(id), into: &effects)
        }
    }

    mutating func countAnswered(_ id: UInt64, _ keys: Int, into effects: inout [Effect]) {
        guard let operation = self.operations[id], case .count(var count) = operation.body else { return }
        count.total += keys
        count.pending -= 1
        self.operations[id]?.body = .count(count)
        guard count.pending == 0 else { return }
        self.remove(id)
        switch operation.asker {
        case .client(let client): effects.append(.answerClient(client, .count(count.total)))
        case .peer(let request): effects.append(.answerPeer(request, .counted(count.total)))
        }
    }
}

extension ScanPosition {
    /// Just after every key whose hash begins with these 52 bits.
    init(afterHashPrefix prefix: UInt64) {
        let greatest = Array(repeating: UInt8.max, count: Key.bytesMax)
        guard let key = Key(greatest) else { preconditionFailure("a key of \(Key.bytesMax) bytes") }
        self.init(hash: KeyHash(rawValue: prefix << 12 | 0xFFF), key: key)
    }
}
