import QuireClient

/// One client's way to the cluster: one connection at a time, to the next node when it breaks or stays silent.
///
/// A request is sent once: whether it was carried out is unknown when no answer comes. Used by one task at a time.
actor LoadSession {
    enum Answer: Sendable {
        case reply(ProxyReply)
        /// No node took a connection: nothing was sent.
        case unsent(String)
        /// It was sent, and no answer came.
        case unanswered(String)
    }

    /// A node does not keep a request for longer than two seconds; then it says what it has.
    private static let answerPatience = Duration.milliseconds(2500)
    private static let connectPatience = Duration.milliseconds(500)
    /// How long it is tried to reach some node.
    private static let searchPatience = Duration.milliseconds(2500)
    /// Then the next node gets its turn, so that all are used also after faults.
    private static let stay = Duration.seconds(5)

    private let addresses: [ProxyAddress]
    private var next: Int
    private var connection: ProxyConnection?
    private var connectedAt = ContinuousClock.now

    /// - Parameter offset: Where in the list to begin.
    init(_ addresses: [ProxyAddress], offset: Int) {
        precondition(!addresses.isEmpty, "a session needs an address")
        self.addresses = addresses
        self.next = offset % addresses.count
    }

    func ask(_ command: [[UInt8]]) async -> Answer {
        if ContinuousClock.now - self.connectedAt > Self.stay { await self.close() }
        let deadline = ContinuousClock.now + Self.searchPatience
        while true {
            guard let connection = await self.openConnection(deadline) else {
                return .unsent("no node takes a connection")
            }
            let answer = await self.send(command, over: connection)
            switch answer {
            case .reply(let reply) where !reply.isOfStartingNode: return answer
            case .unanswered: return answer
            // It did nothing; another node may be ready.
            case .reply, .unsent: await self.close()
            }
            if ContinuousClock.now >= deadline { return answer }
        }
    }

    private func send(_ command: [[UInt8]], over connection: ProxyConnection) async -> Answer {
        let watchdog = Task {
            try await Task.sleep(for: Self.answerPatience)
            await connection.close()
        }
        defer { watchdog.cancel() }
        do {
            guard let reply = try await connection.send([command]).first else { return .unanswered("no reply") }
            return .reply(reply)
        } catch QuireError.unreachable(let reasons) {
            // The connection had ended while nobody used it.
            return .unsent(reasons.joined(separator: ", "))
        } catch {
            await self.close()
            return .unanswered(FailureReason.words(error))
        }
    }

    func close() async {
        let connection = self.connection
        self.connection = nil
        await connection?.close()
    }

    private func openConnection(_ deadline: ContinuousClock.Instant) async -> ProxyConnection? {
        if let connection = self.connection { return connection }
        repeat {
            // One round without a pause: usually the next node is well.
            for _ in self.addresses.indices where ContinuousClock.now < deadline {
                let address = self.addresses[self.next]
                self.next = (self.next + 1) % self.addresses.count
                if let connection = await Self.connect(address) {
                    self.connection = connection
                    self.connectedAt = .now
                    return connection
                }
            }
            // A cancelled sleep only ends the pause.
            try? await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < deadline
        return nil
    }

    /// A node that is stopped takes connections and does not greet: it is left after a while.
    private static func connect(_ address: ProxyAddress) async -> ProxyConnection? {
        await withCheckedContinuation { continuation in
            let first = FirstConnection(continuation)
            Task {
                // Why a node takes no connection does not matter here: another one is asked.
                let connection = try? await ProxyConnection.connect(address)
                if await !first.settle(connection) { await connection?.close() }
            }
            Task {
                // A cancelled sleep settles early, which is as good.
                try? await Task.sleep(for: Self.connectPatience)
                _ = await first.settle(nil)
            }
        }
    }
}

/// Resumes with whatever comes first.
private actor FirstConnection {
    private var continuation: CheckedContinuation<ProxyConnection?, Never>?

    init(_ continuation: CheckedContinuation<ProxyConnection?, Never>) {
        self.continuation = continuation
    }

    /// - Returns: `false` when something else was faster.
    func settle(_ connection: ProxyConnection?) -> Bool {
        guard let continuation = self.continuation else { return false }
        self.continuation = nil
        continuation.resume(returning: connection)
        return true
    }
}

extension ProxyReply {
    /// The node has not opened its storage yet, or belongs to no cluster: nothing was done.
    fileprivate var isOfStartingNode: Bool {
        guard case .error(let text) = self else { return false }
        return text.hasPrefix("NOTREADY ")
    }
}
