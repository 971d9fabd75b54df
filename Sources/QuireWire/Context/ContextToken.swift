package import QuireCore

/// What a client had read of a key, on its way back to us with a write (Dynamo §4.4).
package struct ContextToken: Sendable, Hashable {
    package let vector: VersionVector
    /// The replica that answered the read fastest and should take the write (§5).
    package let preferredNode: NodeID?

    package init(vector: VersionVector, preferredNode: NodeID? = nil) {
        self.vector = vector
        self.preferredNode = preferredNode
    }

    /// The preferred node of a token that nobody has verified: good enough for a client that chooses where to send it.
    package static func unverifiedPreferredNode(of text: [UInt8]) -> NodeID? {
        ContextCodec.unverifiedPreferredNode(of: text)
    }
}

/// Why a token is not a context for a key. The write that carried it was not begun: read again, and use the
/// context of that answer.
package enum ContextError: Error, Sendable, Hashable {
    case malformed
    /// Not issued by this cluster, or changed since.
    case forged
    /// Issued for another key.
    case otherKey
}
