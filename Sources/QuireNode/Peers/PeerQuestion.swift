import NIOCore
import NIOPosix
import QuireCore
import QuireWire

/// Asks whoever listens at an address who it is: a connection of its own, the proof of the cluster key, one question.
struct PeerQuestion: Sendable {
    /// No node of ours has answered.
    struct Unanswered: Error {
        /// Why the link was refused; `nil` when there was none in time.
        let refusal: PeerRefusal?
    }

    let node: NodeRuntime
    let eventLoop: any EventLoop

    struct Identity: Sendable {
        let member: Member
        let clusterID: String?
    }

    /// Fails with `Unanswered`, five seconds later at the latest. Completes on the event loop.
    func identity(of endpoint: Endpoint) -> EventLoopFuture<Identity> {
        let promise = self.eventLoop.makePromise(of: PeerMessage.self)
        let handshake = self.node.handshake(role: .initiator)
        let version = self.node.layoutVersion
        let connected = self.eventLoop.flatSubmit {
            ClientBootstrap(group: self.eventLoop)
                .connectTimeout(.seconds(3))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let callbacks = PeerChannel.Callbacks(
                            established: { channel, _ in
                                let question = PeerMessage.control(.identify)
                                channel.send(.init(correlation: 1, isReply: false, version: version, message: question))
                            },
                            received: { channel, envelope in
                                promise.succeed(envelope.message)
                                channel.close()
                            },
                            closed: { _, refusal in promise.fail(Unanswered(refusal: refusal)) }
                        )
                        let handler = PeerChannel(handshake: handshake, callbacks: callbacks)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .connect(host: endpoint.host, port: endpoint.port)
        }
        connected.whenFailure { _ in promise.fail(Unanswered(refusal: nil)) }
        self.eventLoop.scheduleTask(in: .seconds(5)) {
            promise.fail(Unanswered(refusal: nil))
            connected.whenSuccess { $0.close(promise: nil) }
        }
        return promise.futureResult.flatMapThrowing { answer in
            guard case .control(.identity(let member, let clusterID, _)) = answer else {
                throw Unanswered(refusal: nil)
            }
            return Identity(member: member, clusterID: clusterID)
        }
    }
}
