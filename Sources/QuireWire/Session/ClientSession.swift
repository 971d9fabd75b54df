package import NIOCore
package import QuireCore

/// One client connection as a value: bytes in, operations and ordered replies out.
///
/// Commands about the connection are answered at once; commands about data become operations, which the shell
/// executes in any order and completes one by one. Replies leave in the order of their commands. A command on
/// many keys becomes many operations and one reply: it is not atomic.
///
/// Within one connection a read sees the writes before it: an operation whose reply depends on a key that an
/// earlier command is still writing waits for that write, and with it everything behind.
///
/// What is held for a client is bounded: when `wantsMoreInput` is false the shell stops reading from the
/// socket, and asks again after completions.
///
/// Invariant: every operation that was handed out is completed exactly once.
package struct ClientSession: Sendable {
    /// What the shell must do next. Whatever `takeOutput()` returns is sent before the connection is closed.
    package enum Action: Sendable, Hashable {
        case execute(UInt64, ClientOperation)
        case close
    }

    package struct Settings: Sendable, Hashable {
        package var valueBytesMax: Int
        /// Operations under way before no further command is taken up.
        package var outstandingOperationsMax: Int
        /// Bytes of requests under way, of replies waiting for their turn, and of replies not sent yet.
        package var heldBytesMax: Int
        /// Bytes of values in one `MGET` reply.
        package var replyBytesMax: Int

        package init(
            valueBytesMax: Int = 1 << 20,
            outstandingOperationsMax: Int = 1024,
            heldBytesMax: Int = 32 << 20,
            replyBytesMax: Int = 64 << 20
        ) {
            self.valueBytesMax = valueBytesMax
            self.outstandingOperationsMax = outstandingOperationsMax
            self.heldBytesMax = heldBytesMax
            self.replyBytesMax = replyBytesMax
        }
    }

    /// What one command came to.
    enum Outcome {
        case reply(RESPValue)
        case replyAndClose(RESPValue)
        case execute(ReplyShape, [ClientOperation])
    }

    package let id: Int64
    package let settings: Settings
    package let server: ServerInfo
    package var facts = NodeFacts()
    let contexts: ContextCodec

    var version = RESPVersion.two
    var name: [UInt8] = []
    var libraryName: [UInt8] = []
    var libraryVersion: [UInt8] = []

    private var parser: RESPRequestParser
    private var input = ByteBuffer()
    private var replies = ReplyQueue()
    /// How many writes of each key are under way.
    private var writesUnderWay: [Key: Int] = [:]
    /// A command that waits for earlier writes of its keys.
    private var heldBack: (shape: ReplyShape, operations: [ClientOperation])?
    /// No further command is taken up.
    private var isClosing = false
    private var hasClosed = false

    /// - Parameter id: Unique among the node's connections, from 1.
    package init(id: Int64, settings: Settings = Settings(), server: ServerInfo, contexts: ContextCodec) {
        self.id = id
        self.settings = settings
        self.server = server
        self.contexts = contexts
        self.parser = RESPRequestParser(limits: RESPLimits(bulkBytesMax: settings.valueBytesMax))
    }

    package var wantsMoreInput: Bool {
        !self.isClosing && self.heldBack == nil && self.hasCapacity
    }

    /// Takes bytes from the client.
    package mutating func receive(_ bytes: ByteBuffer, nowMilliseconds: UInt64) -> [Action] {
        guard !self.isClosing else { return [] }
        if self.input.readableBytes == 0 {
            self.input = bytes
        } else {
            var bytes = bytes
            // Else a stream that never ends at the end of a command would grow its buffer for ever.
            self.input.discardReadBytes()
            self.input.writeBuffer(&bytes)
        }
        return self.takeUpCommands(nowMilliseconds)
    }

    /// Takes the result of an operation.
    package mutating func completed(_ id: UInt64, _ result: ClientResult, nowMilliseconds: UInt64) -> [Action] {
        let environment = PendingCommand.Environment(
            nowMilliseconds: nowMilliseconds,
            contexts: self.contexts,
            layout: self.facts.layout?.version,
            replyBytesMax: self.settings.replyBytesMax
        )
        if let key = self.replies.completed(id, result, environment) {
            self.writeEnded(key)
        }
        return self.takeUpCommands(nowMilliseconds)
    }

    /// Replies that are ready to be sent, in order; `nil` if there are none.
    package mutating func takeOutput() -> ByteBuffer? {
        self.replies.takeOutput()
    }

    /// Goes on with commands that had to wait until output was taken. To be called whenever output has been
    /// sent: a client that only waits for its replies causes no other event.
    package mutating func outputTaken(nowMilliseconds: UInt64) -> [Action] {
        self.takeUpCommands(nowMilliseconds)
    }

    private var hasCapacity: Bool {
        self.replies.outstandingOperations < self.settings.outstandingOperationsMax
            && self.replies.outstandingBytes + self.replies.outputBytes < self.settings.heldBytesMax
    }

    private mutating func takeUpCommands(_ nowMilliseconds: UInt64) -> [Action] {
        var actions: [Action] = []
        if let held = self.heldBack, !self.mustWait(held.operations) {
            self.heldBack = nil
            self.execute(held.shape, held.operations, &actions)
        }
        while self.wantsMoreInput, let request = self.nextRequest() {
            self.takeUp(request, nowMilliseconds, &actions)
        }
        if self.input.readableBytes == 0 {
            self.input = ByteBuffer()
        }
        if self.isClosing, !self.hasClosed, self.replies.isEmpty {
            self.hasClosed = true
            actions.append(.close)
        }
        return actions
    }

    private mutating func nextRequest() -> RESPRequestParser.Request? {
        guard self.input.readableBytes > 0 else { return nil }
        do {
            return try self.parser.next(&self.input)
        } catch {
            self.append(.error("ERR Protocol error: \(error.message)"), closing: true)
            return nil
        }
    }

    private mutating func takeUp(
        _ request: RESPRequestParser.Request,
        _ nowMilliseconds: UInt64,
        _ actions: inout [Action]
    ) {
        switch request {
        case .oversized(_, let argumentBytes):
            self.append(ReplyText.oversized(argumentBytes, maxBytes: self.settings.valueBytesMax), closing: false)
        case .command(let arguments):
            switch self.outcome(of: arguments, nowMilliseconds) {
            case .reply(let reply):
                self.append(reply, closing: false)
            case .replyAndClose(let reply):
                self.append(reply, closing: true)
            case .execute(let shape, let operations):
                if self.mustWait(operations) {
                    self.heldBack = (shape, operations)
                } else {
                    self.execute(shape, operations, &actions)
                }
            }
        }
    }

    private mutating func outcome(of arguments: [[UInt8]], _ nowMilliseconds: UInt64) -> Outcome {
        guard let command = Command(name: arguments[0]) else {
            return Self.refusal(ofUnknown: arguments)
        }
        guard CommandDescription.of(command).accepts(argumentCount: arguments.count) else {
            return .reply(ReplyText.wrongArity(command))
        }
        return self.dataOutcome(command, arguments)
            ?? self.connectionOutcome(command, arguments)
            ?? .reply(self.introspection(command, arguments, nowMilliseconds))
    }

    /// A browser that was tricked into sending HTTP here is cut off before the body of its request is obeyed.
    private static func refusal(ofUnknown arguments: [[UInt8]]) -> Outcome {
        let name = String(decoding: arguments[0].prefix(8), as: UTF8.self).lowercased()
        if name == "post" || name == "host:" {
            return .replyAndClose(.error("ERR Protocol error: this port speaks RESP, not HTTP"))
        }
        return .reply(ReplyText.unknownCommand(arguments))
    }

    private mutating func append(_ reply: RESPValue, closing: Bool) {
        self.replies.append(reply, self.version)
        if closing {
            self.isClosing = true
            self.input = ByteBuffer()
        }
    }

    private mutating func execute(_ shape: ReplyShape, _ operations: [ClientOperation], _ actions: inout [Action]) {
        let command = PendingCommand(shape: shape, operations: operations, version: self.version)
        for key in command.writtenKeys {
            self.writesUnderWay[key, default: 0] += 1
        }
        let first = self.replies.append(command)
        for (part, operation) in operations.enumerated() {
            actions.append(.execute(first + UInt64(part), operation))
        }
    }

    private func mustWait(_ operations: [ClientOperation]) -> Bool {
        guard !self.writesUnderWay.isEmpty else { return false }
        return operations.contains { operation in
            operation.observedKey.map { self.writesUnderWay[$0] != nil } ?? false
        }
    }

    private mutating func writeEnded(_ key: Key) {
        guard let count = self.writesUnderWay[key] else { return }
        self.writesUnderWay[key] = count > 1 ? count - 1 : nil
    }
}
