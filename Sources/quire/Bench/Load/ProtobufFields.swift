import NIOCore

/// The two wire types of Protocol Buffers that etcd's `Put` and `Range` use, and a reader that passes over the others.
///
/// A field is a varint `number << 3 | type`, then a varint (type 0), 8 bytes (1), a varint of length and so many bytes
/// (2), or 4 bytes (5).
enum ProtobufFields {
    enum Value: Equatable {
        case varint(UInt64)
        case bytes(count: Int)
        case fixed
    }

    struct Field: Equatable {
        let number: UInt64
        let value: Value
    }

    enum Malformation: Error, Hashable {
        case truncated
        case varintTooLong
        case wireType(UInt64)
    }

    /// - Returns: `nil` at the end of the message.
    static func next(_ message: inout ByteBuffer) throws(Malformation) -> Field? {
        guard message.readableBytes > 0 else { return nil }
        let tag = try self.varint(&message)
        switch tag & 7 {
        case 0:
            return Field(number: tag >> 3, value: .varint(try self.varint(&message)))
        case 1:
            try self.skip(8, &message)
            return Field(number: tag >> 3, value: .fixed)
        case 2:
            let count = try self.varint(&message)
            guard count <= UInt64(message.readableBytes) else { throw .truncated }
            try self.skip(Int(count), &message)
            return Field(number: tag >> 3, value: .bytes(count: Int(count)))
        case 5:
            try self.skip(4, &message)
            return Field(number: tag >> 3, value: .fixed)
        default:
            throw .wireType(tag & 7)
        }
    }

    private static func varint(_ message: inout ByteBuffer) throws(Malformation) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = message.readInteger(as: UInt8.self) else { throw .truncated }
            result |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return result }
        }
        throw .varintTooLong
    }

    private static func skip(_ count: Int, _ message: inout ByteBuffer) throws(Malformation) {
        guard count <= message.readableBytes else { throw .truncated }
        message.moveReaderIndex(forwardBy: count)
    }
}

extension ByteBuffer {
    mutating func writeProtobufVarint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            self.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.writeInteger(UInt8(rest))
    }

    /// The tag and the length of a field of bytes; the bytes are to follow.
    mutating func writeProtobufBytesHeader(field: UInt64, count: Int) {
        self.writeProtobufVarint(field << 3 | 2)
        self.writeProtobufVarint(UInt64(count))
    }
}
