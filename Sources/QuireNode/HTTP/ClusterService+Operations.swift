import QuireCore
import QuireWire

/// Planned changes of capacity: staging, and what is done to a change that runs or has finished.
extension ClusterService {
    // MARK: Staging

    func stage(_ request: OperationsAPI.StageRequest) async throws -> ClusterAPI.Status {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        switch request.action {
        case .join:
            return try await self.ask(.stage(.join(try await self.newcomer(request, layout))))
        case .leave:
            let member = try self.member(request.node, layout)
            let isLost = request.isLost ?? false
            let notes = try await self.notesOnParting(with: member, isLost: isLost, layout)
            return try await self.ask(.stage(.leave(member.id, isLost: isLost)), notes: notes)
        case .replace:
            let member = try self.member(request.node, layout)
            let isLost = request.isLost ?? false
            let notes = try await self.notesOnParting(with: member, isLost: isLost, layout)
            let newcomer = try await self.newcomer(request, layout, insteadOf: member)
            return try await self.ask(.stage(.replace(member.id, with: newcomer, isLost: isLost)), notes: notes)
        case .setWeight:
            let member = try self.member(request.node, layout)
            guard let weight = request.weight else { throw Self.missing("weight") }
            return try await self.ask(.stage(.setWeight(member.id, weight)))
        case .setZone:
            let member = try self.member(request.node, layout)
            guard let zone = request.zone, !zone.isEmpty else { throw Self.missing("zone") }
            return try await self.ask(.stage(.setZone(member.id, zone)))
        case .setReplicas:
            return try await self.ask(.stage(.setQuorums(try Self.quorums(request, layout))))
        }
    }

    /// A node that answers hands over what it holds; one that is given up for lost does not. Which of the two it is must
    /// be said, and must be so.
    ///
    /// - Returns: What may be gone with a lost member.
    private func notesOnParting(with member: Member, isLost: Bool, _ layout: Layout) async throws -> [String] {
        let view = try await MemberView(of: [member], at: self.control)
        let silence = view.silentSeconds(of: member.id)
        guard isLost else {
            guard let silence else { return [] }
            let loss = try await self.lossWarnings([member.id], layout).joined(separator: "; ")
            throw ClusterAPI.Failure(
                code: "node_down",
                message: "\(member.name) does not answer for \(AgeText.of(seconds: silence)), and would have to hand "
                    + "over what it holds: start it, or if it is gone for good, add --lost. Then nothing is awaited "
                    + "from it: \(loss)"
            )
        }
        try Self.requireSilence(silence, of: member)
        return try await self.lossWarnings([member.id], layout)
    }

    private static func requireSilence(_ silence: Int?, of member: Member) throws {
        guard silence == nil else { return }
        throw ClusterAPI.Failure(
            code: "node_up",
            message: "\(member.name) answers, so what it holds can be handed over: let it, or stop it for good first"
        )
    }

    /// Gets to know the node; it takes the zone and the weight of the one that it replaces, unless others are given.
    private func newcomer(
        _ request: OperationsAPI.StageRequest,
        _ layout: Layout,
        insteadOf old: Member? = nil
    ) async throws -> Member {
        guard let peer = request.peer else { throw Self.missing("peer") }
        var member = try await self.introductions.stranger(at: peer, of: layout)
        member.weight = request.weight ?? old?.weight ?? Member.weightDefault
        if let zone = request.zone { member.zone = zone }
        return member
    }

    private func member(_ name: String?, _ layout: Layout) throws -> Member {
        guard let name else { throw Self.missing("node") }
        guard let member = layout.members.first(where: { $0.name == name || $0.id.description == name }) else {
            let names = layout.members.map(\.name).sorted().joined(separator: ", ")
            throw ClusterAPI.Failure(code: "unknown_node", message: "no member is called \(name); members are \(names)")
        }
        return member
    }

    private static func missing(_ field: String) -> ClusterAPI.Failure {
        ClusterAPI.Failure(code: "invalid_request", message: "the request lacks \"\(field)\"")
    }

