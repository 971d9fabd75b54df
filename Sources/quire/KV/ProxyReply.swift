/// What a node answers to one command, reduced to what this tool looks at.
enum ProxyReply: Equatable, Sendable {
    case null
    case bytes([UInt8])
    case integer(Int)
    /// Maps are flattened: key, value, key, value.
    case array([ProxyReply])
    /// `CODE words`.
    case error(String)

    /// The same request may succeed a little later: overload, lost quorum, a node that is starting.
    var isRetriable: Bool {
        guard case .error(let text) = self else { return false }
        return ["OVERLOADED", "QUORUM", "NOTREADY", "NOTDURABLE", "LOADING", "TRYAGAIN"].contains(
            String(text.prefix { $0 != " " })
        )
    }

    /// The value under a name in a flattened map.
    func field(_ name: String) -> ProxyReply? {
        guard case .array(let items) = self else { return nil }
        for index in stride(from: 0, to: items.count - 1, by: 2) where items[index] == .bytes(Array(name.utf8)) {
            return items[index + 1]
        }
        return nil
    }

    /// The bytes as text, for messages.
    var words: String {
        switch self {
        case .null: "(nothing)"
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let number): String(number)
        case .array(let items): items.map(\.words).joined(separator: " ")
        case .error(let text): text
        }
    }
}
