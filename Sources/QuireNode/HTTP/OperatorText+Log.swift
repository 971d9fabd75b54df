import QuireCore
import QuireWire

/// The layout log's answers in words.
extension OperatorText {
    static func unreachable(
        _ missing: [NodeID],
        needed: Int,
        of voters: Int,
        _ layout: Layout?
    ) -> ClusterAPI.Failure {
        guard !missing.isEmpty else {
            return .init(
                code: "members_unreachable",
                message: "other steps were decided first for as long as this one waited: ask again"
            )
        }
        let names = missing.map { layout?.member($0)?.name ?? $0.description }.joined(separator: ", ")
        let tail = "; start them and ask again (reads and writes are not affected)"
        guard needed > 0 else {
            return .init(
                code: "members_unreachable",
                message: "these members are connected and did not say in time which layout they have: \(names)\(tail)"
            )
        }
        guard needed < voters || voters == 1 else {
            return .init(
                code: "members_unreachable",
                message: "the first layout needs every first member, and these did not answer: \(names)\(tail)"
            )
        }
        return .init(
            code: "members_unreachable",
            message: "membership steps need \(needed) of the \(voters) voters, and these did not answer: "
                + "\(names)\(tail). If so many of them are gone for good that the others are no majority, see "
                + "'quire cluster recover'"
        )
    }

    static func failure(_ refusal: RecoveryRefusal, _ layout: Layout?) -> ClusterAPI.Failure {
        let names = { (nodes: [NodeID]) in
            nodes.map { layout?.member($0)?.name ?? $0.description }.joined(separator: ", ")
        }
        switch refusal {
        case .notASurvivor:
            return .init(
                code: "not_a_survivor",
                message: "the asked node is no member, or is itself given as lost: ask a surviving member with --node"
            )
        case .unknownNodes(let nodes):
            return .init(code: "unknown_node", message: "no members: \(nodes.isEmpty ? "none given" : names(nodes))")
        case .lostAreReachable(let nodes):
            return .init(
                code: "lost_reachable",
                message: "\(names(nodes)) can be reached, so nothing of it is lost: stop it for good first, or do not "
                    + "name it"
            )
        case .logIsAlive(let voters, let needed):
            return .init(
                code: "log_alive",
                message: "the layout log is alive: \(needed) voters decide, and \(names(voters)) are not given as "
                    + "lost. Use it, or bring them back; only those that will never come back are lost"
            )
        case .unaccounted(let nodes):
            return .init(
                code: "unaccounted",
                message: "\(names(nodes)) can neither be reached nor are given as lost, and may know more than the "
                    + "others: bring them back, or give them up with --lost too"
            )
        case .alreadyRunning:
            return .init(code: "recovery_running", message: "a recovery is running on this node: wait for it")
        case .tooManyRecoveries:
            return .init(
                code: "too_many_recoveries",
                message: "this layout log was recovered \(LayoutLineage.recoveriesMax) times already: restore the data "
                    + "into a new cluster"
            )
        case .invalid(let violation):
            return .init(code: "invalid_plan", message: "the recovery would break a rule of the layout: \(violation)")
        }
    }
}
