import QuireCore
import QuireWire

/// Decides which node a request goes to, and when the layout is fetched again (Dynamo §6.4).
///
/// A request goes to a replica of its key, else to any other node, which forwards it. A node that failed is suspect: it
/// is asked only when nobody else is left, until a probe in the background has found it well again. So a request never
/// pays for finding out.
///
/// The layout is asked for when a poll is due, soon after a node has failed, and at once when a node has told of a newer
/// one. One fetch is under way at a time.
struct ReplicaRouter: Sendable {
    struct Settings: Sendable {
        var suspicionRange: ClosedRange<Duration> = .milliseconds(250) ... .seconds(10)
        /// The least time between two fetches that nobody urged.
        var refreshPause: Duration = .seconds(1)
    }

    /// A fetch of the layout.
    struct Refresh: Equatable, Sendable {
        /// Whom to ask, best first.
        let sources: [QuireEndpoint]
        /// Nothing is needed unless it is newer; `nil`: everything, for endpoints may have changed.
        let known: LayoutVersion?
    }

    private struct Suspicion: Sendable {
        var failures: Int
        var ends: Duration
        var isProbed = false
    }

    private enum Want: Sendable {
        case nothing
        case soon
        /// From this node first, which knows a newer layout.
        case now(QuireEndpoint?)
    }

    private static let sourcesMax = 3

    private let seeds: [QuireEndpoint]
    private let isPartitionAware: Bool
    private let settings: Settings
    private var generator: SeededGenerator
    private(set) var table: RoutingTable?
    private var suspicions: [QuireEndpoint: Suspicion] = [:]
    private var want = Want.now(nil)
    private var greatestTold = LayoutVersion.none
    private var mayHaveMoved = false
    private var isRefreshing = false
    private var lastRefresh: Duration?

    /// - Parameter isPartitionAware: If not, everything goes to the seeds, the first of them that works.
    init(seeds: [QuireEndpoint], isPartitionAware: Bool, settings: Settings = Settings(), seed: UInt64) {
        var distinct: [QuireEndpoint] = []
        for endpoint in seeds where !distinct.contains(endpoint) {
            distinct.append(endpoint)
        }
        precondition(!distinct.isEmpty, "a client without endpoints")
        self.seeds = distinct
        self.isPartitionAware = isPartitionAware
        self.settings = settings
        self.generator = SeededGenerator(seed: seed)
    }

    // MARK: Choice

    /// The best node for a request that has not been tried yet; `nil` when all have been.
    ///
    /// - Parameters:
    ///   - key: `nil` for a request of no key.
    ///   - preferred: Goes first if it is a replica of the key.
    mutating func next(
        for key: Key?,
        preferring preferred: NodeID? = nil,
        excluding tried: [QuireEndpoint]
    ) -> QuireEndpoint? {
        let replicas = key.flatMap { self.table?.replicas(of: $0) } ?? []
        if let node = replicas.first(where: { $0.id == preferred }).map({ QuireEndpoint($0.endpoint) }),
            self.isTrusted(node), !tried.contains(node)
        {
            return node
        }
        let row = replicas.map { QuireEndpoint($0.endpoint) }.filter { !tried.contains($0) }
        if let node = row.filter({ self.isTrusted($0) }).randomElement(using: &self.generator) {
            return node
        }
        let others = self.everybody.filter { !tried.contains($0) && !row.contains($0) }
        let trusted = others.filter { self.isTrusted($0) }
        if let node = self.isPartitionAware ? trusted.randomElement(using: &self.generator) : trusted.first {
            return node
        }
        return self.soonest(of: row) ?? self.soonest(of: others)
    }

    /// Members, and seeds that are none: a cluster may have moved on while the client slept.
    private var everybody: [QuireEndpoint] {
        let members = self.table?.nodes.map { QuireEndpoint($0.endpoint) } ?? []
        return members + self.seeds.filter { !members.contains($0) }
    }

    private func isTrusted(_ endpoint: QuireEndpoint) -> Bool {
        self.suspicions[endpoint] == nil
    }

