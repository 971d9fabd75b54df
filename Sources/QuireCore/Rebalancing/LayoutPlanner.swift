internal import Crypto

/// Plans changes of membership (Dynamo §6.2, strategy 3: every node keeps Q/S tokens) and makes first layouts.
///
/// All staged changes become one plan, the cheapest that ends in balance; see `Placement` for what "cheapest" means.
/// Planning is a pure function of the layout: every node that plans the same layout gets the same plan and id.
package enum LayoutPlanner {
    package static func plan(for layout: Layout) throws(PlanRefusal) -> LayoutPlan {
        if let change = layout.change, !change.isFinished {
            throw .changeRunning(planID: change.planID, movesLeft: layout.moves.count)
        }
        guard !layout.staged.isEmpty else { throw .nothingStaged }
        var members = layout.members
        var quorums = layout.quorums
        for change in layout.staged {
            try change.apply(to: &members, quorums: &quorums)
        }
        let lost = layout.staged.compactMap(\.lostNode)
        if layout.members.allSatisfy({ lost.contains($0.id) }) { throw .everyMemberLost }
        let allowed = 1...layout.partitionCount.rawValue
        guard allowed.contains(members.count) else {
            throw .memberCountOutOfRange(members.count, allowed: allowed)
        }
        let placement = Placement(
            Placement.Problem(
                nodes: members.map(\.id),
                zones: members.map(\.zone),
                weights: members.map(\.weight),
                currentRows: layout.rows,
                formerRows: self.formerRows(of: layout),
                replicaCount: quorums.replicaCount
            )
        )
        return self.plan(for: layout, members: members, quorums: quorums, placement: placement)
    }

    /// The layout with which a cluster begins, from settings that came from outside: version 1, balanced.
    package static func validatedInitial(
        clusterID: String,
        members: [Member],
        partitionCount: PartitionCount,
        quorums: QuorumSettings
    ) throws(LayoutViolation) -> Layout {
        var layout = Layout(
            clusterID: clusterID,
            version: LayoutVersion.none.next,
            partitionCount: partitionCount,
            quorums: quorums,
            members: members.sorted { $0.id < $1.id },
            rows: []
        )
        try layout.validateFounding()
        let nodes = layout.members.map(\.id)
        let placement = Placement(
            Placement.Problem(
                nodes: nodes,
                zones: layout.members.map(\.zone),
                weights: layout.members.map(\.weight),
                currentRows: Array(repeating: [], count: partitionCount.rawValue),
                replicaCount: quorums.replicaCount
            )
        )
        layout.rows = placement.rows.map { row in row.map { nodes[$0] } }
        try layout.validate()
        return layout
    }

    /// The same, from settings that are known to be good.
    ///
    /// - Precondition: whatever `validatedInitial` demands.
    package static func initial(
        clusterID: String,
        members: [Member],
        partitionCount: PartitionCount,
        quorums: QuorumSettings
    ) -> Layout {
        do {
            return try self.validatedInitial(
                clusterID: clusterID,
                members: members,
                partitionCount: partitionCount,
                quorums: quorums
            )
        } catch {
            preconditionFailure("no cluster can begin like this: \(error)")
        }
    }

    /// Rows before the last change, while the files that it retired are kept: a node that returns can have its old
    /// partitions without a copy of what has not changed since.
    private static func formerRows(of layout: Layout) -> [Int: [NodeID]] {
        guard let change = layout.change, change.isUndoable, let origin = change.origin else { return [:] }
        return Dictionary(uniqueKeysWithValues: origin.rows.map { ($0.partition.rawValue, $0.row) })
    }

    private static func plan(
        for layout: Layout,
        members: [Member],
        quorums: QuorumSettings,
        placement: Placement
    ) -> LayoutPlan {
        let rows = placement.rows.map { row in row.map { members[$0].id } }
        let moves = zip(layout.partitionCount.partitions, zip(layout.rows, rows)).flatMap { partition, change in
            self.moves(of: partition, from: change.0, to: change.1)
        }
        return LayoutPlan(
            id: self.id(layout, rows: rows),
            base: layout.version,
            staged: layout.staged,
            members: members,
            quorums: quorums,
            rows: rows,
            moves: moves,
            movedReplicas: placement.movedReplicas,
            movedReplicasMinimum: placement.movedReplicasMinimum,
            perNode: self.shares(before: layout, members: members, rows: rows, moves: moves),
            saturatedZones: placement.targets.saturatedZones,
            certificate: self.certificate(for: layout, members: members, rows: rows, placement: placement)
        )
    }

    private static func certificate(
        for layout: Layout,
        members: [Member],
        rows: [[NodeID]],
        placement: Placement
    ) -> PlanCertificate {
        let lost = Set(layout.staged.compactMap(\.lostNode))
        // Reads ask the old row until the new one covers it: the live replicas are those of one of the two.
        let live = zip(layout.rows, rows).map { old, new in
            min(old.count { !lost.contains($0) }, new.count)
        }
        return PlanCertificate(
            movedReplicas: placement.movedReplicas,
            movedReplicasMinimum: placement.movedReplicasMinimum,
            prices: placement.prices,
            liveReplicasMinimum: live.min() ?? 0,
            before: .init(
                rows: layout.rows,
                nodes: layout.stayingMembers.map(\.id),
                replicaCount: layout.quorums.replicaCount
            ),
            after: .init(rows: rows, nodes: members.map(\.id), replicaCount: placement.targets.rowSize),
            saturatedZones: placement.targets.saturatedZones,
            saturatedNodes: placement.targets.saturatedNodes.map { members[$0].id }
        )
    }

    /// Pairs newcomers with those who leave the row; where the row shrinks there is nothing to copy.
    private static func moves(of partition: PartitionID, from old: [NodeID], to new: [NodeID]) -> [LayoutPlan.Move] {
        let leavers = old.filter { !new.contains($0) }
        return new.filter { !old.contains($0) }.enumerated().map { index, newcomer in
            LayoutPlan.Move(
                partition: partition,
                from: index < leavers.count ? leavers[index] : nil,
                to: newcomer
            )
        }
    }

    private static func shares(
        before layout: Layout,
        members: [Member],
        rows: [[NodeID]],
        moves: [LayoutPlan.Move]
    ) -> [LayoutPlan.NodeShare] {
        let before = RowCounts(layout.rows)
        let after = RowCounts(rows)
        let incoming = Dictionary(grouping: moves, by: \.to).mapValues(\.count)
        return Set(layout.members.map(\.id) + members.map(\.id)).sorted().map { node in
            let received = incoming[node] ?? 0
            return LayoutPlan.NodeShare(
                node: node,
                tokensBefore: before.tokens(of: node),
                tokensAfter: after.tokens(of: node),
                replicasBefore: before.replicas(of: node),
                replicasAfter: after.replicas(of: node),
                incoming: received,
                outgoing: before.replicas(of: node) + received - after.replicas(of: node)
            )
        }
    }

    /// Hashes lines of text: what the plan is made of, and what it leads to.
    ///
    /// The version is no part of it: other limits do not make another plan. The last change is, so that no two changes
    /// have the same id, even when one repeats what another had done before it was taken back.
    private static func id(_ layout: Layout, rows: [[NodeID]]) -> String {
        var lines = ["cluster \(layout.clusterID) \(layout.lineage.base)"]
        if let last = layout.change {
            lines.append("after \(last.planID) \(last.kind.rawValue) \(last.beganAt) \(last.endedAt ?? .none)")
        }
        lines += layout.members.map { "member \($0.id) \($0.zone) \($0.weight) \($0.joinedAt)" }
        lines.append("voters " + layout.voters.map(\.description).joined(separator: " "))
        lines.append(layout.quorums.line)
        lines += layout.staged.map(\.line)
        for (old, new) in zip(layout.rows, rows) {
            lines.append((old + new).map(\.description).joined(separator: " "))
        }
        let digest = SHA256.hash(data: Array(lines.joined(separator: "\n").utf8))
        return digest.prefix(6).map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
    }
}

extension StagedChange {
    /// The same for equal changes only.
    fileprivate var line: String {
        switch self {
        case .join(let member): "join \(member.id) \(member.zone) \(member.weight)"
        case .leave(let node, let isLost): "leave \(node) \(isLost)"
        case .replace(let node, let member, let isLost):
            "replace \(node) \(member.id) \(member.zone) \(member.weight) \(isLost)"
        case .setWeight(let node, let weight): "weight \(node) \(weight)"
        case .setZone(let node, let zone): "zone \(node) \(zone)"
        case .setQuorums(let quorums): quorums.line
        }
    }
}

extension QuorumSettings {
    fileprivate var line: String {
        "quorums \(self.replicaCount) \(self.readQuorum) \(self.writeQuorum) \(self.writeQuorumMin)"
    }
}
