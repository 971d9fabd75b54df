/// Verifies, on every node and before it accepts a layout, that a change does what was staged, is balanced and moves
/// as few replicas as possible (SAFETY rule 14: the checker gates acceptance, not adoption).
///
/// It believes nothing and shares no code with the planner: what the planner finds by search is checked here by the
/// conditions that only the right answer fulfils, and the bound is worked out anew from the certificate's prices.
package struct PlanChecker {
    private let before: Layout
    private let after: Layout
    private let rows: [[NodeID]]
    private let change: LayoutChange

    /// - Parameters:
    ///   - before: The layout that is in force.
    ///   - after: Its proposed successor, valid in itself; of what it claims nothing is believed.
    /// - Returns: `nil` when there is nothing to object to.
    package static func objection(before: Layout, after: Layout) -> Objection? {
        let rows = after.targetRows
        do throws(Objection) {
            if let change = after.change, change.kind == .planned, change.beganAt == after.version {
                try PlanChecker(before: before, after: after, rows: rows, change: change).check()
            } else if let change = after.change, change.kind != .planned,
                before.change?.kind != change.kind || change.beganAt == after.version
            {
                try Self.checkWayBack(before, after, rows)
            } else {
                try Self.check(rows, are: before.targetRows) { .rowsChangedWithoutPlan($0) }
            }
            return nil
        } catch {
            return error
        }
    }

    private static func check(
        _ rows: [[NodeID]],
        are expected: [[NodeID]],
        else objection: (PartitionID) -> Objection
    ) throws(Objection) {
        guard rows.count == expected.count else { throw objection(PartitionID(0)) }
        for (index, row) in zip(rows, expected).enumerated() where row.0 != row.1 {
            throw objection(PartitionID(index))
        }
    }

    /// It leads to the members and rows that were checked when they came.
    private static func checkWayBack(_ before: Layout, _ after: Layout, _ rows: [[NodeID]]) throws(Objection) {
        guard let origin = before.change?.origin else { throw .originDiffers(PartitionID(0)) }
        var expected = before.targetRows
        for former in origin.rows { expected[former.partition.rawValue] = former.row }
        try self.check(rows, are: expected) { .originDiffers($0) }
        let staying = after.stayingMembers
        guard staying == origin.members else {
            let differing = Set(staying).symmetricDifference(origin.members).map(\.id).min()
            throw .memberDiffers(differing ?? NodeID(rawValue: 0))
        }
        guard after.quorums == origin.quorums else { throw .quorumsDiffer(after.quorums) }
    }

    private func check() throws(Objection) {
        if let running = self.before.change, !running.isFinished { throw .overlaps(planID: running.planID) }
        guard !self.change.staged.isEmpty, self.change.staged == self.before.staged else { throw .stagedDiffers }
        try self.checkMembers()
        try self.checkSettings()
        try self.checkOrigin()
        guard let certificate = self.change.certificate else { throw .certificateMissing }
        let members = self.after.stayingMembers
        guard certificate.prices.count == members.count else {
            throw .priceCount(found: certificate.prices.count, needed: members.count)
        }
        // Far beyond every price that proves something, and far below what whole numbers can hold.
        let priceMax = 8 * self.rows.count
        for (member, price) in zip(members, certificate.prices) where !(-priceMax...priceMax).contains(price) {
            throw .priceOutOfRange(member.id)
        }
        let shares = try PlanShares(members: members, replicaCount: self.after.quorums.replicaCount, certificate)
        try shares.check(self.rows)
        let moved = zip(self.before.rows, self.rows).reduce(0) { count, row in
            count + row.1.count { !row.0.contains($0) }
        }
        for stated in [self.change.movedReplicas, certificate.movedReplicas] where stated != moved {
            throw .movedReplicas(stated: stated, counted: moved)
        }
        let bound = shares.movedReplicasMinimum(from: self.before.rows, prices: certificate.prices)
        for stated in [certificate.movedReplicasMinimum, self.change.movedReplicasMinimum] where stated != bound {
            throw .bound(stated: stated, computed: bound)
        }
        guard moved == bound else { throw .notMinimal(moved: moved, bound: bound) }
        try self.checkFigures(certificate)
    }

    /// Replays what was staged.
    private func checkMembers() throws(Objection) {
        var expected = Dictionary(uniqueKeysWithValues: self.before.members.map { ($0.id, $0) })
        var quorums = self.before.quorums
        var lost: [NodeID] = []
        for staged in self.change.staged {
            switch staged {
            case .join(let member): expected[member.id] = member
            case .leave(let node, let isLost):
                expected[node] = nil
                if isLost { lost.append(node) }
            case .replace(let node, let member, let isLost):
                expected[node] = nil
                expected[member.id] = member
                if isLost { lost.append(node) }
            case .setWeight(let node, let weight): expected[node]?.weight = weight
            case .setZone(let node, let zone): expected[node]?.zone = zone
            case .setQuorums(let settings): quorums = settings
            }
        }
        let staying = self.after.stayingMembers
        let present = Set(self.before.members.map(\.id))
        for member in staying {
            var wanted = expected.removeValue(forKey: member.id)
            if !present.contains(member.id) { wanted?.joinedAt = self.after.version }
            guard wanted == member else { throw .memberDiffers(member.id) }
        }
        if let missing = expected.keys.min() { throw .memberDiffers(missing) }
        let stays = Set(staying.map(\.id))
        let leaving = self.before.members.map(\.id).filter { !stays.contains($0) }
        if let node = Set(leaving).symmetricDifference(self.after.leaving).min() { throw .memberDiffers(node) }
        if let node = Set(lost).symmetricDifference(self.after.lost).min() { throw .memberDiffers(node) }
        guard self.after.quorums == quorums else { throw .quorumsDiffer(self.after.quorums) }
        try self.checkVoters(staying, lost: lost)
    }

    /// Who has just come votes when it has proven itself; who is lost votes no more.
    private func checkVoters(_ staying: [Member], lost: [NodeID]) throws(Objection) {
        var voters = self.before.voters
        if self.change.isFinished {
            voters = VoterElection.voters(among: staying, keeping: voters)
        } else if !lost.isEmpty {
            let former = Set(self.before.members.map(\.id)).subtracting(lost)
            let electorate = self.after.members.filter { former.contains($0.id) }
            guard !electorate.isEmpty else { throw .votersDiffer(self.after.voters) }
            voters = VoterElection.voters(among: electorate, keeping: voters)
        }
        guard self.after.voters == voters else { throw .votersDiffer(self.after.voters) }
    }

    private func checkSettings() throws(Objection) {
        let former =
            self.change.isFinished || self.after.quorums == self.before.quorums ? nil : self.before.quorums
        guard self.after.clusterID == self.before.clusterID, self.after.lineage == self.before.lineage,
            self.after.version == self.before.version.next, self.after.limits == self.before.limits,
            self.after.partitionCount == self.before.partitionCount, self.after.fences == self.before.fences,
            self.after.staged.isEmpty, self.after.formerQuorums == former,
            self.change.copiedReplicas == 0, self.change.copiedBytes == 0
        else { throw .settingsDiffer }
    }

    /// Nothing has moved yet, and the way back is the rows before.
    private func checkOrigin() throws(Objection) {
        guard let origin = self.change.origin, origin.members == self.before.members,
            origin.quorums == self.before.quorums, self.rows.count == self.before.rows.count
        else { throw .originDiffers(PartitionID(0)) }
        var former = origin.rows[...]
        for partition in self.before.partitionCount.partitions {
            let old = self.before.rows[partition.rawValue]
            let new = self.rows[partition.rawValue]
            // Whole moves are compared: one that began further on would skip receipts.
            let due = PartitionMove(
                partition: partition,
                from: old,
                to: new,
                phase: .dualWrite,
                fence: self.after.version
            )
            guard self.after.move(of: partition) == (Set(old) == Set(new) ? nil : due) else {
                throw .originDiffers(partition)
            }
            guard old != new else { continue }
            guard former.popFirst() == LayoutChange.FormerRow(partition: partition, row: old) else {
                throw .originDiffers(partition)
            }
        }
        if let excess = former.first { throw .originDiffers(excess.partition) }
    }

    private func checkFigures(_ certificate: PlanCertificate) throws(Objection) {
        let lost = self.change.staged.compactMap(\.lostNode)
        var live = Int.max
        for (old, new) in zip(self.before.rows, self.rows) {
            live = min(live, old.count - lost.count { old.contains($0) }, new.count)
        }
        guard certificate.liveReplicasMinimum == live else {
            throw .liveReplicas(stated: certificate.liveReplicasMinimum, counted: live)
        }
        try self.check(
            certificate.before,
            rows: self.before.rows,
            nodes: self.before.members.count,
            replicaCount: self.before.quorums.replicaCount
        )
        try self.check(
            certificate.after,
            rows: self.rows,
            nodes: self.after.stayingMembers.count,
            replicaCount: self.after.quorums.replicaCount
        )
    }

    /// The fatal sets of one node more are only bounded here: to count them is a search.
    private func check(
        _ risk: PlanCertificate.Risk,
        rows: [[NodeID]],
        nodes: Int,
        replicaCount: Int
    ) throws(Objection) {
        let size = min(replicaCount, nodes)
        let sets = Set(rows.map { Set($0) })
        guard risk.replicaSets == sets.count else {
            throw .replicaSets(stated: risk.replicaSets, counted: sets.count)
        }
        let fatal = sets.count { $0.count == size }
        for (stated, counted) in [
            (risk.fatalSets, fatal), (risk.allSets, Self.subsets(ofSize: size, of: nodes)),
            (risk.allSetsOfOneMore, Self.subsets(ofSize: size + 1, of: nodes)),
        ] where stated != counted {
            throw .risk(stated: stated, counted: counted)
        }
        guard let stated = risk.fatalSetsOfOneMore else { return }
        let most = min(fatal * (nodes - size), risk.allSetsOfOneMore)
        guard (0...most).contains(stated) else { throw .risk(stated: stated, counted: most) }
    }

    /// By Pascal's rule; `Int.max` stands for all that is greater.
    private static func subsets(ofSize size: Int, of count: Int) -> Int {
        var line = [1] + Array(repeating: 0, count: size)
        for _ in 0..<count {
            for place in stride(from: size, to: 0, by: -1) {
                let (sum, isTooLarge) = line[place].addingReportingOverflow(line[place - 1])
                line[place] = isTooLarge ? .max : sum
            }
        }
        return line[size]
    }
}