    private func soonest(of endpoints: [QuireEndpoint]) -> QuireEndpoint? {
        endpoints.min { left, right in
            self.suspicions[left]?.ends ?? .zero < self.suspicions[right]?.ends ?? .zero
        }
    }

    // MARK: Health

    mutating func answered(_ endpoint: QuireEndpoint) {
        self.suspicions[endpoint] = nil
    }

    /// The node did not answer, or not as a node of Quire does.
    mutating func failed(_ endpoint: QuireEndpoint, now: Duration) {
        let failures: Int
        if let suspicion = self.suspicions[endpoint] {
            // Requests that fail together are one failure.
            guard suspicion.isProbed || suspicion.ends <= now else { return }
            failures = min(suspicion.failures + 1, 30)
        } else {
            failures = 1
        }
        let range = self.settings.suspicionRange
        let pause = min(range.lowerBound * (1 << (failures - 1)), range.upperBound)
        let jitter = Double.random(in: 0.5...1, using: &self.generator)
        self.suspicions[endpoint] = Suspicion(failures: failures, ends: now + pause * jitter)
        self.mayHaveMoved = true
        if case .nothing = self.want {
            self.want = .soon
        }
    }

    /// Suspects to look at now; each is named once until it has answered or failed.
    mutating func probesDue(now: Duration) -> [QuireEndpoint] {
        guard !self.suspicions.isEmpty else { return [] }
        let due = self.suspicions.filter { !$0.value.isProbed && $0.value.ends <= now }.keys
            .sorted { ($0.host, $0.port) < ($1.host, $1.port) }
        for endpoint in due {
            self.suspicions[endpoint]?.isProbed = true
        }
        return due
    }

    // MARK: Layout

    /// A node has said that it goes by a newer layout.
    mutating func told(_ version: LayoutVersion, by endpoint: QuireEndpoint) {
        guard version > self.table?.version ?? .none else { return }
        if version > self.greatestTold {
            self.greatestTold = version
            self.want = .now(endpoint)
        } else if case .nothing = self.want {
            self.want = .soon
        }
    }

    /// The time has come to ask a random node.
    mutating func pollDue() {
        if case .now = self.want { return }
        self.want = .now(nil)
    }

    /// What to fetch now, if anything; then `refreshed` or `refreshFailed` is to follow.
    mutating func takeRefresh(now: Duration) -> Refresh? {
        guard self.isPartitionAware, !self.isRefreshing else { return nil }
        let teller: QuireEndpoint?
        switch self.want {
        case .nothing:
            return nil
        case .soon:
            if let last = self.lastRefresh, now - last < self.settings.refreshPause { return nil }
            teller = nil
        case .now(let endpoint):
            teller = endpoint
        }
        self.isRefreshing = true
        self.lastRefresh = now
        self.want = .nothing
        var sources = teller.map { [$0] } ?? []
        while sources.count < Self.sourcesMax, let next = self.next(for: nil, excluding: sources) {
            sources.append(next)
        }
        return Refresh(sources: sources, known: self.mayHaveMoved ? nil : self.table?.version)
    }

    /// - Parameter table: `nil`: the node knows nothing newer.
    /// - Returns: `false` for the layout of another cluster, which is not adopted.
    mutating func refreshed(_ table: RoutingTable?, everything: Bool) -> Bool {
        self.isRefreshing = false
        if let table {
            if let known = self.table {
                guard table.clusterID == known.clusterID else {
                    self.want = .soon
                    return false
                }
                // An older answer comes from a node that has not caught up.
                if table.version >= known.version { self.table = table }
            } else {
                self.table = table
            }
        }
        if everything { self.mayHaveMoved = false }
        if case .nothing = self.want, self.greatestTold > self.table?.version ?? .none {
            self.want = .soon
        }
        let known = Set(self.everybody)
        self.suspicions = self.suspicions.filter { known.contains($0.key) }
        return true
    }

    /// Nobody answered.
    mutating func refreshFailed() {
        self.isRefreshing = false
        if case .nothing = self.want {
            self.want = .soon
        }
    }
}
