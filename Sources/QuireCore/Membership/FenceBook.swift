/// Which nodes have told that they count by a layout version, and who need not be waited for.
///
/// A fence is a fact about a node's disk and its request cores: once installed it stays. In memory only; a node that
/// has restarted asks again.
struct FenceBook: Sendable {
    /// A node that cannot be reached, or that keeps silent, is waited for this long.
    static let patience = Duration.seconds(5)

    private var installed: [NodeID: LayoutVersion] = [:]
    private var askedSince: [NodeID: Duration] = [:]
    private var awaySince: [NodeID: Duration] = [:]
    private var startedAt = Duration.zero

    /// Links are being made.
    mutating func started(at now: Duration) {
        self.startedAt = now
    }

    func isInstalled(_ version: LayoutVersion, at node: NodeID) -> Bool {
        self.installed[node].map { $0 >= version } ?? false
    }

    mutating func installed(_ version: LayoutVersion, at node: NodeID) {
        self.installed[node] = max(self.installed[node] ?? .none, version)
        self.askedSince[node] = nil
        self.awaySince[node] = nil
    }

    mutating func asked(_ node: NodeID, at now: Duration) {
        if self.askedSince[node] == nil { self.askedSince[node] = now }
    }

    mutating func connected(_ node: NodeID) {
        self.awaySince[node] = nil
        self.askedSince[node] = nil
    }

    mutating func lost(_ node: NodeID, at now: Duration) {
        self.askedSince[node] = nil
        if self.awaySince[node] == nil { self.awaySince[node] = now }
    }

    /// Whether more patience may bring an answer of this node, which has not installed the fence yet.
    func isAwaited(_ node: NodeID, isConnected: Bool, now: Duration) -> Bool {
        guard !isConnected else { return self.askedSince[node].map { now - $0 < Self.patience } ?? true }
        return now - (self.awaySince[node] ?? self.startedAt) < Self.patience
    }
}
