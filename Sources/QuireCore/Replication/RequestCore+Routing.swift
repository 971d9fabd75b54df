/// Whom a request goes to: members of the row, nodes that stand in for them, and who is suspected (Dynamo §4.6, §4.8.3).
extension RequestCore {
    /// A peer that keeps requests waiting is suspected until it answers anything: its stand-ins are asked at once.
    /// Local and driven by traffic; nobody else is told to believe it.
    mutating func suspect(_ nodes: [NodeID]) {
        for node in nodes where node != self.configuration.node {
            self.suspects.insert(node)
        }
    }

    func isReachable(_ node: NodeID) -> Bool {
        node == self.configuration.node || self.connected.contains(node)
    }

    func isHealthy(_ node: NodeID) -> Bool {
        self.isReachable(node) && !self.suspects.contains(node)
    }

    /// A member of the row coordinates itself, unless the client's context names a healthy other one that answered the
    /// preceding read faster (Dynamo §5).
    func coordinatesItself(_ partition: PartitionID, preferred: NodeID?, _ layout: Layout) -> Bool {
        let row = layout.readRow(of: partition)
        guard row.contains(self.configuration.node) else { return false }
        guard let preferred, preferred != self.configuration.node, row.contains(preferred) else { return true }
        return !self.isHealthy(preferred) || self.draining.contains(preferred)
    }

    /// Other members that may coordinate a write: the preferred one first, healthy ones in the order of the row.
    func otherCoordinators(of partition: PartitionID, preferred: NodeID?, _ layout: Layout) -> [NodeID] {
        var members = layout.readRow(of: partition).filter { $0 != self.configuration.node && self.isHealthy($0) }
        members = self.drainingLast(members)
        if let preferred, !self.draining.contains(preferred), let index = members.firstIndex(of: preferred) {
            members.remove(at: index)
            members.insert(preferred, at: 0)
        }
        return members
    }

    /// Who may coordinate when no healthy member does: this node if it is a member, healthy stand-ins, then members
    /// that are suspected only.
    mutating func lastCoordinators(of partition: PartitionID, _ layout: Layout) -> [NodeID] {
        let row = layout.readRow(of: partition)
        let own = row.contains(self.configuration.node) ? [self.configuration.node] : []
        return own + self.standIns(for: partition) + row.filter { self.suspects.contains($0) && self.isReachable($0) }
    }

    /// Who may stand in for members of the partition's rows, best first: healthy before suspected.
    mutating func standIns(for partition: PartitionID) -> [NodeID] {
        guard let layout = self.layout else { return [] }
        if self.fallbacks[partition] == nil {
            let rows = layout.writeRows(of: partition)
            self.fallbacks[partition] = PreferenceList.fallback(for: partition, in: layout)
                .filter { node in !rows.contains { $0.contains(node) } }
        }
        let list = (self.fallbacks[partition] ?? []).filter(self.isReachable)
        return self.drainingLast(list.filter { !self.suspects.contains($0) }) + list.filter(self.suspects.contains)
    }

    private func drainingLast(_ nodes: [NodeID]) -> [NodeID] {
        guard !self.draining.isEmpty else { return nodes }
        return nodes.filter { !self.draining.contains($0) } + nodes.filter(self.draining.contains)
    }
}
