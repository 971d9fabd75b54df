import QuireCore
import QuireWire

/// Refusals in words: what was wrong, and what to do.
enum OperatorText {
    static func failure(_ refusal: ControlCore.OperatorRefusal, _ layout: Layout?) -> ClusterAPI.Failure {
        switch refusal {
        case .alreadyInitialised(let clusterID):
            return .init(
                code: "already_initialised",
                message: "this node belongs to cluster \(clusterID) already; to make a new cluster, start a node on an "
                    + "empty data directory"
            )
        case .notInitialised:
            return ClusterService.notInitialised
        case .planChanged(let asked, let current):
            return .init(
                code: "plan_stale",
                message: "plan \(asked) is no longer what would happen (that is plan \(current)): look at it with "
                    + "'quire cluster plan' and commit that"
            )
        case .overtaken(let version):
            return .init(code: "overtaken", message: "layout version \(version) was decided first: ask again")
        case .plan(let refusal):
            return self.failure(refusal, layout)
        }
    }

    private static func failure(_ refusal: PlanRefusal, _ layout: Layout?) -> ClusterAPI.Failure {
        let name = { (id: NodeID) in layout?.member(id)?.name ?? id.description }
        switch refusal {
        case .nothingStaged:
            return .init(
                code: "nothing_staged",
                message: "nothing is staged: stage a change with 'quire cluster join HOST:PORT' or 'quire cluster "
                    + "leave NAME' first"
            )
        case .changeRunning(let planID, let movesLeft):
            return .init(
                code: "change_running",
                message: "change \(planID) is running (\(movesLeft) partitions still move): wait for it with "
                    + "'quire cluster watch'"
            )
        case .unknownNode(let id):
            return .init(code: "unknown_node", message: "node \(name(id)) is not a member")
        case .alreadyMember(let id):
            return .init(code: "already_member", message: "node \(name(id)) is a member already")
        case .alreadyStaged(let id):
            return .init(
                code: "already_staged",
                message:
                    "a change of node \(name(id)) is staged already: commit it, or drop it with 'quire cluster clear'"
            )
        case .nameTaken(let name):
            return .init(
                code: "name_taken",
                message: "another member is called \(name): start the newcomer with another --name on an empty data "
                    + "directory"
            )
        case .memberCountOutOfRange(let count, let allowed):
            return .init(
                code: "member_count",
                message: "the cluster would have \(count) members; it can have \(allowed.lowerBound) to "
                    + "\(allowed.upperBound)"
            )
        case .stale:
            return .init(
                code: "plan_stale",
                message: "the layout has changed since: look at 'quire cluster plan' again"
            )
        case .invalid(let violation):
            return .init(code: "invalid_plan", message: "the plan would break a rule of the layout: \(violation)")
        }
    }
}
