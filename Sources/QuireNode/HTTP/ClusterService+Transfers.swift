import QuireCore
import QuireWire

/// Partitions in motion: step, age, sources, rate, blocker and the command that resolves it.
extension ClusterService {
    func transfers() async throws -> TransferAPI.Report {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let reports = try await self.reports(layout)
        let name = { (id: NodeID) in layout.member(id)?.name ?? id.description }
        let view = try await self.blockerView(layout, reports)
        let waiting = try await self.control.fencesMissing()
        let oldest = layout.moves.map(\.fence).min()
        var times: [LayoutVersion: Int] = [:]
        if let oldest { times = try await self.control.adoptionTimes(from: oldest) }
        let now = Int(MachineClock.wallMilliseconds)
        let moves = layout.moves.map { move -> TransferAPI.Move in
            let incoming = Self.incoming(of: move, layout, reports)
            let fences = (waiting[move.partition] ?? []).map(name)
            var result = TransferAPI.Move(
                partition: move.partition.rawValue,
                phase: move.phase.rawValue,
                from: move.from.map(name),
                to: move.to.map(name),
                incoming: incoming
            )
            result.waitsForFencesOf = fences
            result.ageMilliseconds = times[move.fence].map { max(0, now - $0) }
            result.step = Self.step(of: move, layout, incoming, isFencing: !fences.isEmpty)
            if let blocker = MoveBlocker.of(move, view) {
                result.blocker = blocker.reason
                result.command = blocker.command
                result.cause = blocker.cause.rawValue
                result.needsAction = blocker.needsAction
            }
            return result
        }
        let bytes = Self.bytes(layout, moves, reports)
        var report = TransferAPI.Report(
            change: try await self.change(layout),
            layoutVersion: layout.version.rawValue,
            bytesDone: bytes.done,
            bytesTotal: bytes.total,
            replicasDone: layout.change?.copiedReplicas ?? 0,
            replicasTotal: layout.change?.movedReplicas ?? 0,
            moves: moves
        )
        let rates = moves.flatMap(\.incoming).compactMap(\.bytesPerSecond)
        report.bytesPerSecond = rates.isEmpty ? nil : rates.reduce(0, +)
        report.coordinator = try await self.control.layoutCoordinator().map(name)
        report.bytesPerSecondMax = layout.limits.bytesPerSecondMax
        report.transfersPerNodeMax = layout.limits.transfersPerNodeMax
        return report
    }

    /// What this node sees of the members while a change runs.
    private func blockerView(_ layout: Layout, _ reports: [NodeID: NodeReport]) async throws -> MoveBlocker.View {
        let members = try await MemberView(of: layout.members, at: self.control)
        var view = MoveBlocker.View(layout: layout)
        for member in layout.members {
            var sight = MoveBlocker.Sight()
            sight.silentSeconds = members.silentSeconds(of: member.id)
            if let report = reports[member.id] {
                sight.layoutVersion = LayoutVersion(report.layoutVersion)
                sight.hints = report.work?.hints.held
                sight.hintBlocker = report.work?.hints.blocker
                sight.freeBytes = report.diskFreeBytes
                sight.incoming = report.incoming
                sight.admissionShare = report.work?.admission.share
                sight.admissionReason = report.work?.admission.reason
            }
            view.sights[member.id] = sight
        }
        return view
    }

    /// Only of nodes that the phase waits for: what others have told is of earlier changes.
    private static func incoming(
        of move: PartitionMove,
        _ layout: Layout,
        _ reports: [NodeID: NodeReport]
    ) -> [TransferAPI.Incoming] {
        guard move.phase == .dualWrite else { return [] }
        return layout.receiptsDue(of: move).flatMap { node in
            (reports[node]?.incoming ?? []).filter { $0.partition == move.partition.rawValue }
        }
    }

    private static func step(
        of move: PartitionMove,
        _ layout: Layout,
        _ incoming: [TransferAPI.Incoming],
        isFencing: Bool
    ) -> String {
        if layout.hasAllReceipts(of: move), move.phase != .readNew { return "deciding" }
        switch move.phase {
        case .dualWrite:
            let ended = PartitionTransfer.Step.covered.rawValue
            if let running = incoming.first(where: { $0.step != ended }) { return running.step }
            return isFencing ? "fencing" : incoming.isEmpty ? "waiting" : "deciding"
        case .readNew: return "settling"
        case .draining: return "handing over"
        }
    }

    /// Bytes copied and to copy, of the whole change: what is covered is in the layout, so that a restart forgets nothing;
    /// what has not begun is as large as it is at its holders.
    private static func bytes(
        _ layout: Layout,
        _ moves: [TransferAPI.Move],
        _ reports: [NodeID: NodeReport]
    ) -> (done: Int, total: Int) {
        let copied = layout.change?.copiedBytes ?? 0
        var done = copied
        var total = copied
        for (move, told) in zip(layout.moves, moves) where move.phase == .dualWrite {
            for node in layout.receiptsDue(of: move) where !move.receipts.contains(where: { $0.node == node }) {
                let name = layout.member(node)?.name
                if let running = told.incoming.first(where: { $0.target == name }), running.bytesTotal > 0 {
                    done += running.bytesDone
                    total += running.bytesTotal
                } else {
                    total += move.from.compactMap { reports[$0]?.partitionBytes[move.partition.rawValue] }.max() ?? 0
                }
            }
        }
        return (done, total)
    }
}
