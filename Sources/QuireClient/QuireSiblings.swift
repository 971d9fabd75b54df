import QuireCore
import QuireWire

/// What a client has read of one key; passed back with a write, it says what the write replaces.
///
/// Opaque, and good for one key of one cluster only. It also remembers which replica answered the read first, and
/// ``QuireClient`` sends the write that follows there (Dynamo §5): a client reads its own writes more often, and the
/// slowest writes become faster.
public struct QuireContext: Sendable, Hashable {
    /// The context of somebody who has read nothing: a write with it stands beside whatever is stored.
    public static let none = QuireContext(text: [UInt8(ascii: "-")])

    /// ASCII text, safe to be stored or passed on.
    public let text: [UInt8]

    /// A context that was kept as text.
    public init(text: [UInt8]) {
        self.text = text
    }

    /// The replica that should take the write; a hint only, for the client cannot verify a context.
    var preferredReplica: NodeID? { ContextToken.unverifiedPreferredNode(of: self.text) }
}

/// All that is known of a key: its siblings and their context.
public struct QuireSiblings: Sendable, Hashable {
    /// The values that nothing has replaced; more than one if writes were concurrent, none if the key is deleted.
    public let values: [[UInt8]]
    /// What to pass back with the write that reconciles the values.
    public let context: QuireContext
    /// How many of the R answers came from nodes that stand in for replicas that could not be reached. Above 0, the read
    /// may have missed an acknowledged write, even if R + W > N (Dynamo §4.6).
    public let standInCount: Int

    /// What is known of a key that was never written.
    public static let unknown = QuireSiblings(values: [], context: .none)

    init(values: [[UInt8]], context: QuireContext, standInCount: Int = 0) {
        self.values = values
        self.context = context
        self.standInCount = standInCount
    }
}

/// What the acknowledgements of a write promise (Dynamo §6.1).
public enum QuireDurability: String, Sendable, Hashable, CaseIterable {
    /// Each of the W replicas has the value on stable storage.
    case all
    /// W replicas have it, one of them on stable storage.
    case one
    /// W replicas have it in memory, and put it on stable storage soon.
    case buffered
}

/// What a causal write left behind.
public struct QuireWriteOutcome: Sendable, Hashable {
    /// The context for a next write by the same client.
    public let context: QuireContext
    /// How many values the key has now; more than one if somebody wrote at the same time.
    public let siblingCount: Int
    /// How many of the W acknowledgements came from nodes that stand in for replicas that could not be reached.
    public let standInCount: Int
}
