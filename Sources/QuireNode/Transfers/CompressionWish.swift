import NIOConcurrencyHelpers
import NIOCore
import QuireWire

/// Whether the puller of a stream would like its blocks compressed, and whether it is still there.
final class CompressionWish: Sendable {
    private let wanted = NIOLockedValueBox(false)

    var isWanted: Bool { self.wanted.withLockedValue { $0 } }

    /// Takes what the puller sends: single bytes, the last of which counts.
    final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let wish: CompressionWish

        init(_ wish: CompressionWish) {
            self.wish = wish
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data).readableBytesView.last {
            case BlockFrame.compress: self.wish.wanted.withLockedValue { $0 = true }
            case BlockFrame.doNotCompress: self.wish.wanted.withLockedValue { $0 = false }
            default: context.close(promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
