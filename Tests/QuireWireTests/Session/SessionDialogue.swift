import NIOCore
import QuireCore
import QuireWire

/// A session and what it wants done, for tests that read as dialogues.
struct SessionDialogue {
    static let now: UInt64 = 1_700_000_000_123
    static let contexts = ContextCodec(secret: Array("cluster key".utf8))

    var session: ClientSession
    var operations: [(id: UInt64, operation: ClientOperation)] = []
    var hasClosed = false

    init(settings: ClientSession.Settings = ClientSession.Settings(), id: Int64 = 7) {
        let server = ServerInfo(version: "0.1.0", runID: String(repeating: "a", count: 40), port: 7379, keyCount: 3)
        self.session = ClientSession(id: id, settings: settings, server: server, contexts: Self.contexts)
    }

    /// Sends bytes; returns what the session answers at once.
    mutating func send(_ text: String) -> String {
        self.send(bytes: Array(text.utf8))
    }

    mutating func send(bytes: [UInt8]) -> String {
        self.note(self.session.receive(ByteBuffer(bytes: bytes), nowMilliseconds: Self.now))
        return self.output()
    }

    mutating func send(_ arguments: [[UInt8]]) -> String {
        var buffer = ByteBuffer()
        buffer.writeRESPHeader("*", Int64(arguments.count))
        for argument in arguments {
            buffer.writeRESPBulk(argument)
        }
        return self.send(bytes: Array(buffer.readableBytesView))
    }

    /// Completes the operation handed out at this place; returns what the session answers then.
    mutating func complete(_ index: Int, _ result: ClientResult) -> String {
        self.note(self.session.completed(self.operations[index].id, result, nowMilliseconds: Self.now))
        return self.output()
    }

    mutating func reply(to command: String, _ result: ClientResult) -> String {
        let index = self.operations.count
        return self.send(command + "\r\n") + self.complete(index, result)
    }

    private mutating func note(_ actions: [ClientSession.Action]) {
        for action in actions {
            switch action {
            case .execute(let id, let operation): self.operations.append((id, operation))
            case .close: self.hasClosed = true
            }
        }
    }

    private mutating func output() -> String {
        self.session.takeOutput().map { String(buffer: $0) } ?? ""
    }
}

extension Record {
    /// A record with one sibling per value; `nil` is a tombstone. Later ones are newer.
    static func of(_ values: [String?], expiry: UInt64? = nil) -> Record {
        var record = Record()
        for (index, value) in values.enumerated() {
            let version = Version(
                dot: Dot(actor: ActorID(rawValue: UInt64(index) + 1), counter: 1),
                timestamp: HybridTimestamp(wallMilliseconds: UInt64(index) + 1),
                request: RequestID(high: 0, low: UInt64(index)),
                value: value.map { Array($0.utf8) },
                expiryMilliseconds: expiry
            )
            record.mint(version, superseding: .context(VersionVector()))
        }
        return record
    }
}
