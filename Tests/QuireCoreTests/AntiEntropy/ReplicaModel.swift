import QuireCore

/// A replica as a dictionary that answers what storage and peers are asked, the plain way.
struct ReplicaModel {
    static let digester = RecordDigester(secret: Array(1...32))

    private(set) var records: [Key: Record]
    /// Keys whose records were read for a peer.
    private(set) var readKeys: Set<Key> = []
    /// Answers of Merkle nodes stop after so many records, as an engine's do.
    var rowsMax = Int.max

    init(_ records: [Key: Record] = [:]) {
        self.records = records
    }

    static func digest(_ key: Key, _ record: Record) -> UInt128 {
        Self.digester.digest(key: key, encodedRecord: record.encoded())
    }

    private var digests: [HashDigest] {
        self.records.map { HashDigest(hash: $0.key.hash, digest: Self.digest($0.key, $0.value)) }.sorted()
    }

    /// Of the nodes in order, those whose records are few enough; at least one.
    private func answered(_ nodes: [MerkleNode], _ digests: [HashDigest]) -> [MerkleNode] {
        var rows = 0
        for (index, node) in nodes.enumerated() {
            if index > 0, rows >= self.rowsMax { return Array(nodes[..<index]) }
            rows += digests.count { node.hashes.contains($0.hash) }
        }
        return nodes
    }

    mutating func answer(_ command: StorageCommand) -> StorageOutcome {
        switch command {
        case .sums(_, let nodes):
            let digests = self.digests
            return .sums(MerkleReading.childSums(of: self.answered(nodes, digests), in: digests))
        case .digests(_, let nodes):
            let all = self.digests
            let covered = self.answered(nodes, all)
            let below = all.filter { digest in covered.contains { $0.hashes.contains(digest.hash) } }
            return .digests(below, covered: covered.count)
        case .records(_, let hashes, let limit):
            return self.page(limit) { hashes.contains($0) }
        case .leafEntries(_, let leaf, let position, let limit):
            return self.page(limit, after: position) { MerkleLeaves.leaf(of: $0) == leaf }
        case .mergeBatch(_, let entries):
            for entry in entries {
                self.records[entry.key, default: Record()].merge(entry.record)
            }
            return .durable(.at(0))
        default:
            return .failed(.notDurable("the model has no \(command)"))
        }
    }

    mutating func answer(_ message: PeerMessage) -> PeerMessage {
        let command: StorageCommand
        switch message {
        case .readSums(let partition, let nodes): command = .sums(.replica(partition), nodes)
        case .readDigests(let partition, let nodes): command = .digests(.replica(partition), nodes)
        case .readRecords(let partition, let hashes, let limit):
            command = .records(.replica(partition), hashes, limit: limit)
        case .leafEntries(let partition, let leaf, let position, let limit):
            command = .leafEntries(.replica(partition), leaf: leaf, after: position, limit: limit)
        default: return .failed("the model has no \(message)")
        }
        switch self.answer(command) {
        case .sums(let sums): return .sums(sums)
        case .digests(let digests, let covered): return .digests(digests, covered: covered)
        case .page(let entries, let isLast): return .page(entries, isLast: isLast)
        case let outcome: return .failed("\(outcome)")
        }
    }

    private mutating func page(
        _ limit: PageLimit,
        after position: ScanPosition? = nil,
        where isWanted: (KeyHash) -> Bool
    ) -> StorageOutcome {
        let positions = self.records.keys.map { ScanPosition(key: $0) }
            .filter { place in isWanted(place.hash) && position.map { $0 < place } ?? true }
            .sorted()
        let page = positions.prefix(limit.records)
        self.readKeys.formUnion(page.map(\.key))
        let entries = page.map { KeyedRecord(key: $0.key, record: self.records[$0.key] ?? Record()) }
        return .page(entries, isLast: page.count == positions.count)
    }

    /// Runs a whole exchange of `own` with `peer`.
    ///
    /// - Returns: The machine at its end, and why it failed if it did.
    static func exchange(
        _ own: inout ReplicaModel,
        with peer: inout ReplicaModel
    ) -> (machine: MerkleExchange, failure: String?) {
        var machine = MerkleExchange(partition: PartitionID(3))
        var action = machine.start()
        while true {
            switch action {
            case .ask(let message): action = machine.answered(.peer(peer.answer(message)))
            case .store(let command): action = machine.answered(.storage(own.answer(command)))
            case .finish: return (machine, nil)
            case .fail(let reason): return (machine, reason)
            }
        }
    }
}
