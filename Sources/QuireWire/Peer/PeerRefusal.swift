import NIOCore

/// Why a peer link was not established. Final for this connection; only the configuration or another address
/// changes the outcome.
package enum PeerRefusal: Error, Sendable, Hashable {
    case wrongClusterKey
    case otherCluster(found: String, needed: String)
    case protocolVersion(found: Int, needed: Int)
    case selfConnection
    case unexpectedMessage
    /// The other side refused, in its own words.
    case refusedByPeer(String)

    /// What the peer's refusal means from this side: what it found is what this node needs.
    init(errorText: String) {
        let quoted = errorText.split(separator: "'", omittingEmptySubsequences: false)
        let pair = quoted.count >= 5 ? (found: String(quoted[3]), needed: String(quoted[1])) : nil
        switch (errorText.split(separator: " ").first, pair) {
        case ("WRONGKEY", _):
            self = .wrongClusterKey
        case ("SELF", _):
            self = .selfConnection
        case ("OTHERCLUSTER", let pair?):
            self = .otherCluster(found: pair.found, needed: pair.needed)
        case ("PROTOCOL", let pair?):
            guard let found = Int(pair.found), let needed = Int(pair.needed) else { fallthrough }
            self = .protocolVersion(found: found, needed: needed)
        default:
            self = .refusedByPeer(errorText)
        }
    }

    /// For people, and for the peer before the link is closed.
    package var message: String {
        switch self {
        case .wrongClusterKey:
            "WRONGKEY the proof of the cluster key is not valid: give both nodes the same cluster key"
        case .otherCluster(let found, let needed):
            "OTHERCLUSTER you belong to cluster '\(found)', this node to '\(needed)'"
        case .protocolVersion(let found, let needed):
            "PROTOCOL you speak version '\(found)' of the peer protocol, this node version '\(needed)'"
        case .selfConnection:
            "SELF this is the node that you are"
        case .unexpectedMessage:
            "UNEXPECTED that message has no place in the handshake here"
        case .refusedByPeer(let text):
            text
        }
    }

    func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        RESPEncoder(version: .three).encode(.error(self.message), into: &buffer)
        return Array(buffer.readableBytesView)
    }
}
