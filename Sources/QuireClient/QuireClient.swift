import QuireCore
import QuireWire

/// A client of one cluster that goes straight to the replicas (Dynamo §6.4, "client-driven coordination").
///
/// It fetches the layout from a node, asks a random node for a newer one every ten seconds, and at once when an answer
/// says that there is one. A request goes to a replica of its key; if none of them answers, to any other node, which
/// forwards it. A node that fails is left alone until a probe finds it well again. The layout is only ever a guess about
/// who is fastest: every node serves every key, so a stale guess costs a hop and never a request.
///
/// Operations may be started from any number of tasks; they share a few pipelined connections. Each has one deadline
/// for all of its attempts. Which failed attempts are repeated is said at ``QuireError``.
public actor QuireClient {
    let configuration: QuireConfiguration
    private let clock: any ClientClock
    private let isPartitionAware: Bool
    private var pool: ConnectionPool
    private var router: ReplicaRouter
    private var generator: SeededGenerator
    private var underWay = 0
    private var background: [Int: Task<Void, Never>] = [:]
    private var nextBackground = 0
    private var poller: Task<Void, Never>?

    /// A client that learns from the seeds who the members are, and goes to them directly.
    ///
    /// - Parameter seeds: Any nodes of the cluster, at least one. Nothing is sent before the first operation.
    public init(seeds: [QuireEndpoint], configuration: QuireConfiguration = QuireConfiguration()) {
        self.init(seeds: seeds, configuration: configuration, isPartitionAware: true)
    }

    /// A client that uses these endpoints only, in this order, and asks for no layout: for load balancers, and for
    /// networks in which clients cannot reach the members under their own addresses.
    ///
    /// - Parameters:
    ///   - endpoints: At least one; the next is used while those before it fail.
    ///   - connectTimeout: For each of them.
    public init(endpoints: [QuireEndpoint], connectTimeout: Duration = .seconds(5)) {
        var configuration = QuireConfiguration()
        configuration.connectTimeout = connectTimeout
        self.init(seeds: endpoints, configuration: configuration, isPartitionAware: false)
    }

    /// - Parameters:
    ///   - clock: When to poll, to pause and to give up; replies are awaited by the machine's time.
    ///   - seed: Of all choices at random.
    package init(
        seeds: [QuireEndpoint],
        configuration: QuireConfiguration,
        isPartitionAware: Bool,
        clock: (any ClientClock)? = nil,
        seed: UInt64? = nil
    ) {
        var generator = SeededGenerator(seed: seed ?? SystemRandomNumberGenerator.seed())
        self.configuration = configuration
        self.clock = clock ?? MachineClientClock()
        self.isPartitionAware = isPartitionAware
        let timeout = configuration.connectTimeout
        self.pool = ConnectionPool(connectionsPerNode: configuration.connectionsPerNode) { endpoint in
            Task { await QuireConnection.attempt(endpoint, timeout: timeout) }
        }
        self.router = ReplicaRouter(
            seeds: seeds,
            isPartitionAware: isPartitionAware,
            settings: .init(suspicionRange: configuration.suspicionRange),
            seed: generator.next()
        )
        self.generator = generator
    }

    deinit {
        self.poller?.cancel()
        self.pool.discard().forEach { $0.retire() }
    }

    /// The version of the layout that requests go by; `nil` before the first was fetched.
    public var layoutVersion: Int? { self.router.table?.version.rawValue }

    /// Fetches the layout now. Nobody has to: the client does it by itself, beside the first operations.
    ///
    /// - Returns: Whether a layout is known.
    @discardableResult
    public func refreshLayout() async -> Bool {
        self.poll()
        await self.finishBackgroundWork()
        return self.router.table != nil
    }

    /// Sends any command, its name first, to some node. It is repeated only if it was surely not executed.
    public func send(_ command: [[UInt8]]) async throws(QuireError) -> QuireReply {
        try await self.perform(Request(words: command, key: nil, kind: .write), deadline: self.deadline())
    }

    /// Closes all connections and stops asking for layouts. The next operation begins anew.
    public func close() async {
        self.poller?.cancel()
        self.poller = nil
        // What they are connecting to is closed as soon as it is there.
        self.background.values.forEach { $0.cancel() }
        for connection in self.pool.discard() { await connection.close() }
    }

    // MARK: Operations

    /// One command and how it may be treated.
    struct Request: Sendable {
        let words: [[UInt8]]
        /// `nil`: any node will do.
        let key: Key?
        let kind: RetryRule.Kind
        var preferred: NodeID?
        /// Whether the verb takes `LAYOUT version`.
        var tellsLayout = false
    }

    func deadline() -> Duration { self.clock.now + self.configuration.operationTimeout }
    var now: Duration { self.clock.now }

    /// Sleeps.
    ///
    /// - Returns: `false` if there is no time left, before or after it, or the task was cancelled.
    func pause(_ duration: Duration, deadline: Duration) async -> Bool {
        let moment = self.clock.now + duration
        guard moment < deadline else { return false }
        do {
            try await self.clock.sleep(until: moment)
            return self.clock.now < deadline
        } catch {
            // Only a cancelled task is woken early.
            return false
        }
    }

    func perform(_ request: Request, deadline: Duration) async throws(QuireError) -> QuireReply {
        guard self.underWay < self.configuration.operationsMax else {
            throw .refused(code: "OVERLOADED", message: "\(self.underWay) operations are under way in this client")
        }
        self.underWay += 1
        defer { self.underWay -= 1 }
        self.startPolling()
        var rule = RetryRule(
            kind: request.kind,
            deadline: deadline,
            pauseRange: self.configuration.pauseRange,
            seed: self.generator.next()
        )
        var tried: [QuireEndpoint] = []
        while true {
            guard self.clock.now < deadline else { throw rule.outcome }
            self.tendToRouting()
            guard
                let endpoint = self.router.next(for: request.key, preferring: request.preferred, excluding: tried)
            else { preconditionFailure("no node is left of \(tried.count), and the round was not over") }
            tried.append(endpoint)
            let failure: QuireError
            do {
                return try await self.attempt(request, at: endpoint, deadline: deadline)
            } catch {
                failure = error
            }
            let isRoundOver = self.router.next(for: request.key, excluding: tried) == nil
            switch rule.failed(failure, at: endpoint, isRoundOver: isRoundOver, now: self.clock.now) {
            case .tryNext: break
            case .fail(let error): throw error
            case .pause(let moment):
                guard await self.pause(moment - self.clock.now, deadline: deadline) else { throw rule.outcome }
            }
            if isRoundOver { tried = [] }
        }
    }

    private func attempt(
        _ request: Request,
        at endpoint: QuireEndpoint,
        deadline: Duration
    ) async throws(QuireError) -> QuireReply {
        var words = request.words
        if request.tellsLayout, let version = self.router.table?.version {
            words += [Self.word("LAYOUT"), Self.word(version.description)]
        }
        do throws(QuireError) {
            let connection = try await self.connection(to: endpoint)
            let left = deadline - self.clock.now
            guard left > .zero else { throw QuireError.unreachable(["\(endpoint): no time is left"]) }
            let timeout = request.kind == .read ? min(left, self.configuration.readAttemptTimeout) : left
            let reply = try await connection.send(words, timeout: timeout)
            self.router.answered(endpoint)
            if request.tellsLayout, case .integer(let version)? = reply.entry("layout") {
                self.router.told(LayoutVersion(Int(version)), by: endpoint)
                self.tendToRouting()
            }
            return reply
        } catch {
            self.note(error, of: endpoint)
            throw error
        }
    }

    private func connection(to endpoint: QuireEndpoint) async throws(QuireError) -> QuireConnection {
        switch self.pool.claim(endpoint) {
        case .open(let connection):
            return connection
        case .connecting(let attempt, let place):
            let result = await attempt.value
            let isKept = self.pool.settled(result, of: attempt, at: place)
            let connection = try result.get()
            if isKept { return connection }
            await connection.close()
            throw .unreachable(["\(endpoint): given up while it was being connected"])
        }
    }

    private func note(_ error: QuireError, of endpoint: QuireEndpoint) {
        switch error {
        case .refused(let code, _):
            if code == "NOTREADY" { self.router.failed(endpoint, now: self.clock.now) }
        case .timedOut:
            self.router.failed(endpoint, now: self.clock.now)
            self.pool.discard(endpoint).forEach { $0.retire() }
        case .connectionClosed, .unreachable, .protocolViolation, .gaveUp:
            self.router.failed(endpoint, now: self.clock.now)
        }
    }

    // MARK: Background

    private func startPolling() {
        guard self.poller == nil, self.isPartitionAware else { return }
        let clock = self.clock
        let interval = self.configuration.refreshInterval
        // Clients that were started together do not ask together.
        let first = interval * Double.random(in: 0.5...1, using: &self.generator)
        self.poller = Task { [weak self] in
            var due = clock.now + first
            while !Task.isCancelled {
                do {
                    try await clock.sleep(until: due)
                } catch {
                    return
                }
                guard let self else { return }
                await self.poll()
                due += interval
            }
        }
    }

    private func poll() {
        self.router.pollDue()
        self.tendToRouting()
    }

    /// Starts what has become due: a fetch of the layout, a look at suspects.
    private func tendToRouting() {
        let now = self.clock.now
        if let refresh = self.router.takeRefresh(now: now) {
            self.inBackground { await $0.fetch(refresh) }
        }
        for endpoint in self.router.probesDue(now: now) {
            self.inBackground { await $0.probe(endpoint) }
        }
    }

    /// Waits for the fetches and probes that are under way.
    package func finishBackgroundWork() async {
        while let task = self.background.values.first { await task.value }
    }

    private func inBackground(_ work: @escaping @Sendable (QuireClient) async -> Void) {
        let id = self.nextBackground
        self.nextBackground += 1
        self.background[id] = Task {
            await work(self)
            self.background[id] = nil
        }
    }

    private func fetch(_ refresh: ReplicaRouter.Refresh) async {
        let version = refresh.known.map { [Self.word($0.description)] } ?? []
        for endpoint in refresh.sources where !Task.isCancelled {
            do {
                let connection = try await self.connection(to: endpoint)
                let reply = try await connection.send(
                    [Self.word("QUIRE.LAYOUT")] + version,
                    timeout: self.configuration.readAttemptTimeout
                )
                let table = reply == .null ? nil : try RoutingTable(reply: RESPValue(reply))
                self.router.answered(endpoint)
                guard self.router.refreshed(table, everything: refresh.known == nil) else { return }
                // Somebody may have told of a newer layout meanwhile.
                self.tendToRouting()
                return
            } catch let error as QuireError {
                self.note(error, of: endpoint)
            } catch {
                self.note(.protocolViolation("QUIRE.LAYOUT: \(error)"), of: endpoint)
            }
        }
        self.router.refreshFailed()
    }

    /// Over a connection of its own: the others may be dead without knowing it.
    private func probe(_ endpoint: QuireEndpoint) async {
        self.pool.discard(endpoint).forEach { $0.retire() }
        do {
            let connection = try await self.connection(to: endpoint)
            _ = try await connection.send([Self.word("PING")], timeout: self.configuration.connectTimeout)
            self.router.answered(endpoint)
        } catch {
            self.note(error, of: endpoint)
        }
    }

    static func word(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }
}

extension SystemRandomNumberGenerator {
    /// A seed that differs for every client in the world.
    fileprivate static func seed() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
