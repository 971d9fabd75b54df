import NIOCore

/// The frame of one gRPC message in the data of an HTTP/2 stream: a byte that says whether it is compressed, four bytes
/// of length, big-endian, and the message.
enum GRPCMessage {
    static let headerBytes = 5

    /// Why the data of a stream is not one message.
    enum Malformation: Error, Hashable {
        case compressed
        case tooShort(foundBytes: Int)
        /// The length that it declares is not the length that it has.
        case length(declaredBytes: Int, foundBytes: Int)
    }

    /// Writes a message with its frame.
    static func write(into buffer: inout ByteBuffer, _ content: (inout ByteBuffer) -> Void) {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(0))
        content(&buffer)
        buffer.setInteger(UInt32(buffer.writerIndex - start - Self.headerBytes), at: start + 1)
    }

    /// Takes the one message of a unary answer out of the stream's data.
    static func read(_ data: ByteBuffer) throws(Malformation) -> ByteBuffer {
        let found = data.readableBytes
        var data = data
        guard let flag = data.readInteger(as: UInt8.self), let length = data.readInteger(as: UInt32.self) else {
            throw .tooShort(foundBytes: found)
        }
        guard flag == 0 else { throw .compressed }
        guard Int(length) == data.readableBytes else {
            throw .length(declaredBytes: Int(length), foundBytes: data.readableBytes)
        }
        return data
    }
}
