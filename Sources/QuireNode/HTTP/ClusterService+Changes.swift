import QuireCore
import QuireWire

/// Staged changes, and the change that runs, in the words of the HTTP API.
extension ClusterService {
    static func staged(_ changes: [StagedChange], in layout: Layout) -> [ClusterAPI.Staged] {
        changes.map { change in
            let known = layout.members + (layout.change?.origin?.members ?? [])
            let member = change.node.flatMap { node in known.first { $0.id == node } ?? change.joiner }
            let action =
                switch change {
                case .join(let newcomer):
                    "join" + (newcomer.weight == Member.weightDefault ? "" : " with weight \(newcomer.weight)")
                case .leave(_, let isLost): isLost ? "leave, lost" : "leave"
                case .replace(_, let newcomer, let isLost):
                    "replaced by \(newcomer.name)" + (isLost ? ", lost" : "")
                case .setWeight(_, let weight): "weight \(self.step(member.map { "\($0.weight)" }, "\(weight)"))"
                case .setZone(_, let zone): "zone \(self.step(member?.zone, zone))"
                case .setQuorums(let quorums):
                    "N=\(quorums.replicaCount) R=\(quorums.readQuorum) W=\(quorums.writeQuorum)"
                }
            return ClusterAPI.Staged(
                action: action,
                node: member?.id.description ?? change.node?.description ?? "",
                name: member?.name ?? change.node?.description ?? "all nodes",
                zone: member?.zone ?? ""
            )
        }
    }

    /// `100 → 200`; without what was, or when it is so already, what is.
    private static func step(_ before: String?, _ after: String) -> String {
        before.map { $0 == after ? after : "\($0) → \(after)" } ?? after
    }

    func change(_ layout: Layout) async throws -> ClusterAPI.Change? {
        guard let change = layout.change else { return nil }
        var result = ClusterAPI.Change(
            plan: change.planID,
            kind: change.kind.rawValue,
            state: change.state.rawValue,
            isFinished: change.isFinished,
            isUndoable: change.isUndoable && change.staged.allSatisfy { $0.lostNode == nil },
            movedReplicas: change.movedReplicas,
            movedReplicasMinimum: change.movedReplicasMinimum,
            copiedReplicas: change.copiedReplicas,
            copiedBytes: change.copiedBytes,
            dualWrite: layout.moves.count { $0.phase == .dualWrite },
            readNew: layout.moves.count { $0.phase == .readNew },
            draining: layout.moves.count { $0.phase == .draining }
        )
        if result.isUndoable { result.undoUntilMilliseconds = try await self.undoUntil(change) }
        return result
    }

    /// The coordinator closes the time for `undo` by its own clock, counted from when it learned of the end: not before
    /// this, but perhaps later.
    func undoUntil(_ change: LayoutChange) async throws -> Int? {
        guard let ended = change.endedAt else { return nil }
        let times = try await self.control.adoptionTimes(from: ended)
        return times[ended].map { $0 + Int(self.node.configuration.undoWindow / .milliseconds(1)) }
    }

    // MARK: What is gone with lost members

    /// What a person should know before members are given up.
    ///
    /// - Parameter lost: Those that are being given up, besides those that are lost already.
    func lossWarnings(_ lost: [NodeID], _ layout: Layout) async throws -> [String] {
        let all = Set(layout.lost + layout.staged.compactMap(\.lostNode) + lost)
        guard !all.isEmpty else { return [] }
        let view = try await MemberView(of: layout.members, at: self.control)
        let reachable = layout.members.map(\.id).filter { view.silentSeconds(of: $0) == nil }
        let names = all.sorted().map { layout.member($0)?.name ?? $0.description }.joined(separator: ", ")
        let told = all.map { view.told(by: $0)?.figures[GossipFigures.Name.hintCount.rawValue] }
        let hints = told.contains(nil) ? nil : told.compactMap { $0 }.reduce(0, +)
        let estimate = LossEstimate(layout, lost: all, reachable: Set(reachable))
        return [estimate.sentence(names, hints: hints)]
    }
}
