/// Where a node listens for clients.
public struct QuireEndpoint: Sendable, Hashable {
    /// A name or address.
    public let host: String
    /// The port for Redis clients.
    public let port: Int

    /// An endpoint; the port is 7379 unless the node is configured otherwise.
    public init(host: String, port: Int = 7379) {
        self.host = host
        self.port = port
    }
}

/// What a client has read of one key; passed back with a write, it says what the write replaces.
///
/// Opaque, and good for one key of one cluster only.
public struct QuireContext: Sendable, Hashable {
    /// The context of somebody who has read nothing: a write with it stands beside whatever is stored.
    public static let none = QuireContext(text: [UInt8(ascii: "-")])

    /// ASCII text, safe to be stored or passed on.
    public let text: [UInt8]

    /// A context that was kept as text.
    public init(text: [UInt8]) {
        self.text = text
    }
}

/// All that is known of a key: its siblings and their context.
public struct QuireSiblings: Sendable, Hashable {
    /// The values that nothing has replaced; more than one if writes were concurrent, none if the key is deleted.
    public let values: [[UInt8]]
    /// What to pass back with the write that reconciles the values.
    public let context: QuireContext

    /// What is known of a key that was never written.
    public static let unknown = QuireSiblings(values: [], context: .none)
}

/// What a causal write left behind.
public struct QuireWriteOutcome: Sendable, Hashable {
    /// The context for a next write by the same client.
    public let context: QuireContext
    /// How many values the key has now; more than one if somebody wrote at the same time.
    public let siblingCount: Int
}

/// A client of one cluster, over one connection at a time.
///
/// It knows several endpoints and connects to the first that answers. When a connection ends, the command that
/// was under way fails, and the next command connects to the next endpoint: whether to retry is the caller's
/// decision, because a write may have happened.
public actor QuireClient {
    private let endpoints: [QuireEndpoint]
    private let connectTimeout: Duration
    private var nextEndpoint = 0
    private var connection: QuireConnection?
    private var connecting: Task<Result<QuireConnection, QuireError>, Never>?

    /// A client that is not connected yet.
    ///
    /// - Parameters:
    ///   - endpoints: Nodes of one cluster, at least one; tried in this order.
    ///   - connectTimeout: For each endpoint.
    public init(endpoints: [QuireEndpoint], connectTimeout: Duration = .seconds(5)) {
        precondition(!endpoints.isEmpty, "a client without endpoints")
        self.endpoints = endpoints
        self.connectTimeout = connectTimeout
    }

    /// Reads all siblings of a key.
    ///
    /// - Parameter readQuorum: How many replicas must answer; the cluster's R if `nil`.
    /// - Returns: `QuireSiblings.unknown` for a key that was never written.
    public func get(_ key: [UInt8], readQuorum: Int? = nil) async throws(QuireError) -> QuireSiblings {
        let reply = try await self.send([Self.word("QUIRE.GET"), key] + Self.option("R", readQuorum))
        if reply == .null { return .unknown }
        guard case .bytes(let context)? = reply.entry("context"), case .array(let elements)? = reply.entry("siblings")
        else { throw .protocolViolation("QUIRE.GET answered \(reply)") }
        var values: [[UInt8]] = []
        for element in elements {
            guard case .bytes(let value) = element else { throw .protocolViolation("a sibling that is not bytes") }
            values.append(value)
        }
        return QuireSiblings(values: values, context: QuireContext(text: context))
    }

    /// Writes a value in place of everything that `context` has seen.
    ///
    /// - Parameter writeQuorum: How many replicas must have stored it; the cluster's W if `nil`.
    public func put(
        _ key: [UInt8],
        value: [UInt8],
        context: QuireContext,
        writeQuorum: Int? = nil
    ) async throws(QuireError) -> QuireWriteOutcome {
        let options = Self.option("W", writeQuorum)
        return try Self.outcome(
            of: try await self.send([Self.word("QUIRE.PUT"), key, context.text, value] + options)
        )
    }

    /// Deletes everything of a key that `context` has seen.
    ///
    /// - Parameter writeQuorum: How many replicas must have stored it; the cluster's W if `nil`.
    public func delete(
        _ key: [UInt8],
        context: QuireContext,
        writeQuorum: Int? = nil
    ) async throws(QuireError) -> QuireWriteOutcome {
        let options = Self.option("W", writeQuorum)
        return try Self.outcome(of: try await self.send([Self.word("QUIRE.DEL"), key, context.text] + options))
    }

    /// Reads the newest value of a key; `nil` if it has none.
    public func plainGet(_ key: [UInt8]) async throws(QuireError) -> [UInt8]? {
        switch try await self.send([Self.word("GET"), key]) {
        case .bytes(let value): return value
        case .null: return nil
        case let reply: throw .protocolViolation("GET answered \(reply)")
        }
    }

    /// Writes a value in place of every older one: the last write wins.
    public func plainSet(_ key: [UInt8], value: [UInt8]) async throws(QuireError) {
        let reply = try await self.send([Self.word("SET"), key, value])
        guard reply == .status("OK") else { throw .protocolViolation("SET answered \(reply)") }
    }

    /// Deletes every older value.
    ///
    /// - Returns: whether the key had one.
    public func plainDelete(_ key: [UInt8]) async throws(QuireError) -> Bool {
        let reply = try await self.send([Self.word("DEL"), key])
        guard case .integer(let count) = reply else { throw .protocolViolation("DEL answered \(reply)") }
        return count > 0
    }

    /// Sends any command, its name first, over the current connection or a new one.
    public func send(_ command: [[UInt8]]) async throws(QuireError) -> QuireReply {
        let connection = try await self.openConnection()
        return try await connection.send(command)
    }

    /// Closes the connection. The next command opens another.
    public func close() async {
        let connection = self.connection
        self.connection = nil
        await connection?.close()
    }

    private func openConnection() async throws(QuireError) -> QuireConnection {
        if let connection = self.connection {
            if connection.isOpen { return connection }
            self.connection = nil
            self.nextEndpoint = (self.nextEndpoint + 1) % self.endpoints.count
        }
        let attempt = self.connecting ?? Task { await self.connectToAny() }
        self.connecting = attempt
        return try await attempt.value.get()
    }

    private func connectToAny() async -> Result<QuireConnection, QuireError> {
        defer { self.connecting = nil }
        var failures: [String] = []
        for offset in 0..<self.endpoints.count {
            let index = (self.nextEndpoint + offset) % self.endpoints.count
            let endpoint = self.endpoints[index]
            do {
                let connection = try await QuireConnection.connect(
                    host: endpoint.host,
                    port: endpoint.port,
                    timeout: self.connectTimeout
                )
                self.nextEndpoint = index
                self.connection = connection
                return .success(connection)
            } catch .unreachable(let reasons) {
                failures += reasons
            } catch {
                failures.append("\(endpoint.host):\(endpoint.port): \(error)")
            }
        }
        return .failure(.unreachable(failures))
    }

    private static func outcome(of reply: QuireReply) throws(QuireError) -> QuireWriteOutcome {
        guard case .bytes(let context)? = reply.entry("context"), case .integer(let count)? = reply.entry("siblings")
        else { throw .protocolViolation("a write answered \(reply)") }
        return QuireWriteOutcome(context: QuireContext(text: context), siblingCount: Int(count))
    }

    private static func word(_ text: String) -> [UInt8] {
        Array(text.utf8)
    }

    private static func option(_ name: String, _ number: Int?) -> [[UInt8]] {
        number.map { [Self.word(name), Self.word(String($0))] } ?? []
    }
}
