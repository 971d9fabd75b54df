/// Members that a layout has just named, and to which this node's link is still being made.
///
/// From the layout that begins a move a put needs W of the new row as well, and all of that may be newcomers. A put
/// that failed for want of links would fail although every node is well: so it waits for them as it does for members
/// that are slow, until its patience ends.
extension RequestCore {
    mutating func expectNewcomers(of layout: Layout, since former: Layout?, now: Moment) {
        self.newcomers = self.newcomers.filter { layout.member($0.key) != nil }
        guard let former else { return }
        for member in layout.members where former.member(member.id) == nil && !self.isReachable(member.id) {
            self.newcomers[member.id] = now.elapsed
        }
    }

    /// Whether a link to it may come any moment.
    func isExpected(_ node: NodeID, now: Moment) -> Bool {
        guard let since = self.newcomers[node] else { return false }
        return now.elapsed - since < self.configuration.parkingTime
    }

    /// Sends it what has waited for the link.
    mutating func newcomerConnected(_ node: NodeID, now: Moment, into effects: inout [Effect]) {
        guard self.newcomers.removeValue(forKey: node) != nil else { return }
        for id in self.operations.keys.sorted() {
            guard case .put(let put)? = self.operations[id]?.body, !put.isMinting,
                put.machine.pendingMembers.contains(node)
            else { continue }
            self.askAgain(node, id, put, now: now, into: &effects)
        }
    }
}
