import QuireClient

/// One pipelined connection to a proxy port.
struct ProxyConnection {
    private let connection: QuireConnection

    static func connect(_ address: ProxyAddress) async throws -> ProxyConnection {
        ProxyConnection(connection: try await QuireConnection.connect(host: address.host, port: address.port))
    }

    /// All replies, in the order of the commands; throws when the connection breaks before the last of them.
    func send(_ commands: [[[UInt8]]]) async throws -> [ProxyReply] {
        let replies = try await self.connection.sendAll(commands)
        guard replies.count == commands.count else {
            throw CommandFailure("bad_answer", "\(replies.count) replies came to \(commands.count) commands")
        }
        return replies.map { ProxyReply($0) }
    }

    func close() async {
        await self.connection.close()
    }
}

extension ProxyReply {
    init(_ reply: QuireReply) {
        switch reply {
        case .status(let text): self = .bytes(Array(text.utf8))
        case .error(let code, let message): self = .error(message.isEmpty ? code : "\(code) \(message)")
        case .integer(let number): self = .integer(Int(number))
        case .bytes(let bytes): self = .bytes(bytes)
        case .null: self = .null
        case .array(let items): self = .array(items.map { ProxyReply($0) })
        case .map(let entries): self = .array(entries.flatMap { [ProxyReply($0.key), ProxyReply($0.value)] })
        case .double(let number): self = .bytes(Array("\(number)".utf8))
        case .boolean(let isTrue): self = .integer(isTrue ? 1 : 0)
        }
    }
}
