import QuireCore

/// What was decided about membership: one layout per version, and changes that end as they were planned.
struct LayoutHistory {
    private var layouts: [LayoutVersion: [UInt8]] = [:]
    private var changes: [String: (moved: Int, rows: [[NodeID]])] = [:]

    /// - Returns: what is wrong with it.
    mutating func adopted(_ layout: Layout, as bytes: [UInt8], by node: NodeID) -> String? {
        if let other = self.layouts.updateValue(bytes, forKey: layout.version), other != bytes {
            return "node \(node) adopted a second layout of version \(layout.version)"
        }
        guard let change = layout.change else { return nil }
        if change.beganAt == layout.version {
            let moved = layout.moves.reduce(0) { $0 + $1.newcomers.count }
            self.changes[change.planID] = (moved, layout.targetRows)
            if moved != change.movedReplicas {
                return "change \(change.planID) moves \(moved) replicas, planned were \(change.movedReplicas)"
            }
        } else if change.isFinished, layout.staged.isEmpty, let planned = self.changes[change.planID],
            planned.rows != layout.rows
        {
            return "change \(change.planID) ended with other rows than planned"
        }
        return nil
    }
}
