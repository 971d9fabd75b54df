import QuireCore
import QuireWire

/// What a change would do before it is begun, what is looked at then, and the beginning.
extension ClusterService {
    /// Above so many replicas, planning each staged change by itself takes too long for a question.
    private static let comparedReplicasMax = 200_000

    func plan(snapshotAgeMaxSeconds: Int?) async throws -> ClusterAPI.Plan {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let plan = try Self.plan(for: layout)
        let reports = try await self.reports(layout)
        let rate = try await self.rate(layout)
        let forecast = Self.forecast(plan, layout, reports, bytesPerSecond: rate)
        let disks = forecast.map { Dictionary(uniqueKeysWithValues: $0.nodes.map { ($0.node, $0) }) }
        let known = layout.members + layout.staged.compactMap(\.joiner)
        let nodes = plan.perNode.map { share in
            let member = known.first { $0.id == share.node }
            let report = reports[share.node]
            var node = ClusterAPI.Plan.Node(
                id: share.node.description,
                name: member?.name ?? share.node.description,
                zone: member?.zone ?? "",
                tokensBefore: share.tokensBefore,
                tokensAfter: share.tokensAfter,
                replicasBefore: share.replicasBefore,
                replicasAfter: share.replicasAfter,
                incoming: share.incoming,
                outgoing: share.outgoing
            )
            node.storedBytes = report?.storedBytes
            node.incomingBytes = disks.map { $0[share.node]?.bytesIncoming ?? 0 }
            node.peakBytes = disks?[share.node]?.bytesPeak
            node.bytesBySteps = disks?[share.node].map { Self.some(of: $0.bytesByStep) }
            node.diskFreeBytes = report?.diskFreeBytes
            return node
        }
        var result = ClusterAPI.Plan(
            plan: plan.id,
            layoutVersion: layout.version.rawValue,
            staged: Self.staged(layout.staged, in: layout),
            nodes: nodes,
            movedReplicas: plan.movedReplicas,
            movedReplicasMinimum: plan.movedReplicasMinimum,
            movedBytes: forecast?.bytes,
            saturatedZones: plan.saturatedZones.map(\.zone),
            checks: try await self.checks(for: plan, layout, reports, snapshotAgeMaxSeconds)
        )
        result.movedReplicasSeparately = Self.movedSeparately(layout)
        let name = { (id: NodeID) in known.first { $0.id == id }?.name ?? id.description }
        result.links = forecast?.busiestLinks.prefix(Self.linksMax).map {
            .init(from: name($0.source), to: name($0.target), bytes: $0.bytes)
        }
        result.steps = forecast?.steps
        if let rate {
            result.secondsEstimate = forecast?.seconds.map { Int($0.rounded(.up)) }
            result.bytesPerSecondAssumed = rate
            result.isAtLimit = layout.limits.bytesPerSecondMax != nil
        }
        result.safety = Self.safety(plan.certificate)
        let warnings = try await self.lossWarnings([], layout)
        result.warnings = warnings.isEmpty ? nil : warnings
        return result
    }

    private static let linksMax = 10
    private static let stepsMax = 16

    /// Evenly chosen ones, the last among them.
    private static func some(of steps: [Int]) -> [Int] {
        let count = min(steps.count, Self.stepsMax)
        return (0..<count).map { steps[($0 + 1) * steps.count / count - 1] }
    }

    /// `nil` when no holder of some partition has told how large it is.
    private static func forecast(
        _ plan: LayoutPlan,
        _ layout: Layout,
        _ reports: [NodeID: NodeReport],
        bytesPerSecond: Int? = nil
    ) -> PlanForecast? {
        let disks = reports.mapValues { report in
            PlanForecast.Disk(
                partitionBytes: report.partitionBytes,
                usedBytes: report.storedBytes,
                freeBytes: report.diskFreeBytes
            )
        }
        var input = PlanForecast.Input(plan, layout, disks: disks)
        input?.bytesPerSecond = bytesPerSecond
        return input.map { PlanForecast(of: plan, on: layout, $0) }
    }

