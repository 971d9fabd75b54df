/// What this node answers to peers that compare replicas with it or deliver hints.
extension RequestCore {
    mutating func serveRepair(_ request: PeerRequestID, _ message: PeerMessage, into effects: inout [Effect]) {
        switch message {
        case .readSums(let partition, let nodes):
            self.store(.sums(.replica(partition), nodes), for: .replica(request), into: &effects)
        case .readDigests(let partition, let nodes):
            self.store(.digests(.replica(partition), nodes), for: .replica(request), into: &effects)
        case .readRecords(let partition, let hashes, let limit):
            self.store(.records(.replica(partition), hashes, limit: limit), for: .replica(request), into: &effects)
        case .offer(let partition, let digests) where self.isInWriteRow(of: partition):
            self.store(.lacking(.replica(partition), digests), for: .replica(request), into: &effects)
        case .deliver(let partition, let records) where self.isInWriteRow(of: partition):
            self.store(.mergeBatch(.replica(partition), records), for: .replica(request), into: &effects)
        case .offer, .deliver:
            let version = self.layout?.version ?? .none
            effects.append(.answerPeer(request, .failed("not a member of the row under layout \(version)")))
        default:
            effects.append(.answerPeer(request, .failed("not a request of repair")))
        }
    }

    /// A former owner must not take hints: the sender would drop what only a drained replica has (SAFETY rule 8).
    private func isInWriteRow(of partition: PartitionID) -> Bool {
        guard let layout = self.layout, partition.rawValue < layout.partitionCount.rawValue else { return false }
        return layout.writeRows(of: partition).contains { $0.contains(self.configuration.node) }
    }
}
