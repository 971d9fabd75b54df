import NIOCore
import QuireCore

/// The four messages of `PeerHandshake`.
enum HandshakeMessage {
    case hello(PeerHandshake.Identity, nonce: [UInt8])
    case challenge(PeerHandshake.Identity, nonce: [UInt8])
    case proof([UInt8])
    case welcome([UInt8])

    /// - Returns: `nil` unless `value` is one of the four, whole and in range.
    init?(_ value: RESPValue) {
        guard case .array(let elements) = value else { return nil }
        var fields = PeerFieldReader(elements)
        do {
            self = try Self.message(&fields)
        } catch {
            // The cause is of no interest: whoever sends this is not a node of ours.
            return nil
        }
    }

    private static func message(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> HandshakeMessage {
        let name = try fields.text()
        let message: HandshakeMessage
        switch name {
        case "hello": message = .hello(try self.identity(&fields), nonce: try self.nonce(&fields))
        case "challenge": message = .challenge(try self.identity(&fields), nonce: try self.nonce(&fields))
        case "proof": message = .proof(try fields.bytes())
        case "welcome": message = .welcome(try fields.bytes())
        default: throw .unknownType(name)
        }
        try fields.requireEnd()
        return message
    }

    private static func identity(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> PeerHandshake.Identity {
        let protocolVersion = try fields.integer()
        let node = NodeID(rawValue: try fields.unsigned())
        let clusterID = try fields.optionalText()
        return PeerHandshake.Identity(
            node: node,
            clusterID: clusterID,
            version: try fields.layoutVersion(),
            protocolVersion: protocolVersion
        )
    }

    private static func nonce(_ fields: inout PeerFieldReader) throws(PeerCodecError) -> [UInt8] {
        let nonce = try fields.bytes()
        guard nonce.count == PeerHandshake.nonceBytes else { throw fields.malformed("a nonce of 32 bytes") }
        return nonce
    }

    func encoded() -> [UInt8] {
        var fields = PeerFields()
        switch self {
        case .hello(let identity, let nonce):
            fields.append(text: "hello")
            Self.write(identity, nonce, to: &fields)
        case .challenge(let identity, let nonce):
            fields.append(text: "challenge")
            Self.write(identity, nonce, to: &fields)
        case .proof(let proof):
            fields.append(text: "proof")
            fields.append(bytes: proof)
        case .welcome(let proof):
            fields.append(text: "welcome")
            fields.append(bytes: proof)
        }
        var buffer = ByteBuffer()
        RESPEncoder(version: .three).encode(.array(fields.values), into: &buffer)
        return Array(buffer.readableBytesView)
    }

    private static func write(_ identity: PeerHandshake.Identity, _ nonce: [UInt8], to fields: inout PeerFields) {
        fields.append(integer: identity.protocolVersion)
        fields.append(unsigned: identity.node.rawValue)
        fields.append(text: identity.clusterID)
        fields.append(identity.version)
        fields.append(bytes: nonce)
    }
}
