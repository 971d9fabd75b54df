/// Why bytes are not acceptable RESP. The stream cannot be resynchronised: answer, then close.
package enum RESPError: Error, Sendable, Hashable {
    case unexpectedByte(found: UInt8, needed: String)
    case invalidNumber(String)
    case bulkTooLong(foundBytes: Int, maxBytes: Int)
    case tooManyElements(found: Int, max: Int)
    case nestedTooDeeply(max: Int)
    case lineTooLong(maxBytes: Int)
    case messageTooLong(maxBytes: Int)
    case malformed(String)

    /// For the other side, after `Protocol error: `.
    package var message: String {
        switch self {
        case .unexpectedByte(let found, let needed):
            "expected \(needed), got \(Self.describe(found))"
        case .invalidNumber(let what):
            "invalid \(what)"
        case .bulkTooLong(let found, let max):
            "bulk of \(found) bytes: at most \(max) are accepted"
        case .tooManyElements(let found, let max):
            "\(found) elements: at most \(max) are accepted"
        case .nestedTooDeeply(let max):
            "nested more than \(max) levels deep"
        case .lineTooLong(let max):
            "a line of more than \(max) bytes"
        case .messageTooLong(let max):
            "a message of more than \(max) bytes"
        case .malformed(let what):
            what
        }
    }

    private static func describe(_ byte: UInt8) -> String {
        (0x20..<0x7F).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    }
}

/// What a parser accepts. Nothing is allocated because a length was declared: memory follows bytes received.
package struct RESPLimits: Sendable, Hashable {
    /// Bytes of one bulk string.
    package var bulkBytesMax: Int
    /// Values in one message, nested ones included; for a request, its arguments.
    package var elementsMax: Int
    package var depthMax: Int
    /// Bytes of a line: an inline command, a simple string, an error, a length.
    package var lineBytesMax: Int
    /// Bytes of one whole message.
    package var messageBytesMax: Int

    package init(
        bulkBytesMax: Int = 1 << 20,
        elementsMax: Int = 1 << 16,
        depthMax: Int = 32,
        lineBytesMax: Int = 1 << 16,
        messageBytesMax: Int = 64 << 20
    ) {
        self.bulkBytesMax = bulkBytesMax
        self.elementsMax = elementsMax
        self.depthMax = depthMax
        self.lineBytesMax = lineBytesMax
        self.messageBytesMax = messageBytesMax
    }
}
