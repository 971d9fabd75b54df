import Testing

@testable import QuireCore

/// One forged layout per objection: each must be found, and named.
@Suite struct PlanCheckerTests {
    private struct Forgery {
        var before: Layout
        var after: Layout

        init(_ zones: [Int] = [3, 3, 2], _ changes: [StagedChange] = [.join(.numbered(20, zone: "z2"))]) throws {
            let (staged, plan) = try Layout.initial(Member.inZones(zones), partitions: 64).planned(changes)
            self.before = staged
            self.after = try staged.committing(plan)
        }

        var objection: PlanChecker.Objection? { PlanChecker.objection(before: self.before, after: self.after) }

        /// Says something else about the change.
        mutating func restate(
            staged: [StagedChange]? = nil,
            moved: Int? = nil,
            minimum: Int? = nil,
            origin: LayoutChange.Origin? = nil,
            certificate: PlanCertificate?? = nil
        ) throws {
            let change = try #require(self.after.change)
            self.after.change = LayoutChange(
                planID: change.planID,
                staged: staged ?? change.staged,
                beganAt: change.beganAt,
                movedReplicas: moved ?? change.movedReplicas,
                movedReplicasMinimum: minimum ?? change.movedReplicasMinimum,
                state: .running,
                origin: origin ?? change.origin,
                certificate: certificate ?? change.certificate
            )
        }

        mutating func recertify(
            prices: [Int]? = nil,
            minimum: Int? = nil,
            live: Int? = nil,
            zones: [SaturatedZone]? = nil,
            nodes: [NodeID]? = nil,
            after: PlanCertificate.Risk? = nil
        ) throws {
            let old = try #require(self.after.change?.certificate)
            try self.restate(
                minimum: minimum,
                certificate: PlanCertificate(
                    movedReplicas: old.movedReplicas,
                    movedReplicasMinimum: minimum ?? old.movedReplicasMinimum,
                    prices: prices ?? old.prices,
                    liveReplicasMinimum: live ?? old.liveReplicasMinimum,
                    before: old.before,
                    after: after ?? old.after,
                    saturatedZones: zones ?? old.saturatedZones,
                    saturatedNodes: nodes ?? old.saturatedNodes
                )
            )
        }

        /// Leads a moving partition to another row.
        mutating func redirect(_ index: Int, to row: ([NodeID]) -> [NodeID]) {
            let move = self.after.moves[index]
            self.after.moves[index] = PartitionMove(
                partition: move.partition,
                from: move.from,
                to: row(move.to),
                phase: move.phase,
                fence: move.fence
            )
        }
    }

    private func node(_ number: Int) -> NodeID { NodeID(number: number) }

    @Test(arguments: [[3, 3, 2], [8], [1, 4], [2, 2, 2, 2, 2], [1]])
    func objectsToNoPlanAsItWasMade(zones: [Int]) throws {
        #expect(try Forgery(zones, [.join(.numbered(20, zone: "z0"))]).objection == nil)
        #expect(try Forgery(zones, [.join(.numbered(20, zone: "z9", weight: 300))]).objection == nil)
    }

    @Test func objectsToRowsThatNobodyPlanned() throws {
        var forgery = try Forgery()
        var next = forgery.before
        next.version = next.version.next
        let row = next.rows[5]
        next.rows[5] = [row[1], row[0], row[2]]
        forgery.after = next
        #expect(forgery.objection == .rowsChangedWithoutPlan(PartitionID(5)))
    }

    @Test func acceptsEveryStepAndEveryWayBack() throws {
        let forgery = try Forgery()
        let ends = try forgery.after.movedToTheEnd()
        for (before, after) in [
            (forgery.before, forgery.before.clearingStaged()), (forgery.after, try forgery.after.pausing()),
            (forgery.after, try forgery.after.aborting()), (ends, try ends.undoing()),
        ] {
            #expect(PlanChecker.objection(before: before, after: after) == nil)
        }
        let undone = try ends.undoing().movedToTheEnd()
        #expect(PlanChecker.objection(before: undone, after: try undone.undoing()) == nil)
    }

    @Test func objectsToAChangeOverAnother() throws {
        var forgery = try Forgery()
        forgery.before.change = forgery.after.change
        forgery.before.change?.state = .running
        #expect(forgery.objection == .overlaps(planID: forgery.after.change?.planID ?? ""))
    }

    @Test func objectsToWhatWasNotStaged() throws {
        var forgery = try Forgery()
        try forgery.restate(staged: [.leave(self.node(1))])
        #expect(forgery.objection == .stagedDiffers)
        forgery = try Forgery()
        forgery.before.staged = []
        try forgery.restate(staged: [])
        #expect(forgery.objection == .stagedDiffers)
    }

