/// What a causal read showed: the values of all siblings, and the context for the write that follows.
struct CausalReading: Sendable {
    /// For a write that has read nothing.
    static let nothing = CausalReading(context: [UInt8(ascii: "-")], siblings: [], values: [])

    let context: [UInt8]
    /// As they came.
    let siblings: [[UInt8]]
    /// Those that a client of the load has written.
    let values: [LoadValue]

    /// - Returns: `nil` for what is no answer to a causal read.
    init?(_ reply: ProxyReply, key: String) {
        if reply == .null {
            self = .nothing
            return
        }
        guard case .bytes(let context)? = reply.field("context"), case .array(let items)? = reply.field("siblings")
        else { return nil }
        var siblings: [[UInt8]] = []
        for item in items {
            guard case .bytes(let bytes) = item else { return nil }
            siblings.append(bytes)
        }
        let values = siblings.compactMap { LoadValue($0, key: key) }
        self.init(context: context, siblings: siblings, values: values)
    }

    private init(context: [UInt8], siblings: [[UInt8]], values: [LoadValue]) {
        self.context = context
        self.siblings = siblings
        self.values = values
    }
}