    /// Bytes per second into each node: the limit, or what the last change that copied something has reached on average.
    private func rate(_ layout: Layout) async throws -> Int? {
        if let limit = layout.limits.bytesPerSecondMax { return limit }
        for span in try await self.control.changes() {
            guard let change = span.last.change, change.isFinished, change.copiedReplicas > 0 else { continue }
            let milliseconds = span.endedMilliseconds - span.beganMilliseconds
            let newcomers = change.staged.compactMap(\.joiner).count
            guard milliseconds > 0, change.copiedBytes >= Self.measuredBytesMin else { continue }
            return change.copiedBytes * 1000 / milliseconds / max(1, newcomers)
        }
        return nil
    }

    /// Less says more about the steps of a change than about its copies.
    private static let measuredBytesMin = 64 << 20

    private static func safety(_ certificate: PlanCertificate) -> ClusterAPI.Plan.Safety {
        let share = { (fatal: Int, all: Int) in all == 0 ? 0 : Double(fatal) / Double(all) }
        var safety = ClusterAPI.Plan.Safety(
            liveReplicasMinimum: certificate.liveReplicasMinimum,
            replicaSetsBefore: certificate.before.replicaSets,
            replicaSetsAfter: certificate.after.replicaSets,
            lossBefore: share(certificate.before.fatalSets, certificate.before.allSets),
            lossAfter: share(certificate.after.fatalSets, certificate.after.allSets)
        )
        let more = { (risk: PlanCertificate.Risk) -> Double? in
            risk.allSetsOfOneMore > 0 ? risk.fatalSetsOfOneMore.map { share($0, risk.allSetsOfOneMore) } : nil
        }
        safety.lossOfOneMoreBefore = more(certificate.before)
        safety.lossOfOneMoreAfter = more(certificate.after)
        return safety
    }

    private static func plan(for layout: Layout) throws -> LayoutPlan {
        do throws(PlanRefusal) {
            return try LayoutPlanner.plan(for: layout)
        } catch {
            throw OperatorText.failure(.plan(error), layout)
        }
    }

    /// Replicas that would move if each staged change were a change of its own, in the order of staging.
    static func movedSeparately(_ layout: Layout) -> Int? {
        let replicas = layout.partitionCount.rawValue * layout.quorums.replicaCount
        guard layout.staged.count > 1, replicas * layout.staged.count <= Self.comparedReplicasMax else { return nil }
        var next = layout
        var moved = 0
        for change in layout.staged {
            next.staged = [change]
            // A change that is possible only together with others cannot be compared.
            guard let plan = try? LayoutPlanner.plan(for: next) else { return nil }
            moved += plan.movedReplicas
            next.members = plan.members
            next.quorums = plan.quorums
            next.rows = plan.rows
        }
        return moved
    }

    // MARK: Beginning

    func commit(_ request: ClusterAPI.CommitRequest) async throws -> ClusterAPI.Status {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let skipped = Set(request.skippedChecks ?? [])
        if let unknown = skipped.subtracting(PreflightChecks.names).min() {
            throw ClusterAPI.Failure(
                code: "unknown_check",
                message: "there is no check '\(unknown)'; the checks are "
                    + PreflightChecks.names.joined(separator: ", ")
            )
        }
        // Committed before, perhaps by this very request: then it is done.
        if layout.change?.planID == request.plan, layout.change?.kind == .planned, layout.staged.isEmpty {
            return try await self.status()
        }
        // A plan that is not the present one is told from a check that fails.
        let plan = try Self.plan(for: layout)
        guard plan.id == request.plan else {
            throw OperatorText.failure(.planChanged(asked: request.plan, current: plan.id), layout)
        }
        let reports = try await self.reports(layout)
        let checks = try await self.checks(for: plan, layout, reports, request.snapshotAgeMaxSeconds)
        let failures = PreflightChecks.failures(checks, skipping: skipped)
        guard failures.isEmpty else { throw OperatorText.failure(failures) }
        var status = try await self.ask(.commit(planID: request.plan))
        let notes = checks.filter { $0.result != .passed }.map { check in
            let verdict = check.result == .failed ? "failed, and was overridden" : "could not be made"
            return "check \(check.name) \(verdict): \(check.finding)"
        }
        status.notes = notes.isEmpty ? nil : notes
        return status
    }

