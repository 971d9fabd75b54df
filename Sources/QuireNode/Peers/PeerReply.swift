import NIOCore
import QuireCore

/// Where the answer to one peer's request goes; may be used from any thread.
struct PeerReply: Sendable {
    private let channel: NIOLoopBound<PeerChannel>
    private let eventLoop: any EventLoop
    private let correlation: UInt64
    private let node: NodeRuntime

    /// - Precondition: called on the event loop of the channel.
    init(_ channel: PeerChannel, on eventLoop: any EventLoop, correlation: UInt64, node: NodeRuntime) {
        self.channel = NIOLoopBound(channel, eventLoop: eventLoop)
        self.eventLoop = eventLoop
        self.correlation = correlation
        self.node = node
    }

    func send(_ message: PeerMessage) {
        let version = self.node.layoutVersion
        let envelope = PeerEnvelope(
            correlation: self.correlation,
            isReply: true,
            version: version,
            sentAtMilliseconds: MachineClock.elapsed.stampMilliseconds,
            message: message
        )
        if self.eventLoop.inEventLoop {
            self.channel.value.send(envelope)
        } else {
            self.eventLoop.execute { self.channel.value.send(envelope) }
        }
    }
}
