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
        case .objected(let nodes, let reason):
            let names = nodes.map { layout?.member($0)?.name ?? $0.description }.joined(separator: ", ")
            return .init(
                code: "objection",
                message: "the step was not taken, for the independent check of layouts objects at \(names): \(reason)"
            )
        case .recovery(let refusal):
            return self.failure(refusal, layout)
        case .plan(let refusal):
            return self.failure(refusal, layout)
        case .change(let refusal):
            return self.failure(refusal, layout)
        }
    }

    /// Pre-flight checks that refuse a commit.
    ///
    /// - Parameter checks: Not empty.
    static func failure(_ checks: [OperationsAPI.Check]) -> ClusterAPI.Failure {
        let findings = checks.map { check in
            "check \(check.name): \(check.finding)" + (check.remedy.map { " (\($0))" } ?? "")
        }
        let skips = checks.map { "--skip-check \($0.name)" }.joined(separator: " ")
        return .init(
            code: "check_failed",
            message: "nothing was begun. \(findings.joined(separator: "; ")). To commit all the same, add \(skips)"
        )
    }

    private static func failure(_ refusal: ChangeRefusal, _ layout: Layout?) -> ClusterAPI.Failure {
        let former = layout?.change?.origin?.members ?? []
        let name = { (id: NodeID) in
            layout?.member(id)?.name ?? former.first { $0.id == id }?.name ?? id.description
        }
        switch refusal {
        case .nothingRuns:
            return .init(code: "nothing_runs", message: "no change is running: see 'quire cluster history'")
        case .alreadyPaused(let planID):
            return .init(code: "already_paused", message: "change \(planID) is paused already")
        case .notPaused(let planID):
            return .init(code: "not_paused", message: "change \(planID) is not paused")
        case .alreadyAborting(let planID):
            return .init(
                code: "already_aborting",
                message: "change \(planID) is on its way back already: follow it with 'quire cluster watch'"
            )
        case .changeRunning(let planID, let movesLeft):
            return .init(
                code: "change_running",
                message: "change \(planID) is running (\(movesLeft) partitions still move): wait for it with "
                    + "'quire cluster watch', or take it back with 'quire cluster abort'"
            )
        case .nothingToUndo:
            return .init(
                code: "nothing_to_undo",
                message: "there is no finished change that can be taken back: files that moved away are kept for a "
                    + "time only; see 'quire cluster history'"
            )
        case .membersLost(let nodes):
            return .init(
                code: "members_lost",
                message: "\(nodes.map(name).joined(separator: ", ")) was declared lost in this change: the rows "
                    + "before it cannot be had back; let it finish, then stage another change"
            )
        case .notMember(let id):
            return .init(code: "unknown_node", message: "node \(name(id)) is not a member")
        case .limitsOutOfRange(let limits):
            return .init(
                code: "invalid_limits",
                message: "limits must be positive, and at most 64 transfers per node: \(limits.transfersPerNodeMax)"
            )
        case .invalid(let violation):
            return .init(code: "invalid_plan", message: "the step would break a rule of the layout: \(violation)")
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
                    + "'quire cluster watch', or take it back with 'quire cluster abort'"
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
        case .weightOutOfRange(let id, let found):
            let allowed = Member.weightsAllowed
            return .init(
                code: "invalid_weight",
                message: "the weight of node \(name(id)) must be in \(allowed.lowerBound)...\(allowed.upperBound), "
                    + "not \(found); \(Member.weightDefault) is the default"
            )
        case .quorumsWithoutReplicaCount:
            return .init(
                code: "same_replica_count",
                message: "N is that already: R and W can be changed together with N only"
            )
        case .changedSince(let current):
            return .init(code: "plan_stale", message: "the plan is \(current) now: look at 'quire cluster plan' again")
        case .everyMemberLost:
            return .init(
                code: "every_member_lost",
                message:
                    "every member would be given up for lost: nobody would be left to copy data from, nor to vote. "
                    + "Drop what is staged with 'quire cluster clear', and keep at least one member; one that is alive "
                    + "can leave without --lost"
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
