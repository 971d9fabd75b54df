import NIOCore
import QuireCore

/// The replies of one connection in the order of their commands, whatever order they become ready in.
///
/// A reply that is ready and has none before it is encoded at once; the others wait for their turn.
struct ReplyQueue: Sendable {
    private enum Slot: Sendable {
        case waiting(PendingCommand)
        /// The bytes are counted until the reply is encoded.
        case ready(RESPValue, RESPVersion, heldBytes: Int)
    }

    private static let partBits: UInt64 = 16

    private var slots = CircularBuffer<Slot>()
    /// The number of the first slot: slots are numbered from the first command of the connection.
    private var firstSlot: UInt64 = 0
    private var output = ByteBuffer()
    private(set) var outstandingOperations = 0
    /// Of requests under way, and of replies that wait for their turn.
    private(set) var outstandingBytes = 0

    var isEmpty: Bool { self.slots.isEmpty }
    var outputBytes: Int { self.output.readableBytes }

    mutating func append(_ reply: RESPValue, _ version: RESPVersion) {
        if self.slots.isEmpty {
            RESPEncoder(version: version).encode(reply, into: &self.output)
            self.firstSlot += 1
        } else {
            self.hold(reply, version, at: nil)
        }
    }

    /// - Returns: the id of the command's first operation; those of its other operations follow.
    mutating func append(_ command: PendingCommand) -> UInt64 {
        precondition(
            command.missingResults <= 1 << Self.partBits,
            "\(command.missingResults) operations in one command"
        )
        self.outstandingOperations += command.missingResults
        self.outstandingBytes += command.requestBytes
        self.slots.append(.waiting(command))
        return (self.firstSlot + UInt64(self.slots.count - 1)) << Self.partBits
    }

    /// - Returns: the key that this operation has written, if it was a write.
    mutating func completed(
        _ id: UInt64,
        _ result: ClientResult,
        _ environment: PendingCommand.Environment
    ) -> Key? {
        let offset = Int(clamping: (id >> Self.partBits) &- self.firstSlot)
        let part = Int(id & (1 << Self.partBits - 1))
        precondition(offset < self.slots.count, "operation \(id) is not outstanding")
        let index = self.slots.index(self.slots.startIndex, offsetBy: offset)
        guard case .waiting(var command) = self.slots[index] else {
            preconditionFailure("operation \(id) was completed twice")
        }
        // The slot gives its command up while that changes, so that nothing is copied.
        self.slots[index] = .ready(.null, command.version, heldBytes: 0)
        self.outstandingOperations -= 1
        if let reply = command.completed(part: part, result, environment) {
            self.outstandingBytes -= command.requestBytes
            self.hold(reply, command.version, at: index)
            self.encodeReadyReplies()
        } else {
            self.slots[index] = .waiting(command)
        }
        return command.writtenKeys.isEmpty ? nil : command.writtenKeys[part]
    }

    mutating func takeOutput() -> ByteBuffer? {
        guard self.output.readableBytes > 0 else { return nil }
        defer { self.output = ByteBuffer() }
        return self.output
    }

    private mutating func hold(_ reply: RESPValue, _ version: RESPVersion, at index: CircularBuffer<Slot>.Index?) {
        let slot = Slot.ready(reply, version, heldBytes: reply.payloadBytes)
        self.outstandingBytes += reply.payloadBytes
        if let index {
            self.slots[index] = slot
        } else {
            self.slots.append(slot)
        }
    }

    private mutating func encodeReadyReplies() {
        while case .ready(let reply, let version, let heldBytes)? = self.slots.first {
            self.outstandingBytes -= heldBytes
            RESPEncoder(version: version).encode(reply, into: &self.output)
            self.slots.removeFirst()
            self.firstSlot += 1
        }
    }
}

extension RESPValue {
    /// About as many bytes as the value keeps alive.
    fileprivate var payloadBytes: Int {
        switch self {
        case .bulk(let bytes): bytes.count
        case .array(let elements):
            elements.reduce(elements.count * MemoryLayout<RESPValue>.stride) { $0 + $1.payloadBytes }
        case .map(let entries): entries.reduce(0) { $0 + $1.value.payloadBytes }
        default: 0
        }
    }
}
