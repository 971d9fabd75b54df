/// How the process ends.
enum ExitStatus: Int32 {
    case succeeded = 0
    case failed = 1
    /// Only `cluster plan --detailed-exitcode`: there is something to commit.
    case changesPending = 2
    /// The work was done, but part of it was refused or promises less than was asked for.
    case partial = 3
    /// The cluster is not as it must be: `cluster status --check`, and the checks before a commit.
    case unhealthy = 4
    /// What was asked for does not fit what is: another plan, another change that runs, a node that answers after all.
    case conflict = 5
    /// Waited for in vain; what was waited for goes on.
    case timedOut = 6
    /// No answer: from the asked node, or from so many members that a step can be decided.
    case unreachable = 69
}

extension ExitStatus {
    /// - Parameter code: Of a node's answer, or of the way to it.
    init(ofAnswer code: String) {
        switch code {
        case "check_failed", "unhealthy": self = .unhealthy
        case "plan_stale", "change_running", "overtaken", "already_staged", "already_paused", "not_paused",
            "nothing_runs", "already_aborting", "nothing_to_undo", "members_lost", "node_up",
            "node_down":
            self = .conflict
        case "unreachable", "members_unreachable": self = .unreachable
        default: self = .failed
        }
    }
}

/// An error as the person at the terminal reads it: what was wrong and what to do.
///
/// `code` is stable, for programs; with `--output json` both are printed as `{"error":{…}}`.
struct CommandFailure: Error, Equatable {
    let code: String
    let message: String
    let status: ExitStatus

    init(_ code: String, _ message: String, status: ExitStatus = .failed) {
        self.code = code
        self.message = message
        self.status = status
    }
}

/// The command has said all there is to say and ends with this status.
struct QuietExit: Error, Equatable {
    let status: ExitStatus
}
