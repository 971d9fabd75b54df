import QuireCore

/// What was decided about membership: one layout per version, each a legal successor of the one before it, and changes
/// that end as they were planned, or as it was before them.
///
/// It knows the steps of a move from SAFETY rules 10 and 11 and shares no code with the layout's own transitions.
struct LayoutHistory {
    private var layouts: [LayoutVersion: (layout: Layout, bytes: [UInt8])] = [:]
    /// The rows, members and quorums with which the change that began with a version must end.
    private var endings: [LayoutVersion: Ending] = [:]
    /// How many changes ended, by their kind.
    private(set) var ended: [LayoutChange.Kind: Int] = [:]

    private struct Ending {
        let rows: [[NodeID]]
        let members: [NodeID]
        let quorums: QuorumSettings

        init(of layout: Layout) {
            self.rows = layout.targetRows
            self.members = layout.stayingMembers.map(\.id)
            self.quorums = layout.quorums
        }
    }

    /// - Returns: what is wrong with it.
    mutating func adopted(_ layout: Layout, as bytes: [UInt8], by node: NodeID) -> String? {
        if let known = self.layouts[layout.version] {
            return known.bytes == bytes ? nil : "node \(node) adopted a second layout of version \(layout.version)"
        }
        self.layouts[layout.version] = (layout, bytes)
        do throws(LayoutViolation) {
            try layout.validate()
        } catch {
            return "version \(layout.version) was decided and is not valid: \(error)"
        }
        if let former = self.layouts[LayoutVersion(layout.version.rawValue - 1)]?.layout,
            let wrong = Self.violation(from: former, to: layout)
        {
            return "version \(layout.version): \(wrong)"
        }
        return self.changed(layout)
    }

    // MARK: Changes

    private mutating func changed(_ layout: Layout) -> String? {
        guard let change = layout.change else { return nil }
        let former = self.layouts[LayoutVersion(layout.version.rawValue - 1)]?.layout
        if change.beganAt == layout.version {
            let ending = Ending(of: layout)
            if change.kind == .undo, let expected = self.beginning(of: former?.change), ending.rows != expected.rows {
                return "the undo of \(change.planID) does not lead back"
            }
            self.endings[change.beganAt] = ending
            let moved = layout.moves.reduce(0) { $0 + $1.newcomers.count }
            if moved != change.movedReplicas {
                return "change \(change.planID) moves \(moved) replicas, planned were \(change.movedReplicas)"
            }
        } else if change.kind == .abort, former.map({ $0.change?.kind != .abort }) ?? false {
            self.endings[change.beganAt] = self.beginning(of: change) ?? self.endings[change.beganAt]
        }
        guard change.isFinished, change.endedAt == layout.version else { return nil }
        self.ended[change.kind, default: 0] += 1
        guard let ending = self.endings[change.beganAt], change.kind != .abort || self.beginning(of: change) != nil
        else { return nil }
        return self.wrong(with: layout, change, ending)
    }

    /// What was before a change.
    private func beginning(of change: LayoutChange?) -> Ending? {
        guard let change, let layout = self.layouts[LayoutVersion(change.beganAt.rawValue - 1)]?.layout else {
            return nil
        }
        return Ending(of: layout)
    }

    private func wrong(with layout: Layout, _ change: LayoutChange, _ ending: Ending) -> String? {
        if !layout.moves.isEmpty { return "change \(change.planID) ended while partitions move" }
        if layout.rows != ending.rows { return "\(change.kind) \(change.planID) ended with other rows than it had to" }
        if layout.members.map(\.id) != ending.members {
            return "\(change.kind) \(change.planID) ended with other members than it had to"
        }
        if layout.quorums != ending.quorums {
            return "\(change.kind) \(change.planID) ended with other quorums than it had to"
        }
        return nil
    }

    // MARK: Steps

    /// Why one layout cannot follow the other.
    static func violation(from former: Layout, to next: Layout) -> String? {
        guard former.clusterID == next.clusterID, former.lineage == next.lineage else {
            return "another cluster or lineage"
        }
        for partition in next.partitionCount.partitions {
            let (old, new) = (former.move(of: partition), next.move(of: partition))
            let rows = (former.readRow(of: partition), next.readRow(of: partition))
            let wrong =
                switch (old, new) {
                case (nil, nil):
                    Set(rows.0) == Set(rows.1) ? nil : "changes its row without a move"
                case (nil, let new?):
                    new.phase == .dualWrite && new.from == rows.0 ? nil : "begins to move in \(new.phase)"
                case (let old?, nil):
                    self.violation(endOf: old, in: former, row: rows.1)
                case (let old?, let new?):
                    self.violation(from: old, to: new, former, next)
                }
            if let wrong { return "partition \(partition) \(wrong)" }
        }
        return nil
    }

    private static func violation(endOf move: PartitionMove, in former: Layout, row: [NodeID]) -> String? {
        switch move.phase {
        case .dualWrite: row == move.from ? nil : "gives up its move with another row"
        case .readNew: "ends its move while both rows are written"
        case .draining: row == move.to ? nil : "ends its move with another row"
        }
    }

    private static func violation(
        from old: PartitionMove,
        to new: PartitionMove,
        _ former: Layout,
        _ next: Layout
    ) -> String? {
        if new.from == old.from, new.to == old.to, new.isReversal == old.isReversal {
            switch (old.phase, new.phase) {
            case (.dualWrite, .dualWrite), (.readNew, .readNew), (.readNew, .draining), (.draining, .draining):
                return nil
            case (.dualWrite, .readNew): return self.unproven(new, in: former)
            default: return "goes from \(old.phase) to \(new.phase)"
            }
        }
        guard next.change?.kind == .abort else { return "changes its rows while it moves" }
        switch (old.phase, new.phase) {
        case (.readNew, .readNew):
            return new.isReversal && new.from == old.to ? nil : "is turned round with other rows"
        case (.draining, .dualWrite):
            return new.from == old.to ? nil : "is turned round with other rows"
        default: return "goes from \(old.phase) to \(new.phase) when turned round"
        }
    }

    /// Reads turn only when each newcomer, or each new owner if their number changes, has covered enough replicas of the
    /// old row to leave no write quorum among the others. Who is lost covers nothing, and nobody will read there.
    private static func unproven(_ move: PartitionMove, in former: Layout) -> String? {
        let quorums = former.formerQuorums ?? former.quorums
        let needed = move.from.count - min(quorums.writeQuorumMin, move.from.count) + 1
        let able = move.from.count { !former.lost.contains($0) }
        for owner in move.to where !move.from.contains(owner) || move.to.count != move.from.count {
            // Of who is gone for good nothing is asked, as long as another owner has the data.
            if former.lost.contains(owner), !move.to.allSatisfy(former.lost.contains) { continue }
            guard let receipt = move.receipts.first(where: { $0.node == owner }) else {
                return "turns reads to \(owner), which gave no receipt"
            }
            var covered = Set(receipt.sources)
            if move.from.contains(owner) { covered.insert(owner) }
            guard covered.isSubset(of: move.from), covered.count >= min(needed, able) else {
                return "turns reads to \(owner), which covered only \(covered.sorted().map(\.rawValue))"
            }
        }
        return nil
    }
}