    private func checks(
        for plan: LayoutPlan,
        _ layout: Layout,
        _ reports: [NodeID: NodeReport],
        _ snapshotAgeMaxSeconds: Int?
    ) async throws -> [OperationsAPI.Check] {
        let newcomers = plan.members.filter { layout.member($0.id) == nil }
        let nodes = (layout.members + newcomers).map { member in
            let report = reports[member.id]
            var node = PreflightChecks.Node(id: member.id, name: member.name, isAnswering: report != nil)
            node.freeBytes = report?.diskFreeBytes
            node.hints = report?.work?.hints.held ?? 0
            node.hintAgeSeconds = report?.work?.hints.oldestAgeMilliseconds.map { $0 / 1000 }
            node.quarantined = report?.quarantined.count ?? 0
            node.uncompared = report?.work?.repair.urgentPairs ?? 0
            return node
        }
        let isRunning = layout.change.map { !$0.isFinished } ?? false
        var checks = PreflightChecks(
            nodes: nodes,
            lost: Set(layout.lost + plan.staged.compactMap(\.lostNode)),
            incomingBytes: Self.forecast(plan, layout, reports)?.bytesIncoming,
            running: isRunning ? layout.change.map { ($0.planID, layout.moves.count) } : nil
        )
        checks.snapshotAgeSeconds = try await self.snapshotAge(layout)
        if let maximum = snapshotAgeMaxSeconds { checks.snapshotAgeMaxSeconds = maximum }
        return checks.results()
    }

    /// Since the last snapshot that this node, or a member whose word has reached it, has made.
    private func snapshotAge(_ layout: Layout) async throws -> Int? {
        let view = try await MemberView(of: layout.members, at: self.control)
        let told = layout.members.compactMap {
            view.told(by: $0.id)?.figures[GossipFigures.Name.lastSnapshotMilliseconds.rawValue]
        }
        let own = self.node.lastSnapshot.map { Int($0.beganMilliseconds) }
        guard let last = (told + [own].compactMap { $0 }).max() else { return nil }
        return max(0, (Int(MachineClock.wallMilliseconds) - last) / 1000)
    }

    // MARK: Taking back

    func undoPreview() async throws -> OperationsAPI.UndoPreview {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let back: Layout
        do throws(ChangeRefusal) {
            back = try layout.undoing()
        } catch {
            throw OperatorText.failure(.change(error), layout)
        }
        guard let change = layout.change else { throw OperatorText.failure(.change(.nothingToUndo), layout) }
        let reports = try await self.reports(layout)
        let returning = back.moves.flatMap { move in move.newcomers.map { (move: move, node: $0) } }
        var preview = OperationsAPI.UndoPreview(
            plan: change.planID,
            staged: Self.staged(change.staged, in: layout),
            partitions: back.moves.count,
            replicas: returning.count
        )
        let retired = returning.map { reports[$0.node]?.retiredPartitions?.contains($0.move.partition.rawValue) }
        preview.replicasWithFiles = retired.contains(nil) ? nil : retired.count { $0 == true }
        let sizes = returning.map { returning in
            let partition = returning.move.partition.rawValue
            return returning.move.from.compactMap { reports[$0].map { $0.partitionBytes[partition] ?? 0 } }.max()
        }
        preview.bytesMax = sizes.contains(nil) ? nil : sizes.compactMap { $0 }.reduce(0, +)
        preview.untilMilliseconds = try await self.undoUntil(change)
        return preview
    }
}
