import QuireWire

/// One answer of a node, as the protocol delivers it.
public enum QuireReply: Sendable, Hashable {
    /// A short status, such as `OK`.
    case status(String)
    /// A refusal: its code, such as `QUORUM`, and the rest of the text.
    case error(code: String, message: String)
    /// A whole number.
    case integer(Int64)
    /// A byte string; texts arrive this way, too.
    case bytes([UInt8])
    /// Nothing: for instance, no such key.
    case null
    /// An ordered list.
    case array([QuireReply])
    /// Pairs of keys and values in the order in which they were sent.
    case map([Entry])
    /// A floating-point number.
    case double(Double)
    /// True or false.
    case boolean(Bool)

    /// One pair of a map.
    public struct Entry: Sendable, Hashable {
        /// The name, a byte string in all answers of Quire.
        public let key: QuireReply
        /// What the name stands for.
        public let value: QuireReply
    }

    init(_ value: RESPValue) {
        switch value {
        case .simple(let text): self = .status(text)
        case .error(let text): self = Self.failure(text)
        case .integer(let number): self = .integer(number)
        case .bulk(let bytes): self = .bytes(bytes)
        case .null: self = .null
        case .array(let elements), .set(let elements), .push(let elements): self = .array(elements.map(QuireReply.init))
        case .map(let entries):
            self = .map(entries.map { Entry(key: QuireReply($0.key), value: QuireReply($0.value)) })
        case .double(let number): self = .double(number)
        case .boolean(let isTrue): self = .boolean(isTrue)
        case .bigNumber(let digits): self = .bytes(Array(digits.utf8))
        case .verbatim(_, let text): self = .bytes(text)
        }
    }

    private static func failure(_ text: String) -> QuireReply {
        let words = text.split(separator: " ", maxSplits: 1)
        return .error(code: String(words.first ?? "ERR"), message: String(words.dropFirst().first ?? ""))
    }

    /// The value of a map's entry; `nil` when this is no map or has no such entry.
    func entry(_ name: String) -> QuireReply? {
        guard case .map(let entries) = self else { return nil }
        return entries.first { $0.key == .bytes(Array(name.utf8)) }?.value
    }
}

extension RESPValue {
    /// The value that such an answer is made of, as far as an answer keeps it.
    init(_ reply: QuireReply) {
        switch reply {
        case .status(let text): self = .simple(text)
        case .error(let code, let message): self = .error(message.isEmpty ? code : "\(code) \(message)")
        case .integer(let number): self = .integer(number)
        case .bytes(let bytes): self = .bulk(bytes)
        case .null: self = .null
        case .array(let elements): self = .array(elements.map(RESPValue.init))
        case .map(let entries): self = .map(entries.map { Entry(RESPValue($0.key), RESPValue($0.value)) })
        case .double(let number): self = .double(number)
        case .boolean(let isTrue): self = .boolean(isTrue)
        }
    }
}
