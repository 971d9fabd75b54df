import NIOCore
import NIOPosix
import QuireWire

/// One connection to one node, speaking RESP3.
///
/// Commands may be sent from many tasks at once: they are pipelined, and answered in the order in which they
/// were sent. When the connection ends, every command that waits fails at once with
/// `QuireError.connectionClosed`; one that is sent after that fails with `QuireError.unreachable`.
public final class QuireConnection: Sendable {
    private let channel: any Channel

    private init(channel: any Channel) {
        self.channel = channel
    }

    /// Connects to a node and agrees on the protocol.
    ///
    /// - Parameters:
    ///   - host: A name or address.
    ///   - port: The node's port for clients, 7379 unless configured otherwise.
    ///   - timeout: How long the connection may take to be made, and the agreement after that.
    public static func connect(
        host: String,
        port: Int,
        timeout: Duration = .seconds(5)
    ) async throws(QuireError) -> QuireConnection {
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(TimeAmount(timeout))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ReplyReader())
                    }
                }
                .connect(host: host, port: port)
                .get()
        } catch {
            throw .unreachable(["\(host):\(port): \(error)"])
        }
        let connection = QuireConnection(channel: channel)
        do {
            _ = try await connection.send([Array("HELLO".utf8), [UInt8(ascii: "3")]], timeout: timeout)
            return connection
        } catch .refused(let code, let message) {
            await connection.close()
            throw .refused(code: code, message: message)
        } catch {
            await connection.close()
            throw .unreachable(["\(host):\(port): HELLO: \(error)"])
        }
    }

    static func attempt(_ endpoint: QuireEndpoint, timeout: Duration) async -> Result<QuireConnection, QuireError> {
        do {
            return .success(try await self.connect(host: endpoint.host, port: endpoint.port, timeout: timeout))
        } catch {
            return .failure(error)
        }
    }

    /// Whether commands can still be sent. A connection that has ended stays so.
    public var isOpen: Bool { self.channel.isActive }

    /// Sends one command, its name first.
    ///
    /// - Parameter timeout: How long to wait for the answer; for ever if `nil`.
    /// - Returns: the answer; a refusal is thrown as `QuireError.refused`.
    public func send(_ command: [[UInt8]], timeout: Duration? = nil) async throws(QuireError) -> QuireReply {
        let reply = try await self.sendAll([command], timeout: timeout)[0]
        if case .error(let code, let message) = reply {
            throw .refused(code: code, message: message)
        }
        return reply
    }

    /// Sends one command of texts, its name first.
    public func send(_ words: [String]) async throws(QuireError) -> QuireReply {
        try await self.send(words.map { Array($0.utf8) })
    }

    /// Sends commands in one go, without waiting for the answers in between.
    ///
    /// - Parameter timeout: How long to wait for each of the answers; for ever if `nil`. A connection on which an answer
    ///   came too late closes as soon as nobody waits for another.
    /// - Returns: the answers in the order of the commands, refusals among them.
    public func sendAll(
        _ commands: [[[UInt8]]],
        timeout: Duration? = nil
    ) async throws(QuireError) -> [QuireReply] {
        var bytes = ByteBuffer()
        for command in commands {
            precondition(!command.isEmpty, "a command without a name")
            bytes.writeRESPHeader("*", Int64(command.count))
            for argument in command {
                bytes.writeRESPBulk(argument)
            }
        }
        let promises = commands.map { _ in self.channel.eventLoop.makePromise(of: QuireReply.self) }
        let patience = timeout.map { TimeAmount($0) }
        // The write succeeds as soon as the reader has taken charge of the promises. A channel that is closed has none
        // left, and has sent nothing.
        self.channel.writeAndFlush(PipelinedCommands(bytes: bytes, replies: promises, patience: patience))
            .whenFailure { _ in
                promises.forEach { $0.fail(QuireError.unreachable(["the connection had ended"])) }
            }
        var replies: [QuireReply] = []
        replies.reserveCapacity(promises.count)
        do {
            for promise in promises {
                replies.append(try await promise.futureResult.get())
            }
        } catch {
            throw error as? QuireError ?? .connectionClosed
        }
        return replies
    }

    /// Closes the connection as soon as nobody waits for an answer on it.
    func retire() {
        self.channel.triggerUserOutboundEvent(Retirement(), promise: nil)
    }

    /// Closes the connection; commands that wait fail.
    public func close() async {
        // Closing what is closed already is no failure.
        try? await self.channel.close().get()
    }
}