    /// R and W that are not given become a majority of N, or of W the least that meets R.
    private static func quorums(
        _ request: OperationsAPI.StageRequest,
        _ layout: Layout
    ) throws -> QuorumSettings {
        guard let replicas = request.replicas, (1...7).contains(replicas) else {
            throw ClusterAPI.Failure(code: "invalid_settings", message: "N must be in 1...7")
        }
        let write = request.writeQuorum ?? replicas / 2 + 1
        let read = request.readQuorum ?? replicas + 1 - min(write, replicas)
        let floor = layout.quorums.writeQuorumFloor.map { min($0, write) }
        guard (1...replicas).contains(read), (1...replicas).contains(write) else {
            throw ClusterAPI.Failure(
                code: "invalid_settings",
                message: "R and W must be in 1...\(replicas), not R=\(read) W=\(write)"
            )
        }
        return QuorumSettings(
            replicaCount: replicas,
            readQuorum: read,
            writeQuorum: write,
            writeQuorumFloor: floor
        )
    }

    // MARK: Operations

    func operate(_ request: OperationsAPI.OperationRequest) async throws -> ClusterAPI.Status {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        switch request.operation {
        case .pause: return try await self.ask(.pause)
        case .resume: return try await self.ask(.resume)
        case .abort: return try await self.ask(.abort)
        case .undo: return try await self.ask(.undo)
        case .giveUp:
            let member = try self.member(request.node, layout)
            let view = try await MemberView(of: [member], at: self.control)
            let isRunning = layout.change.map { !$0.isFinished } ?? false
            if isRunning, !layout.lost.contains(member.id) {
                try Self.requireSilence(view.silentSeconds(of: member.id), of: member)
            }
            let notes = try await self.lossWarnings([member.id], layout)
            return try await self.ask(.declareLost(member.id), notes: notes)
        case .throttle:
            var limits = layout.limits
            if let bytes = request.bytesPerSecond { limits.bytesPerSecondMax = bytes == 0 ? nil : bytes }
            if let transfers = request.transfers { limits.transfersPerNodeMax = transfers }
            return try await self.ask(.setLimits(limits))
        }
    }

    /// After the loss of a majority of the voters: the core refuses it in any other case.
    func recover(_ request: OperationsAPI.RecoverRequest) async throws -> ClusterAPI.Status {
        guard let layout = self.node.layout else { throw Self.notInitialised }
        let lost = try request.lost.map { try self.member($0, layout).id }
        var generator = SystemRandomNumberGenerator()
        let lineage = NodeID(rawValue: generator.next()).description
        let notes = try await self.lossWarnings(lost, layout)
        return try await self.ask(.recover(lost: lost, lineageID: lineage), notes: notes)
    }

    // MARK: History

    func history() async throws -> OperationsAPI.History {
        guard self.node.layout != nil else { throw Self.notInitialised }
        var changes: [OperationsAPI.Entry] = []
        var undone: Set<String> = []
        let spans = try await self.control.changes()
        for (index, span) in spans.enumerated() {
            guard let change = span.last.change else { continue }
            // What is on its way back does not say any more what it was: an undo has its change before it.
            let isUndo =
                change.kind == .abort
                && spans[(index + 1)...].contains { earlier in
                    earlier.last.change.map { $0.planID == change.planID && $0.isFinished && $0.kind != .abort }
                        ?? false
                }
            var entry = OperationsAPI.Entry(
                plan: change.planID,
                kind: change.kind.rawValue,
                state: change.state.rawValue,
                staged: Self.staged(change.staged, in: span.last),
                beganAt: change.beganAt.rawValue,
                movedReplicas: change.movedReplicas,
                movedReplicasMinimum: change.movedReplicasMinimum,
                copiedReplicas: change.copiedReplicas,
                copiedBytes: change.copiedBytes
            )
            entry.isUndo = isUndo || change.kind == .undo
            entry.endedAt = change.endedAt?.rawValue
            entry.beganMilliseconds = span.beganMilliseconds
            entry.endedMilliseconds = change.isFinished ? span.endedMilliseconds : nil
            let isUndone = change.kind == .planned && undone.remove(change.planID) != nil
            entry.outcome = Self.outcome(of: change, isUndone: isUndone)
            if change.kind == .undo, change.isFinished {
                // An undo of an undo does the change again.
                if undone.remove(change.planID) == nil { undone.insert(change.planID) }
            }
            changes.append(entry)
        }
        return OperationsAPI.History(changes: changes)
    }

    private static func outcome(of change: LayoutChange, isUndone: Bool) -> String {
        switch change.state {
        case .running: change.kind == .abort ? "aborting" : "running"
        case .paused: "paused"
        case .finished: change.kind == .abort ? "aborted" : isUndone ? "undone" : "done"
        }
    }
}
