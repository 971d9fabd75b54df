/// What a node makes of layouts that it is shown: whether they are of its cluster and its life of the layout log, and
/// what its checker says (SAFETY rule 14).
extension ControlCore {
    /// A layout is shown several times while it is decided, and it may be large.
    mutating func decoded(_ bytes: [UInt8]) -> Layout? {
        if let last = self.lastDecoded, last.bytes == bytes { return last.layout }
        guard let layout = self.configuration.decode(bytes) else { return nil }
        self.lastDecoded = (bytes, layout)
        return layout
    }

    mutating func raise(_ alarm: LayoutAlarm, into effects: inout [Effect]) {
        if self.alarms.raised(alarm) {
            effects.append(.raise(alarm))
        }
    }

    // MARK: Adopting

    mutating func mayAdopt(_ layout: Layout, into effects: inout [Effect]) -> Bool {
        guard let own = self.layout else { return self.isInvited(by: layout) }
        guard own.clusterID == layout.clusterID else { return false }
        switch own.lineage.relation(of: layout.lineage, at: own.version) {
        case .same, .successor:
            return true
        case .predecessor where layout.lineage.relation(of: own.lineage, at: layout.version) == .successor:
            // Old news of the common past.
            return false
        case .predecessor, .rival:
            let alarm = LayoutAlarm.foreignLineage(layout.lineage, layout.version, own: own.version)
            self.raise(alarm, into: &effects)
            return false
        }
    }

    /// - Parameter bytes: The newest layout of `node`, which this node has just been shown.
    mutating func noteLineage(_ bytes: [UInt8], of node: NodeID) {
        guard let own = self.layout, let layout = self.decoded(bytes) else { return }
        if own.lineage == layout.lineage {
            self.foreigners.remove(node)
        } else {
            self.foreigners.insert(node)
        }
    }

    /// A stranger becomes a member by a layout that names it. One that has accepted the founding of another cluster is
    /// bound to that (SAFETY rule 13).
    private mutating func isInvited(by layout: Layout) -> Bool {
        guard layout.member(self.node) != nil else { return false }
        guard let accepted = self.acceptor.state.accepted, let founded = self.decoded(accepted.layout) else {
            return true
        }
        return founded.clusterID == layout.clusterID
    }

    // MARK: Checking

    /// Why this node does not vote for a layout.
    func objection(to layout: Layout) -> String? {
        do {
            try layout.validate()
        } catch {
            return "it breaks an invariant: \(error)"
        }
        return self.layout.flatMap { self.configuration.check($0, layout) }
    }

    /// Nobody is asked for a layout that the own checker objects to.
    mutating func checkOwn(_ layout: Layout, into effects: inout [Effect]) throws(OperatorRefusal) {
        guard let before = self.layout, let reason = self.configuration.check(before, layout) else { return }
        self.raise(.objection(layout.version, isDecided: false, reason: reason), into: &effects)
        throw .objected(by: [self.node], reason: reason)
    }

    /// A decided layout is adopted whatever the checker says; but a person should know.
    mutating func objectAfterwards(to layout: Layout, into effects: inout [Effect]) {
        // The checker judges a step, not a leap.
        guard let before = self.layout, before.version.next == layout.version,
            let reason = self.objection(to: layout)
        else { return }
        self.raise(.objection(layout.version, isDecided: true, reason: reason), into: &effects)
    }
}
