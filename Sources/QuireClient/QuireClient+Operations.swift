import QuireCore
import QuireWire

extension QuireClient {
    // MARK: Siblings and contexts

    /// Reads all siblings of a key.
    ///
    /// - Parameter readQuorum: R, how many replicas must answer; the cluster's R if `nil`.
    /// - Returns: `QuireSiblings.unknown` for a key that was never written.
    public func get(_ key: [UInt8], readQuorum: Int? = nil) async throws(QuireError) -> QuireSiblings {
        try await self.get(key, readQuorum: readQuorum, deadline: self.deadline())
    }

    /// Writes a value in place of everything that `context` has seen. What it has not seen stays beside it.
    ///
    /// Sent to the replica that answered the read of the context first, if that is well. Executed at most once: if an
    /// error says that the value may have been stored, read before you write again, or use
    /// ``update(_:readQuorum:writeQuorum:durability:reconcile:)``.
    ///
    /// - Parameters:
    ///   - writeQuorum: W, how many replicas must have stored it; the cluster's W if `nil`.
    ///   - durability: What their acknowledgements promise; the cluster's choice if `nil`.
    public func put(
        _ key: [UInt8],
        value: [UInt8],
        context: QuireContext,
        writeQuorum: Int? = nil,
        durability: QuireDurability? = nil
    ) async throws(QuireError) -> QuireWriteOutcome {
        let write = CausalWrite(key: key, value: value, context: context, writeQuorum, durability)
        return try await self.write(write, deadline: self.deadline())
    }

    /// Deletes everything of a key that `context` has seen; otherwise like ``put(_:value:context:writeQuorum:durability:)``.
    ///
    /// - Parameters:
    ///   - writeQuorum: W, how many replicas must have stored it; the cluster's W if `nil`.
    ///   - durability: What their acknowledgements promise; the cluster's choice if `nil`.
    public func delete(
        _ key: [UInt8],
        context: QuireContext,
        writeQuorum: Int? = nil,
        durability: QuireDurability? = nil
    ) async throws(QuireError) -> QuireWriteOutcome {
        let write = CausalWrite(key: key, value: nil, context: context, writeQuorum, durability)
        return try await self.write(write, deadline: self.deadline())
    }

    // MARK: The last write wins

    /// Reads the newest value of a key; `nil` if it has none.
    ///
    /// - Parameter readQuorum: R, how many replicas must answer; the cluster's R if `nil`.
    public func plainGet(_ key: [UInt8], readQuorum: Int? = nil) async throws(QuireError) -> [UInt8]? {
        let words = [Self.word("QUIRE.GET"), key, Self.word("NEWEST")] + Self.option("R", readQuorum.map(String.init))
        let reply = try await self.perform(
            Request(words: words, key: Key(key), kind: .read, tellsLayout: true),
            deadline: self.deadline()
        )
        if reply == .null { return nil }
        return try Self.values(of: reply).first
    }

    /// Writes a value in place of every older one: the last write wins.
    ///
    /// If an error says that the value may have been stored, setting it again is right where nobody else writes the key;
    /// see ``QuireConfiguration/repeatsPlainWritesOfUnknownFate``.
    ///
    /// - Parameters:
    ///   - writeQuorum: W, how many replicas must have stored it; the cluster's W if `nil`.
    ///   - durability: What their acknowledgements promise; the cluster's choice if `nil`.
    public func plainSet(
        _ key: [UInt8],
        value: [UInt8],
        writeQuorum: Int? = nil,
        durability: QuireDurability? = nil
    ) async throws(QuireError) {
        let write = CausalWrite(key: key, value: value, context: .everythingOlder, writeQuorum, durability)
        _ = try await self.write(write, deadline: self.deadline())
    }

    /// Deletes every older value.
    ///
    /// - Returns: whether the key had one.
    public func plainDelete(_ key: [UInt8]) async throws(QuireError) -> Bool {
        let kind = self.plainWriteKind
        let request = Request(words: [Self.word("DEL"), key], key: Key(key), kind: kind)
        let reply = try await self.perform(request, deadline: self.deadline())
        guard case .integer(let count) = reply else { throw .protocolViolation("DEL answered \(reply)") }
        return count > 0
    }

    // MARK: Words

    /// A write as `QUIRE.PUT` and `QUIRE.DEL` take it.
    struct CausalWrite: Sendable {
        let key: [UInt8]
        /// `nil` deletes.
        let value: [UInt8]?
        let context: QuireContext
        let options: [[UInt8]]

        init(
            key: [UInt8],
            value: [UInt8]?,
            context: QuireContext,
            _ writeQuorum: Int?,
            _ durability: QuireDurability?
        ) {
            self.key = key
            self.value = value
            self.context = context
            self.options =
                QuireClient.option("W", writeQuorum.map(String.init))
                + QuireClient.option("DURABILITY", durability?.rawValue)
        }
    }

    func get(_ key: [UInt8], readQuorum: Int?, deadline: Duration) async throws(QuireError) -> QuireSiblings {
        let words = [Self.word("QUIRE.GET"), key] + Self.option("R", readQuorum.map(String.init))
        let request = Request(words: words, key: Key(key), kind: .read, tellsLayout: true)
        let reply = try await self.perform(request, deadline: deadline)
        if reply == .null { return .unknown }
        return QuireSiblings(
            values: try Self.values(of: reply),
            context: try Self.context(of: reply),
            standInCount: Self.standIns(of: reply)
        )
    }

    func write(_ write: CausalWrite, deadline: Duration) async throws(QuireError) -> QuireWriteOutcome {
        let head = write.value.map { [Self.word("QUIRE.PUT"), write.key, write.context.text, $0] }
        let words = head ?? [Self.word("QUIRE.DEL"), write.key, write.context.text]
        let request = Request(
            words: words + write.options,
            key: Key(write.key),
            kind: write.context == .everythingOlder ? self.plainWriteKind : .write,
            preferred: write.context.preferredReplica,
            tellsLayout: true
        )
        let reply = try await self.perform(request, deadline: deadline)
        guard case .integer(let count)? = reply.entry("siblings") else {
            throw .protocolViolation("a write answered \(reply)")
        }
        return QuireWriteOutcome(
            context: try Self.context(of: reply),
            siblingCount: Int(count),
            standInCount: Self.standIns(of: reply)
        )
    }

    private var plainWriteKind: RetryRule.Kind {
        self.configuration.repeatsPlainWritesOfUnknownFate ? .repeatableWrite : .write
    }

    private static func values(of reply: QuireReply) throws(QuireError) -> [[UInt8]] {
        guard case .array(let elements)? = reply.entry("siblings") else {
            throw .protocolViolation("QUIRE.GET answered \(reply)")
        }
        var values: [[UInt8]] = []
        for element in elements {
            guard case .bytes(let value) = element else { throw .protocolViolation("a sibling that is not bytes") }
            values.append(value)
        }
        return values
    }

    private static func context(of reply: QuireReply) throws(QuireError) -> QuireContext {
        guard case .bytes(let text)? = reply.entry("context") else {
            throw .protocolViolation("an answer without a context: \(reply)")
        }
        return QuireContext(text: text)
    }

    private static func standIns(of reply: QuireReply) -> Int {
        if case .integer(let count)? = reply.entry("stand-ins") { Int(count) } else { 0 }
    }

    fileprivate static func option(_ name: String, _ value: String?) -> [[UInt8]] {
        value.map { [Self.word(name), Self.word($0)] } ?? []
    }
}

extension QuireContext {
    /// Of a last-write-wins write: it replaces whatever is older.
    static let everythingOlder = QuireContext(text: [UInt8(ascii: "*")])
}