    @Test func objectsToOtherMembers() throws {
        var forgery = try Forgery()
        forgery.after.members[0].weight = 7
        #expect(forgery.objection == .memberDiffers(self.node(1)))
        forgery = try Forgery()
        forgery.after.members[8].joinedAt = .none
        #expect(forgery.objection == .memberDiffers(self.node(20)))
        forgery = try Forgery()
        forgery.after.leaving = [self.node(2)]
        #expect(forgery.objection == .memberDiffers(self.node(2)))
        forgery = try Forgery()
        forgery.after.lost = [self.node(3)]
        #expect(forgery.objection == .memberDiffers(self.node(3)))
    }

    @Test func objectsToOtherQuorumsAndVoters() throws {
        var forgery = try Forgery()
        forgery.after.quorums.readQuorum = 1
        #expect(forgery.objection == .quorumsDiffer(forgery.after.quorums))
        forgery = try Forgery()
        forgery.after.voters = [self.node(20)]
        #expect(forgery.objection == .votersDiffer([self.node(20)]))
        forgery = try Forgery([3, 3, 2], [.leave(self.node(1), isLost: true)])
        forgery.after.voters = [self.node(1)]
        #expect(forgery.objection == .votersDiffer([self.node(1)]))
    }

    @Test func objectsToAWayBackToOtherRows() throws {
        var forgery = try Forgery()
        let origin = try #require(forgery.after.change?.origin)
        try forgery.restate(
            origin: .init(members: origin.members, quorums: origin.quorums, rows: Array(origin.rows.dropLast()))
        )
        #expect(forgery.objection == origin.rows.last.map { .originDiffers($0.partition) })
        forgery = try Forgery()
        let still = try #require(forgery.after.moves.first)
        forgery.after.moves.removeFirst()
        forgery.after.rows[still.partition.rawValue] = still.to
        #expect(forgery.objection == .originDiffers(still.partition))
    }

    @Test func objectsToIncompleteAndCrowdedRows() throws {
        var forgery = try Forgery()
        forgery.redirect(0) { Array($0.dropLast()) }
        #expect(forgery.objection == .rowIncomplete(forgery.after.moves[0].partition))
        forgery = try Forgery()
        forgery.redirect(0) { _ in [1, 2, 4].map(NodeID.init(number:)) }
        #expect(forgery.objection == .zonesNotSpread(forgery.after.moves[0].partition, found: 2, possible: 3))
    }

    @Test func objectsToWhatTheCertificateLacks() throws {
        var forgery = try Forgery()
        try forgery.restate(certificate: .some(nil))
        #expect(forgery.objection == .certificateMissing)
        forgery = try Forgery()
        try forgery.recertify(prices: [0])
        #expect(forgery.objection == .priceCount(found: 1, needed: 9))
        // It would be too large to reckon with.
        try forgery.recertify(prices: [Int.max] + Array(repeating: 0, count: 8))
        #expect(forgery.objection == .priceOutOfRange(self.node(1)))
    }

    @Test func objectsToFalseSaturation() throws {
        var forgery = try Forgery()
        try forgery.recertify(zones: [SaturatedZone(zone: "z1", limit: .oneReplicaPerPartition)])
        #expect(forgery.objection == .zoneSaturation("z1"))
        forgery = try Forgery([5, 3, 3], [.join(.numbered(20, zone: "z2"))])
        try forgery.recertify(zones: [])
        #expect(forgery.objection == .zoneSaturation("z0"))
        forgery = try Forgery([6])
        try forgery.recertify(nodes: [self.node(4)])
        #expect(forgery.objection == .nodeSaturation(self.node(4)))
    }

    @Test func objectsToRowsWithoutASaturatedNode() throws {
        var forgery = try Forgery([5], [.setWeight(self.node(2), 10_000)])
        let index = try #require(forgery.after.moves.firstIndex { $0.to.contains(self.node(2)) })
        let others = [1, 3, 4].map(NodeID.init(number:))
        forgery.redirect(index) { _ in others }
        let partition = forgery.after.moves[index].partition
        // Had it been there already, the row would not move.
        #expect(forgery.objection == .saturationBroken(partition) || forgery.objection == .originDiffers(partition))
    }

    @Test func objectsToUnevenLoads() throws {
        var forgery = try Forgery([6], [.join(.numbered(20))])
        forgery.after.moves.indices.forEach { index in
            forgery.redirect(index) { row in
                guard !row.contains(self.node(1)) else { return row }
                return [self.node(1), self.node(20)] + row.filter { $0 != self.node(20) }.prefix(1)
            }
        }
        guard case .replicasUnbalanced = forgery.objection else {
            Issue.record("\(String(describing: forgery.objection))")
            return
        }
        forgery = try Forgery([6], [.join(.numbered(20))])
        forgery.after.moves.indices.forEach { index in
            forgery.redirect(index) { row in [self.node(20)] + row.filter { $0 != self.node(20) } }
        }
        guard case .tokensUnbalanced = forgery.objection else {
            Issue.record("\(String(describing: forgery.objection))")
            return
        }
    }

