/// How long a client waits, how often it tries, and what it keeps open.
public struct QuireConfiguration: Sendable, Hashable {
    /// For one operation altogether, all attempts and pauses included.
    public var operationTimeout: Duration
    /// For one attempt at a read; then another node is asked. A write is not sent twice while its fate is unknown, so
    /// it may take whatever is left of ``operationTimeout``.
    public var readAttemptTimeout: Duration
    /// For a connection to be made.
    public var connectTimeout: Duration
    /// How often a random node is asked for a newer layout.
    public var refreshInterval: Duration
    /// Commands are pipelined; answers of one connection come in order, so a slow one delays those behind it.
    public var connectionsPerNode: Int
    /// Pauses between rounds of attempts grow from the first to the second, doubling, with jitter.
    public var pauseRange: ClosedRange<Duration>
    /// For how long a node that failed is left alone before it is tried again in the background; doubles up to the
    /// second with every failure.
    public var suspicionRange: ClosedRange<Duration>
    /// Operations under way at once; one more is refused with `OVERLOADED`, and nothing is sent.
    public var operationsMax: Int
    /// Whether a last-write-wins write of unknown fate is sent again.
    ///
    /// Each time, a node gives it a new timestamp. That changes nothing for a key with one writer. With several, the
    /// repeated write can come after somebody else's that had replaced the first one, and win over it. So the default
    /// is `false`: the error says that the write may have been stored, and the caller decides.
    public var repeatsPlainWritesOfUnknownFate: Bool

    /// The defaults.
    public init() {
        self.operationTimeout = .seconds(5)
        self.readAttemptTimeout = .seconds(1)
        self.connectTimeout = .seconds(1)
        self.refreshInterval = .seconds(10)
        self.connectionsPerNode = 2
        self.pauseRange = .milliseconds(10) ... .seconds(1)
        self.suspicionRange = .milliseconds(250) ... .seconds(10)
        self.operationsMax = 10_000
        self.repeatsPlainWritesOfUnknownFate = false
    }
}
