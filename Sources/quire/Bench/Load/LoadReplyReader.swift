import NIOCore
import QuireWire

/// What a load has to know of a reply.
enum LoadReply: Equatable, Sendable {
    case ok
    case integer(Int64)
    case bulk(bytes: Int)
    case null
    /// The whole line: `MOVED 3999 127.0.0.1:6381`, `ERR …`.
    case error(String)
}

/// Takes replies of GET, SET and WAIT (RESP2) off the front of a buffer without copying the values.
///
/// Nothing is allocated because a length was declared. After an error the connection must not be used again.
struct LoadReplyReader: Sendable {
    private enum Step {
        case incomplete
        case reply(LoadReply, bytes: Int)
        case failed(RESPError)
    }

    let bulkBytesMax: Int
    let lineBytesMax: Int

    init(bulkBytesMax: Int = 1 << 20, lineBytesMax: Int = 1024) {
        self.bulkBytesMax = bulkBytesMax
        self.lineBytesMax = lineBytesMax
    }

    /// - Returns: `nil` when the next reply has not arrived completely; call again with more bytes behind those that are
    ///   left in `buffer`.
    func next(_ buffer: inout ByteBuffer) throws(RESPError) -> LoadReply? {
        switch buffer.withUnsafeReadableBytes({ self.read($0) }) {
        case .incomplete:
            return nil
        case .reply(let reply, let bytes):
            buffer.moveReaderIndex(forwardBy: bytes)
            return reply
        case .failed(let error):
            throw error
        }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) -> Step {
        guard let marker = bytes.first else { return .incomplete }
        guard let end = bytes.prefix(self.lineBytesMax).firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < self.lineBytesMax ? .incomplete : .failed(.lineTooLong(maxBytes: self.lineBytesMax))
        }
        guard end >= 2, bytes[end - 1] == UInt8(ascii: "\r") else {
            return .failed(.malformed("a line feed without a carriage return"))
        }
        let content = UnsafeRawBufferPointer(rebasing: bytes[1..<end - 1])
        switch marker {
        case UInt8(ascii: "+"):
            return .reply(.ok, bytes: end + 1)
        case UInt8(ascii: "-"):
            return .reply(.error(String(decoding: content, as: UTF8.self)), bytes: end + 1)
        case UInt8(ascii: ":"):
            guard let number = Self.number(content) else { return .failed(.invalidNumber("integer")) }
            return .reply(.integer(number), bytes: end + 1)
        case UInt8(ascii: "$"):
            return self.readBulk(Self.number(content), bytes, from: end + 1)
        default:
            return .failed(.unexpectedByte(found: marker, needed: "a reply to GET, SET or WAIT"))
        }
    }

    private func readBulk(_ length: Int64?, _ bytes: UnsafeRawBufferPointer, from start: Int) -> Step {
        if length == -1 { return .reply(.null, bytes: start) }
        guard let length, length >= 0 else { return .failed(.invalidNumber("bulk length")) }
        guard length <= Int64(self.bulkBytesMax) else {
            return .failed(.bulkTooLong(foundBytes: Int(length), maxBytes: self.bulkBytesMax))
        }
        let end = start + Int(length)
        guard bytes.count >= end + 2 else { return .incomplete }
        guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
            return .failed(.malformed("a bulk string does not end where its length says"))
        }
        return .reply(.bulk(bytes: Int(length)), bytes: end + 2)
    }

    /// An optional minus sign and 1 to 18 digits.
    private static func number(_ digits: UnsafeRawBufferPointer) -> Int64? {
        let isNegative = digits.first == UInt8(ascii: "-")
        let rest = digits.dropFirst(isNegative ? 1 : 0)
        guard (1...18).contains(rest.count) else { return nil }
        var number: Int64 = 0
        for digit in rest {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + Int64(digit - 0x30)
        }
        return isNegative ? -number : number
    }
}
