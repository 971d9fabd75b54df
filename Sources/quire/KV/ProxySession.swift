/// One connection at a time to one of several proxy ports; the next one is taken when it breaks.
///
/// Every node serves every key, so any of them will do. Used by one task at a time.
actor ProxySession {
    /// How long the replies to one send may take.
    private static let silenceMax = Duration.seconds(30)

    private let addresses: [ProxyAddress]
    private var next: Int
    private var connection: ProxyConnection?

    /// - Parameter offset: Where in the list to begin, so that several sessions spread over the nodes.
    init(_ addresses: [ProxyAddress], offset: Int = 0) {
        precondition(!addresses.isEmpty, "a session needs an address")
        self.addresses = addresses
        self.next = offset % addresses.count
    }

    /// Sends the commands in one go and gives their replies in order; a broken connection is thrown.
    ///
    /// After that it is unknown which of the commands were carried out.
    func sendOnce(_ commands: [[[UInt8]]]) async throws -> [ProxyReply] {
        let connection: ProxyConnection
        if let open = self.connection {
            connection = open
        } else {
            connection = try await self.connect()
        }
        // A node that hangs looks like one that died: its connection is closed, which fails what waits on it.
        let watchdog = Task {
            try await Task.sleep(for: Self.silenceMax)
            await connection.close()
        }
        defer { watchdog.cancel() }
        do {
            return try await connection.send(commands)
        } catch {
            await self.close()
            throw error
        }
    }

    /// The same, repeated on the next node until it succeeds: for commands that may be carried out twice.
    func send(_ commands: [[[UInt8]]], patience: Duration) async throws -> [ProxyReply] {
        let deadline = ContinuousClock.now + patience
        var pause = Duration.milliseconds(20)
        while true {
            do {
                return try await self.sendOnce(commands)
            } catch {
                guard ContinuousClock.now < deadline else {
                    let names = self.addresses.map(\.description).joined(separator: ", ")
                    throw CommandFailure(
                        "unreachable",
                        "no answer from \(names) (\(FailureReason.words(error))): are the nodes running? Name others with --proxy or QUIRE_PROXY."
                    )
                }
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    func close() async {
        let connection = self.connection
        self.connection = nil
        await connection?.close()
    }

    private func connect() async throws -> ProxyConnection {
        let address = self.addresses[self.next]
        self.next = (self.next + 1) % self.addresses.count
        let connection = try await ProxyConnection.connect(address)
        self.connection = connection
        return connection
    }
}

extension ProxySession {
    /// One command; an error reply becomes a failure.
    func ask(_ command: [String]) async throws -> ProxyReply {
        try await self.ask(command.map { Array($0.utf8) })
    }

    func ask(_ command: [[UInt8]]) async throws -> ProxyReply {
        let replies = try await self.send([command], patience: .seconds(2))
        guard let reply = replies.first else { throw CommandFailure("bad_answer", "the node sent no reply") }
        if case .error(let text) = reply {
            throw CommandFailure(text.prefix { $0 != " " }.lowercased(), text)
        }
        return reply
    }
}
