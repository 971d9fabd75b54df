package import NIOCore

/// Takes the requests of a client off the front of a buffer, as they arrive.
///
/// A request is an array of bulk strings, or an inline command: one line of words, with the quoting of
/// `redis-cli`. Empty requests are skipped. A bulk string that is somewhat too long is skipped byte by byte
/// and its request reported as `.oversized`, so that one too large value does not cost the connection; one
/// that is absurdly long is an error.
///
/// After an error the parser must not be used again.
package struct RESPRequestParser: Sendable {
    package enum Request: Sendable, Hashable {
        /// The arguments, the command's name first; never empty.
        case command([[UInt8]])
        /// One argument was longer than allowed and is gone.
        case oversized(command: [UInt8], argumentBytes: Int)
    }

    /// What one pass over the bytes at hand came to.
    private enum Step {
        case incomplete
        case request(Request)
        case failed(RESPError)
    }

    private let limits: RESPLimits
    /// How far beyond the limit a bulk string may go and still be skipped.
    private let skippedBytesMax: Int
    private var line = RESPLine()
    private var arguments: [[UInt8]] = []
    private var missingArguments = 0
    /// The declared length of the bulk string whose bytes come next.
    private var bulkBytes: Int?
    /// What is left to skip of a bulk string that is too long, its line break included.
    private var skippingBytes = 0
    private var oversizedBytes: Int?
    private var messageBytes = 0

    package init(limits: RESPLimits = RESPLimits(), skippedBytesMax: Int = 8 << 20) {
        self.limits = limits
        self.skippedBytesMax = skippedBytesMax
    }

    /// - Returns: `nil` when the next request has not arrived completely; call again with more bytes behind
    ///   those that are left in `buffer`.
    package mutating func next(_ buffer: inout ByteBuffer) throws(RESPError) -> Request? {
        var offset = 0
        let step = buffer.withUnsafeReadableBytes { bytes in self.advance(bytes, &offset) }
        buffer.moveReaderIndex(forwardBy: offset)
        switch step {
        case .incomplete: return nil
        case .request(let request): return request
        case .failed(let error): throw error
        }
    }

    private mutating func advance(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step {
        while true {
            if self.skippingBytes > 0 {
                let count = min(self.skippingBytes, bytes.count - offset)
                offset += count
                self.skippingBytes -= count
                guard self.skippingBytes == 0 else { return .incomplete }
                self.arguments.append([])
                self.missingArguments -= 1
            } else if self.missingArguments == 0, let request = self.takeRequest() {
                return .request(request)
            } else if offset >= bytes.count {
                return .incomplete
            } else if self.missingArguments == 0 {
                if let step = self.begin(bytes, &offset) { return step }
            } else if let step = self.readArgument(bytes, &offset) {
                return step
            }
        }
    }

    private mutating func takeRequest() -> Request? {
        guard !self.arguments.isEmpty else { return nil }
        defer {
            self.arguments = []
            self.oversizedBytes = nil
            self.messageBytes = 0
        }
        if let oversizedBytes = self.oversizedBytes {
            return .oversized(command: self.arguments[0], argumentBytes: oversizedBytes)
        }
        return .command(self.arguments)
    }

    /// Reads an array header or a whole inline command; `nil` to go on.
    private mutating func begin(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step? {
        guard bytes[offset] == UInt8(ascii: "*") else { return self.readInline(bytes, &offset) }
        switch self.line.find(in: bytes, from: offset, maxBytes: RESPLine.lengthBytesMax) {
        case .incomplete:
            return .incomplete
        case .failed:
            return .failed(.invalidNumber("multibulk length"))
        case .line(let end, let next):
            guard let count = RESPLine.number(in: bytes, offset + 1..<end) else {
                return .failed(.invalidNumber("multibulk length"))
            }
            guard count <= Int64(self.limits.elementsMax) else {
                return .failed(.tooManyElements(found: Int(count), max: self.limits.elementsMax))
            }
            self.missingArguments = max(0, Int(count))
            self.messageBytes = next - offset
            offset = next
            return nil
        }
    }

    private mutating func readArgument(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step? {
        guard let bulkBytes = self.bulkBytes else { return self.readBulkHeader(bytes, &offset) }
        guard bytes.count - offset >= bulkBytes + 2 else { return .incomplete }
        let end = offset + bulkBytes
        guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
            return .failed(.malformed("a bulk string does not end where its length says"))
        }
        self.arguments.append(Array(bytes[offset..<end]))
        self.missingArguments -= 1
        self.bulkBytes = nil
        offset = end + 2
        return nil
    }

    private mutating func readBulkHeader(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step? {
        guard bytes[offset] == UInt8(ascii: "$") else {
            return .failed(.unexpectedByte(found: bytes[offset], needed: "'$'"))
        }
        switch self.line.find(in: bytes, from: offset, maxBytes: RESPLine.lengthBytesMax) {
        case .incomplete:
            return .incomplete
        case .failed:
            return .failed(.invalidNumber("bulk length"))
        case .line(let end, let next):
            guard let number = RESPLine.number(in: bytes, offset + 1..<end), number >= 0 else {
                return .failed(.invalidNumber("bulk length"))
            }
            self.messageBytes += next - offset
            offset = next
            return self.expectBulk(bytes: number)
        }
    }

    private mutating func expectBulk(bytes number: Int64) -> Step? {
        let limit = self.limits.bulkBytesMax
        guard number <= Int64(limit + self.skippedBytesMax) else {
            return .failed(.bulkTooLong(foundBytes: Int(number), maxBytes: limit))
        }
        let bulkBytes = Int(number)
        self.messageBytes += bulkBytes + 2
        guard self.messageBytes <= self.limits.messageBytesMax else {
            return .failed(.messageTooLong(maxBytes: self.limits.messageBytesMax))
        }
        if bulkBytes > limit {
            self.oversizedBytes = self.oversizedBytes ?? bulkBytes
            self.skippingBytes = bulkBytes + 2
        } else {
            self.bulkBytes = bulkBytes
        }
        return nil
    }

    private mutating func readInline(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step? {
        let found = self.line.find(
            in: bytes,
            from: offset,
            maxBytes: self.limits.lineBytesMax,
            allowsBareLineFeed: true
        )
        switch found {
        case .incomplete:
            return .incomplete
        case .failed:
            return .failed(.malformed("too big inline request"))
        case .line(let end, let next):
            guard let words = InlineCommand.words(in: bytes[offset..<end]) else {
                return .failed(.malformed("unbalanced quotes in request"))
            }
            offset = next
            self.arguments = words
            return nil
        }
    }
}
