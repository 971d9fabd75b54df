import NIOCore
import NIOPosix
import QuireWire

/// One connection to one node, speaking RESP3.
///
/// Commands may be sent from many tasks at once: they are pipelined, and answered in the order in which they
/// were sent. When the connection ends, every command that waits fails at once with
/// `QuireError.connectionClosed`.
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
    ///   - timeout: How long the connection may take to be made.
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
            _ = try await connection.send(["HELLO", "3"])
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    /// Whether commands can still be sent. A connection that has ended stays so.
    public var isOpen: Bool { self.channel.isActive }

    /// Sends one command, its name first.
    ///
    /// - Returns: the answer; a refusal is thrown as `QuireError.refused`.
    public func send(_ command: [[UInt8]]) async throws(QuireError) -> QuireReply {
        let reply = try await self.sendAll([command])[0]
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
    /// - Returns: the answers in the order of the commands, refusals among them.
    public func sendAll(_ commands: [[[UInt8]]]) async throws(QuireError) -> [QuireReply] {
        var bytes = ByteBuffer()
        for command in commands {
            precondition(!command.isEmpty, "a command without a name")
            bytes.writeRESPHeader("*", Int64(command.count))
            for argument in command {
                bytes.writeRESPBulk(argument)
            }
        }
        let promises = commands.map { _ in self.channel.eventLoop.makePromise(of: QuireReply.self) }
        // A channel that is closed has no handler left that could fail the promises.
        self.channel.writeAndFlush(PipelinedCommands(bytes: bytes, replies: promises)).whenFailure { _ in
            promises.forEach { $0.fail(QuireError.connectionClosed) }
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

    /// Closes the connection; commands that wait fail.
    public func close() async {
        // Closing what is closed already is no failure.
        try? await self.channel.close().get()
    }
}
