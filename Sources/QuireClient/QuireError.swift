/// Why a command has no ordinary answer, and whether a write may have happened all the same.
///
/// ``mayHaveBeenStored`` is what decides how to go on: if it is false, nothing was written and nothing will be; if it is
/// true, nobody can know yet. A causal write of unknown fate must not simply be sent again, for both could be kept, and
/// the second would outlive a later write that replaced the first: read the key, then decide.
/// ``QuireClient/QuireClient/update(_:readQuorum:writeQuorum:durability:reconcile:)`` does that.
public enum QuireError: Error, Sendable, Hashable {
    /// The node refused. `code` is `QUORUM`, `OVERLOADED`, `NOTREADY`, `NOTDURABLE`, `BADCONTEXT` or `ERR`; the
    /// message says what to do. A write refused with `QUORUM` or `NOTDURABLE` may survive on some replicas: read
    /// before you retry. The connection stays usable.
    case refused(code: String, message: String)
    /// The connection ended before the answer came. A write may or may not have happened: read before you retry.
    case connectionClosed
    /// The answer did not come in time. A write may or may not have happened, or happen yet: read before you retry.
    case timedOut
    /// No endpoint accepted a connection; one line for each attempt. Nothing was sent.
    case unreachable([String])
    /// The other side does not speak the protocol as Quire does; the connection is closed. A write may have happened.
    case protocolViolation(String)
    /// Several attempts failed and there was no time, or no right, for another; one line for each of the last ones.
    case gaveUp(attempts: [String], mayHaveBeenStored: Bool)

    /// Whether a write that ended with this error may have been stored, or be stored yet, by some replica.
    public var mayHaveBeenStored: Bool {
        switch self {
        case .refused(let code, _): code == "QUORUM" || code == "NOTDURABLE"
        case .connectionClosed, .timedOut, .protocolViolation: true
        case .unreachable: false
        case .gaveUp(_, let mayHaveBeenStored): mayHaveBeenStored
        }
    }
}
