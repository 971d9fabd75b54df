import QuireCore

/// Where acknowledged writes are on disk, and how much of that may be lost on purpose.
extension SimulatedCluster {
    // MARK: At the acknowledgement

    /// What an acknowledged write lacks at the instant of its acknowledgement, for people.
    ///
    /// Each row that it had to reach must hold W copies; a stand-in that is no member of the row counts for it. Which
    /// rows those are depends on the layout under which its coordinator began, so any since then will do.
    func missingCopies(of record: Record, for put: PutRequest, since version: LayoutVersion) -> String? {
        let partition = self.partitionCount.partition(of: put.key)
        let durability = put.durability ?? .all
        let copies = Copies(self, put.key, partition, record)
        if durability != .all, let missing = copies.missingInMemory(put, durability, self) { return missing }
        guard durability == .all else { return nil }
        let lost = self.losses[partition] ?? 0
        var missing: String?
        for layout in self.layouts.reversed() where layout.version >= version {
            let quorums = layout.writeQuorums(of: partition, asked: put.writeQuorum)
            let lacks = zip(layout.writeRows(of: partition), quorums).compactMap { row, quorum in
                copies.missing(in: row, quorum - lost)
            }
            guard let first = lacks.first else { return nil }
            missing = first
        }
        return missing
    }

    func writeQuorum(of put: PutRequest) -> Int {
        put.writeQuorum ?? self.configuration.quorums.writeQuorum
    }

    /// The oldest layout by which a member lives: what has left the cluster answers for nothing.
    var oldestVersion: LayoutVersion {
        let members = self.newestLayout?.members.map(\.id) ?? self.order
        return members.filter { self.node($0).isUp }.compactMap { self.node($0).layout?.version }.min() ?? .none
    }

    /// The fewest copies that an acknowledged write of the partition may have.
    private func copiesMin(of partition: PartitionID) -> Int {
        guard let layout = self.newestLayout else { return 1 }
        let settings = [layout.quorums, layout.formerQuorums ?? layout.quorums, self.configuration.quorums]
        let row = layout.readRow(of: partition)
        return settings.map { Layout.effective($0.writeQuorumMin, in: row) }.min() ?? 1
    }

    /// Who holds one record.
    struct Copies {
        private var replicas: Set<NodeID> = []
        private var hints: Set<NodeID> = []
        private var inMemory = 0

        init(_ cluster: SimulatedCluster, _ key: Key, _ partition: PartitionID, _ record: Record) {
            guard let history = cluster.checker.histories[key] else { return }
            let due = history.shown(record).subtracting(history.collected)
            for id in cluster.order {
                let storage = cluster.node(id).storage
                let isReplica = due.isSubset(
                    of: history.accounted(storage.syncedRecord(of: key, in: .replica(partition)))
                )
                let isStandIn = due.isSubset(
                    of: history.accounted(storage.syncedRecord(of: key, in: .hints(partition)))
                )
                if isReplica { self.replicas.insert(id) }
                if isStandIn { self.hints.insert(id) }
                let live = [StoreID.replica(partition), .hints(partition)].map { storage.record(of: key, in: $0) }
                if live.contains(where: { due.isSubset(of: history.accounted($0)) }) { self.inMemory += 1 }
            }
        }

        func missing(in row: [NodeID], _ needed: Int) -> String? {
            let found = row.count { self.replicas.contains($0) } + self.hints.count { !row.contains($0) }
            guard found < needed else { return nil }
            let (replicas, hints) = (self.replicas.sorted().map(\.rawValue), self.hints.sorted().map(\.rawValue))
            return "\(found) durable copies for the row \(row.map(\.rawValue)), not \(needed): at \(replicas), "
                + "and as hints at \(hints)"
        }

        func missingInMemory(_ put: PutRequest, _ durability: Durability, _ cluster: SimulatedCluster) -> String? {
            guard !cluster.configuration.faults.losesUnsynced else { return nil }
            if self.inMemory < min(cluster.writeQuorum(of: put), cluster.configuration.founders) {
                return "\(self.inMemory) copies in memory"
            }
            guard durability == .one, self.replicas.isEmpty, self.hints.isEmpty else { return nil }
            return "no durable copy"
        }
    }

    // MARK: Later

    /// What enough members still have of a key after some node gave up its copy.
    func copiesLeft(of key: Key) -> VersionSet {
        guard let layout = self.newestLayout, let history = self.checker.histories[key] else { return VersionSet() }
        let partition = layout.partitionCount.partition(of: key)
        let needed = self.copiesMin(of: partition) - (self.losses[partition] ?? 0)
        var count = VersionCount(upTo: max(needed, 1))
        for member in layout.members {
            let storage = self.node(member.id).storage
            var held = history.accounted(storage.syncedRecord(of: key, in: .replica(partition)))
            held.formUnion(history.accounted(storage.syncedRecord(of: key, in: .hints(partition))))
            count.add(held)
        }
        return count.atLeast(max(needed, 1))
    }

    // MARK: The budget of losses

    /// Whether a copy of each of these partitions may be lost now.
    ///
    /// The promise is W copies, so W − 1 of them may be lost before repair has made up for the first: never more than
    /// the guarantee tolerates, so that every violation is a defect; and never less, so that none is hidden.
    func mayLose(_ partitions: [PartitionID]) -> Bool {
        partitions.allSatisfy { partition in
            if self.losses[partition] ?? 0 > 0, self.isWhole(partition) {
                self.losses[partition] = nil
            }
            return self.losses[partition] ?? 0 < self.copiesMin(of: partition) - 1
        }
    }

    /// Whether the row has W copies again of everything that was ever acknowledged.
    private func isWhole(_ partition: PartitionID) -> Bool {
        guard let layout = self.newestLayout, layout.move(of: partition) == nil else { return false }
        let row = layout.readRow(of: partition)
        guard !row.contains(where: { self.node($0).storage.quarantined.contains(partition) }) else { return false }
        return self.workload.allKeys.allSatisfy { key in
            guard layout.partitionCount.partition(of: key) == partition, let history = self.checker.histories[key]
            else { return true }
            var count = VersionCount(upTo: row.count)
            for id in row {
                count.add(history.accounted(self.node(id).storage.syncedRecord(of: key, in: .replica(partition))))
            }
            let enough = count.atLeast(Layout.effective(self.configuration.quorums.writeQuorum, in: row))
            return history.promised.subtracting(history.collected).isSubset(of: enough)
        }
    }

    /// The partitions of which a node has a copy or hints.
    func partitionsHeld(by node: SimulatedNode) -> [PartitionID] {
        self.partitionCount.partitions.filter { partition in
            self.newestLayout?.holders(of: partition).contains(node.id) ?? false
                || !(node.storage.synced[.replica(partition)] ?? [:]).isEmpty
                || !(node.storage.synced[.hints(partition)] ?? [:]).isEmpty
        }
    }
}
