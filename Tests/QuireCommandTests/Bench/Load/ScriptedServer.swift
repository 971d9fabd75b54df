import NIOCore
import NIOPosix
import QuireWire

/// A server of Redis's protocol on loopback that answers every request as it is told to.
final class ScriptedServer: Sendable {
    /// Raw bytes of the answer; `nil` ends the connection instead.
    typealias Answer = @Sendable ([String]) -> String?

    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: Answer
        private var parser = RESPValueParser()
        private var received = ByteBuffer()

        init(_ answer: @escaping Answer) {
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var incoming = self.unwrapInboundIn(data)
            self.received.writeBuffer(&incoming)
            do {
                while let request = try self.parser.next(&self.received) {
                    guard let text = self.answer(Self.words(request)) else {
                        context.close(promise: nil)
                        return
                    }
                    context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                }
            } catch {
                context.close(promise: nil)
            }
        }

        private static func words(_ request: RESPValue) -> [String] {
            guard case .array(let arguments) = request else { return [] }
            return arguments.map { argument in
                guard case .bulk(let bytes) = argument else { return "" }
                return String(decoding: bytes, as: UTF8.self)
            }
        }
    }

    private let channel: any Channel

    init(_ answer: @escaping Answer) async throws {
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Conversation(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
    }

    /// Of a server that has not been stopped.
    var port: Int { self.channel.localAddress?.port ?? 0 }

    func stop() async throws {
        try await self.channel.close().get()
    }
}