    @Test func objectsToFalseFigures() throws {
        var forgery = try Forgery()
        let change = try #require(forgery.after.change)
        let moved = change.movedReplicas
        try forgery.restate(moved: moved - 1)
        #expect(forgery.objection == .movedReplicas(stated: moved - 1, counted: moved))
        forgery = try Forgery()
        try forgery.restate(minimum: moved + 1)
        #expect(forgery.objection == .bound(stated: moved + 1, computed: moved))
        forgery = try Forgery()
        try forgery.recertify(live: 1)
        #expect(forgery.objection == .liveReplicas(stated: 1, counted: 3))
        forgery = try Forgery()
        let risk = PlanCertificate.Risk(rows: [[self.node(1)]], nodes: [self.node(1)], replicaCount: 1)
        let counted = try #require(change.certificate?.after.replicaSets)
        try forgery.recertify(after: risk)
        #expect(forgery.objection == .replicaSets(stated: 1, counted: counted))
    }

    @Test func objectsToAFalseRisk() throws {
        var forgery = try Forgery()
        let old = try #require(forgery.after.change?.certificate?.after)
        let (sets, of) = (old.fatalSets, old.allSets)
        for (fatal, all, more, objection) in [
            (sets - 1, of, nil, PlanChecker.Objection.risk(stated: sets - 1, counted: sets)),
            (sets, of + 1, nil, .risk(stated: of + 1, counted: of)),
            (sets, of, -1, .risk(stated: -1, counted: old.allSetsOfOneMore)),
        ] {
            try forgery.recertify(
                after: PlanCertificate.Risk(
                    replicaSets: old.replicaSets,
                    fatalSets: fatal,
                    allSets: all,
                    fatalSetsOfOneMore: more,
                    allSetsOfOneMore: old.allSetsOfOneMore
                )
            )
            #expect(forgery.objection == objection)
        }
    }

    @Test func objectsToOtherSettings() throws {
        let good = try Forgery()
        for change: (inout Layout) -> Void in [
            { $0.limits.transfersPerNodeMax += 1 }, { $0.staged = [.leave(self.node(2))] },
            { $0.fences[3] = $0.version }, { $0.formerQuorums = QuorumSettings() }, { $0.change?.copiedBytes = 1 },
            { $0.lineage = $0.lineage.recovering(id: String(repeating: "1", count: 32), base: $0.version) },
        ] {
            var forgery = good
            change(&forgery.after)
            #expect(forgery.objection == .settingsDiffer)
        }
    }

    /// A move that began further on would skip the receipts that SAFETY rule 11 asks for.
    @Test func objectsToMovesThatHaveBegunAlready() throws {
        let good = try Forgery()
        let partition = good.after.moves[0].partition
        for change: (inout PartitionMove) -> Void in [
            { $0.isReversal = true }, { $0.phase = .draining }, { $0.fence = .none },
            { $0.receipts = [.init(node: self.node(20), root: "", bytes: 0, checksum: "")] },
        ] {
            var forgery = good
            change(&forgery.after.moves[0])
            #expect(forgery.objection == .originDiffers(partition))
        }
    }

    @Test func objectsToWaysBackThatLeadElsewhere() throws {
        let running = try Forgery().after
        let good = try running.aborting()
        var next = good
        next.rows[5].swapAt(0, 1)
        #expect(PlanChecker.objection(before: running, after: next) == .originDiffers(PartitionID(5)))
        next = good
        next.members[1].weight = 7
        #expect(PlanChecker.objection(before: running, after: next) == .memberDiffers(self.node(2)))
        next = good
        next.quorums.readQuorum = 1
        #expect(PlanChecker.objection(before: running, after: next) == .quorumsDiffer(next.quorums))
        let closed = try running.movedToTheEnd().closingUndo()
        next = closed
        next.change?.kind = .undo
        #expect(PlanChecker.objection(before: closed, after: next) == .originDiffers(PartitionID(0)))
    }

    /// Twice the same would leave fewer places than there are.
    @Test func objectsToSaturationThatIsNamedTwice() throws {
        var forgery = try Forgery([5, 3, 3], [.join(.numbered(20, zone: "z2"))])
        let zone = SaturatedZone(zone: "z0", limit: .oneReplicaPerPartition)
        try forgery.recertify(zones: [zone, zone])
        #expect(forgery.objection == .zoneSaturation("z0"))
        forgery = try Forgery([5], [.setWeight(self.node(2), 10_000)])
        try forgery.recertify(nodes: [self.node(2), self.node(2)])
        #expect(forgery.objection == .nodeSaturation(self.node(2)))
    }

    /// Without prices the bound is what joins alone force, and so proves nothing.
    @Test func objectsToMovesWithoutProof() throws {
        var forgery = try Forgery()
        let change = try #require(forgery.after.change)
        try forgery.recertify(prices: Array(repeating: 0, count: 9), minimum: 0)
        #expect(forgery.objection == .notMinimal(moved: change.movedReplicas, bound: 0))
    }
}
