/// How the process ends.
enum ExitStatus: Int32 {
    case succeeded = 0
    case failed = 1
    /// Only `cluster plan --detailed-exitcode`: there is something to commit.
    case changesPending = 2
    /// The work was done, but part of it was refused or promises less than was asked for.
    case partial = 3
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
