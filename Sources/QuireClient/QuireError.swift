/// Why a command has no ordinary answer.
public enum QuireError: Error, Sendable, Hashable {
    /// The node refused. `code` is `QUORUM`, `OVERLOADED`, `NOTREADY`, `NOTDURABLE`, `BADCONTEXT` or `ERR`; the
    /// message says what to do. A write refused with `QUORUM` or `NOTDURABLE` may survive on some replicas: read
    /// before you retry. The connection stays usable.
    case refused(code: String, message: String)
    /// The connection ended before the answer came. A write may or may not have happened: read before you retry.
    case connectionClosed
    /// No endpoint accepted a connection; one line for each of them. Nothing was sent.
    case unreachable([String])
    /// The other side does not speak the protocol as Quire does; the connection is closed.
    case protocolViolation(String)
}
