import Crypto
package import QuireCore

/// Lets two nodes prove to each other that they hold the same cluster key, before anything else is said.
///
/// Four messages, each a RESP array of bulk strings, numbers (u64 and v as in `PeerCodec`) and null:
///
/// ```
/// initiator → responder  [hello, protocol, u64:node, text?:cluster, v, bytes:nonce]
/// responder → initiator  [challenge, protocol, u64:node, text?:cluster, v, bytes:nonce]
/// initiator → responder  [proof, bytes]
/// responder → initiator  [welcome, bytes]
/// ```
///
/// A proof is HMAC-SHA256, under a key derived from the cluster key, over the prover's role and both opening
/// messages byte for byte. So it is worth nothing in another conversation (nonces), in the other direction
/// (role), between other nodes (ids), or for another cluster or protocol version. The initiator proves itself
/// first: a stranger that connects is shown no value made with the key. Whoever refuses says why in one RESP
/// error, then closes; the reason depends on nothing but public fields and on whether the whole proof is right.
///
/// The handshake does not protect what follows: an attacker who can alter packets needs TLS to be kept out.
///
/// Transitions: `start()` once; `receive(_:)` until it answers `.establish` or `.refuse`.
package struct PeerHandshake: Sendable {
    package enum Role: Sendable, Hashable {
        case initiator
        case responder
    }

    /// What one side tells of itself.
    package struct Identity: Sendable, Hashable {
        package var node: NodeID
        /// `nil` while the node belongs to no cluster.
        package var clusterID: String?
        package var version: LayoutVersion
        package var protocolVersion: Int

        package init(
            node: NodeID,
            clusterID: String?,
            version: LayoutVersion,
            protocolVersion: Int = PeerHandshake.protocolVersion
        ) {
            self.node = node
            self.clusterID = clusterID
            self.version = version
            self.protocolVersion = protocolVersion
        }
    }

    /// What the shell must do next.
    package enum Action: Sendable, Hashable {
        case send([UInt8])
        /// Send these bytes, if any; the peer is who it says, and peer messages may flow.
        case establish(Identity, sending: [UInt8])
        /// Send these bytes, if any, and close.
        case refuse(PeerRefusal, sending: [UInt8])
    }

    private enum State {
        case idle
        case awaitingHello
        case awaitingChallenge
        case awaitingProof
        case awaitingWelcome
        case finished
    }

    package static let protocolVersion = 1
    package static let nonceBytes = 32
    /// For the parser of a link whose peer has not proved anything yet.
    package static let limits = RESPLimits(
        bulkBytesMax: 256,
        elementsMax: 8,
        depthMax: 1,
        lineBytesMax: 1024,
        messageBytesMax: 2048
    )

    private let role: Role
    private let own: Identity
    private let nonce: [UInt8]
    private let key: SymmetricKey
    private var state: State
    private var peer: Identity?
    private var transcript: [UInt8] = []

    /// - Parameters:
    ///   - secret: The cluster key.
    ///   - nonce: 32 random bytes, never used before.
    package init(role: Role, identity: Identity, secret: [UInt8], nonce: [UInt8]) {
        precondition(nonce.count == Self.nonceBytes, "nonce of \(nonce.count) bytes")
        self.role = role
        self.own = identity
        self.nonce = nonce
        let derived = HMAC<SHA256>.authenticationCode(
            for: Array("quire peer handshake 1".utf8),
            using: SymmetricKey(data: secret)
        )
        self.key = SymmetricKey(data: Array(derived))
        self.state = role == .responder ? .awaitingHello : .idle
    }

    /// The bytes to send first: the initiator's hello, nothing for the responder.
    package mutating func start() -> [UInt8] {
        guard self.state == .idle else { return [] }
        self.state = .awaitingChallenge
        let hello = HandshakeMessage.hello(self.own, nonce: self.nonce).encoded()
        self.transcript = hello
        return hello
    }

    package mutating func receive(_ value: RESPValue) -> Action {
        if case .error(let text) = value {
            self.state = .finished
            return .refuse(PeerRefusal(errorText: text), sending: [])
        }
        guard let message = HandshakeMessage(value) else {
            return self.refuse(.unexpectedMessage)
        }
        switch (self.state, message) {
        case (.awaitingHello, .hello(let peer, let nonce)):
            return self.answer(message, from: peer, nonce: nonce)
        case (.awaitingChallenge, .challenge(let peer, let nonce)):
            return self.prove(message, to: peer, nonce: nonce)
        case (.awaitingProof, .proof(let proof)), (.awaitingWelcome, .welcome(let proof)):
            return self.verify(proof)
        case (.idle, _), (.awaitingHello, _), (.awaitingChallenge, _), (.awaitingProof, _), (.awaitingWelcome, _),
            (.finished, _):
            return self.refuse(.unexpectedMessage)
        }
    }

    private mutating func answer(_ hello: HandshakeMessage, from peer: Identity, nonce: [UInt8]) -> Action {
        if let refusal = self.objection(to: peer, nonce: nonce) { return self.refuse(refusal) }
        let challenge = HandshakeMessage.challenge(self.own, nonce: self.nonce).encoded()
        self.peer = peer
        self.transcript = hello.encoded() + challenge
        self.state = .awaitingProof
        return .send(challenge)
    }

    private mutating func prove(_ challenge: HandshakeMessage, to peer: Identity, nonce: [UInt8]) -> Action {
        if let refusal = self.objection(to: peer, nonce: nonce) { return self.refuse(refusal) }
        self.peer = peer
        self.transcript += challenge.encoded()
        self.state = .awaitingWelcome
        return .send(HandshakeMessage.proof(Array(self.proof(by: .initiator))).encoded())
    }

    private mutating func verify(_ proof: [UInt8]) -> Action {
        let prover: Role = self.role == .initiator ? .responder : .initiator
        let isValid = HMAC<SHA256>.isValidAuthenticationCode(
            proof,
            authenticating: self.statement(by: prover),
            using: self.key
        )
        guard isValid, let peer = self.peer else { return self.refuse(.wrongClusterKey) }
        self.state = .finished
        let welcome =
            self.role == .initiator ? [] : HandshakeMessage.welcome(Array(self.proof(by: .responder))).encoded()
        return .establish(peer, sending: welcome)
    }

    private func objection(to peer: Identity, nonce: [UInt8]) -> PeerRefusal? {
        if peer.protocolVersion != self.own.protocolVersion {
            return .protocolVersion(found: peer.protocolVersion, needed: self.own.protocolVersion)
        }
        if peer.node == self.own.node || nonce == self.nonce {
            return .selfConnection
        }
        if let found = peer.clusterID, let needed = self.own.clusterID, found != needed {
            return .otherCluster(found: found, needed: needed)
        }
        return nil
    }

    private mutating func refuse(_ refusal: PeerRefusal) -> Action {
        self.state = .finished
        return .refuse(refusal, sending: refusal.encoded())
    }

    private func proof(by prover: Role) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: self.statement(by: prover), using: self.key)
    }

    private func statement(by prover: Role) -> [UInt8] {
        Array((prover == .initiator ? "initiator\n" : "responder\n").utf8) + self.transcript
    }
}
