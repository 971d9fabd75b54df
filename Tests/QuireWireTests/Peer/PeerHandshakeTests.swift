import NIOCore
import QuireCore
import QuireWire
import Testing

@Suite struct PeerHandshakeTests {
    private let secret = Array("cluster key".utf8)
    private let alpha = PeerHandshake.Identity(node: NodeID(rawValue: 1), clusterID: "c1", version: LayoutVersion(4))
    private let beta = PeerHandshake.Identity(node: NodeID(rawValue: 2), clusterID: "c1", version: LayoutVersion(7))

    private func machine(
        _ role: PeerHandshake.Role,
        _ identity: PeerHandshake.Identity,
        secret: [UInt8]? = nil,
        nonce: UInt8
    ) -> PeerHandshake {
        let bytes = [UInt8](repeating: nonce, count: PeerHandshake.nonceBytes)
        return PeerHandshake(role: role, identity: identity, secret: secret ?? self.secret, nonce: bytes)
    }

    private func value(_ bytes: [UInt8]) throws -> RESPValue {
        var parser = RESPValueParser(limits: PeerHandshake.limits)
        var buffer = ByteBuffer(bytes: bytes)
        return try #require(try parser.next(&buffer))
    }

    /// Carries messages to and fro until both sides have an outcome.
    private func run(
        _ initiator: inout PeerHandshake,
        _ responder: inout PeerHandshake
    ) throws -> (initiator: PeerHandshake.Action, responder: PeerHandshake.Action) {
        var toInitiator = false
        var bytes = initiator.start()
        var outcomes: (PeerHandshake.Action?, PeerHandshake.Action?) = (nil, nil)
        while !bytes.isEmpty {
            let message = try self.value(bytes)
            let action = toInitiator ? initiator.receive(message) : responder.receive(message)
            switch action {
            case .send(let next): bytes = next
            case .establish(_, let next), .refuse(_, let next):
                if toInitiator { outcomes.0 = action } else { outcomes.1 = action }
                bytes = next
            }
            toInitiator.toggle()
        }
        return (try #require(outcomes.0), try #require(outcomes.1))
    }

    private func refusals(
        _ initiator: PeerHandshake,
        _ responder: PeerHandshake
    ) throws -> (initiator: PeerRefusal?, responder: PeerRefusal?) {
        var initiator = initiator
        var responder = responder
        let outcome = try self.run(&initiator, &responder)
        return (Self.refusal(outcome.initiator), Self.refusal(outcome.responder))
    }

    private static func refusal(_ action: PeerHandshake.Action) -> PeerRefusal? {
        if case .refuse(let refusal, _) = action { return refusal }
        return nil
    }

    @Test func establishesALinkBetweenHoldersOfTheKey() throws {
        var initiator = self.machine(.initiator, self.alpha, nonce: 1)
        var responder = self.machine(.responder, self.beta, nonce: 2)
        let outcome = try self.run(&initiator, &responder)
        #expect(outcome.initiator == .establish(self.beta, sending: []))
        guard case .establish(let peer, _) = outcome.responder else {
            Issue.record("the responder answered \(outcome.responder)")
            return
        }
        #expect(peer == self.alpha)
    }

    @Test func letsANodeWithoutAClusterIn() throws {
        var newcomer = self.alpha
        newcomer.clusterID = nil
        let refusals = try self.refusals(
            self.machine(.initiator, newcomer, nonce: 1),
            self.machine(.responder, self.beta, nonce: 2)
        )
        #expect(refusals.initiator == nil && refusals.responder == nil)
    }

    @Test func refusesAWrongKeyAndSaysSo() throws {
        let refusals = try self.refusals(
            self.machine(.initiator, self.alpha, secret: [1], nonce: 1),
            self.machine(.responder, self.beta, nonce: 2)
        )
        #expect(refusals.initiator == .wrongClusterKey)
        #expect(refusals.responder == .wrongClusterKey)
    }

    @Test func refusesAResponderThatOnlyPretends() throws {
        var initiator = self.machine(.initiator, self.alpha, nonce: 1)
        _ = initiator.start()
        var stranger = self.machine(.responder, self.beta, secret: [1], nonce: 2)
        var victim = self.machine(.initiator, self.alpha, nonce: 1)
        guard case .send(let challenge) = stranger.receive(try self.value(victim.start())) else {
            Issue.record("no challenge")
            return
        }
        guard case .send = initiator.receive(try self.value(challenge)) else {
            Issue.record("no proof")
            return
        }
        let forged = RESPValue.array([.bulk("welcome"), .bulk([UInt8](repeating: 0, count: 32))])
        #expect(Self.refusal(initiator.receive(forged)) == .wrongClusterKey)
    }

    @Test func refusesAnotherClusterOnBothSides() throws {
        var other = self.alpha
        other.clusterID = "c2"
        let refusals = try self.refusals(
            self.machine(.initiator, other, nonce: 1),
            self.machine(.responder, self.beta, nonce: 2)
        )
        #expect(refusals.responder == .otherCluster(found: "c2", needed: "c1"))
        #expect(refusals.initiator == .otherCluster(found: "c1", needed: "c2"))
    }

    @Test func refusesAnotherProtocolVersionOnBothSides() throws {
        var newer = self.alpha
        newer.protocolVersion = 2
        let refusals = try self.refusals(
            self.machine(.initiator, newer, nonce: 1),
            self.machine(.responder, self.beta, nonce: 2)
        )
        #expect(refusals.responder == .protocolVersion(found: 2, needed: 1))
        #expect(refusals.initiator == .protocolVersion(found: 1, needed: 2))
    }

    @Test func refusesAConnectionToItself() throws {
        let refusals = try self.refusals(
            self.machine(.initiator, self.alpha, nonce: 1),
            self.machine(.responder, self.alpha, nonce: 2)
        )
        #expect(refusals.initiator == .selfConnection && refusals.responder == .selfConnection)
    }

    @Test func refusesAReplayedProof() throws {
        var initiator = self.machine(.initiator, self.alpha, nonce: 1)
        var responder = self.machine(.responder, self.beta, nonce: 2)
        let hello = initiator.start()
        guard case .send(let challenge) = responder.receive(try self.value(hello)),
            case .send(let proof) = initiator.receive(try self.value(challenge))
        else {
            Issue.record("no dialogue")
            return
        }
        var later = self.machine(.responder, self.beta, nonce: 3)
        _ = later.receive(try self.value(hello))
        #expect(Self.refusal(later.receive(try self.value(proof))) == .wrongClusterKey)
    }

    @Test func refusesItsOwnProofReflected() throws {
        var initiator = self.machine(.initiator, self.alpha, nonce: 1)
        var responder = self.machine(.responder, self.beta, nonce: 2)
        guard case .send(let challenge) = responder.receive(try self.value(initiator.start())),
            case .send(let proof) = initiator.receive(try self.value(challenge)),
            case .array(let elements) = try self.value(proof)
        else {
            Issue.record("no dialogue")
            return
        }
        let reflected = RESPValue.array([.bulk("welcome"), elements[1]])
        #expect(Self.refusal(initiator.receive(reflected)) == .wrongClusterKey)
    }

    @Test func refusesMessagesOutOfPlace() throws {
        let proof = RESPValue.array([.bulk("proof"), .bulk([1])])
        for message in [proof, .bulk("hello"), .array([]), .array([.bulk("hello"), .integer(1)])] {
            var responder = self.machine(.responder, self.beta, nonce: 2)
            #expect(Self.refusal(responder.receive(message)) == .unexpectedMessage)
        }
    }
}
