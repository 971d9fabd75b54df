import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// A gRPC server on loopback, without TLS, that answers every call as it is told to.
final class ScriptedEtcd: Sendable {
    enum Answer: Sendable {
        /// A message and a status behind it.
        case message([UInt8], status: String)
        /// A status alone, without a message.
        case status(String)
        case reset
        case hangUp
    }

    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = HTTP2Frame
        typealias OutboundOut = HTTP2Frame

        private let answer: @Sendable (String) -> Answer
        private var paths: [HTTP2StreamID: String] = [:]

        init(_ answer: @escaping @Sendable (String) -> Answer) {
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = self.unwrapInboundIn(data)
            switch frame.payload {
            case .headers(let part):
                self.paths[frame.streamID] = part.headers.first(name: ":path")
            case .data(let part) where part.endStream:
                self.reply(self.answer(self.paths.removeValue(forKey: frame.streamID) ?? ""), frame.streamID, context)
            default:
                break
            }
        }

        private func reply(_ answer: Answer, _ stream: HTTP2StreamID, _ context: ChannelHandlerContext) {
            let head: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
            switch answer {
            case .message(let bytes, let status):
                var body = ByteBuffer()
                GRPCMessageBytes.write(bytes, into: &body)
                self.write(.headers(.init(headers: head)), stream, context)
                self.write(.data(.init(data: .byteBuffer(body))), stream, context)
                self.write(.headers(.init(headers: ["grpc-status": status], endStream: true)), stream, context)
            case .status(let status):
                var headers = head
                headers.add(name: "grpc-status", value: status)
                self.write(.headers(.init(headers: headers, endStream: true)), stream, context)
            case .reset:
                self.write(.rstStream(.internalError), stream, context)
            case .hangUp:
                context.close(promise: nil)
            }
            context.flush()
        }

        private func write(
            _ payload: HTTP2Frame.FramePayload,
            _ stream: HTTP2StreamID,
            _ context: ChannelHandlerContext
        ) {
            context.write(self.wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
        }
    }

    private enum GRPCMessageBytes {
        static func write(_ bytes: [UInt8], into buffer: inout ByteBuffer) {
            buffer.writeBytes([0, 0, 0, 0, UInt8(bytes.count)] + bytes)
        }
    }

    private let channel: any Channel

    /// - Parameter answer: To a call of a path.
    init(_ answer: @escaping @Sendable (String) -> Answer) async throws {
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOHTTP2Handler(mode: .server),
                        Conversation(answer)
                    )
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
