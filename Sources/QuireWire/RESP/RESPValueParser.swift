package import NIOCore

/// Takes whole RESP values, of either version, off the front of a buffer, as they arrive.
///
/// Open arrays lie on an explicit stack no deeper than `depthMax`; nothing is recursive and nothing is read
/// twice. After an error the parser must not be used again.
package struct RESPValueParser: Sendable {
    /// An array, map, set or push whose elements are still arriving.
    private struct Aggregate: Sendable {
        let marker: UInt8
        var missingElements: Int
        var elements: [RESPValue] = []
    }

    /// A bulk-shaped value whose length is known and whose bytes come next.
    private struct Bulk: Sendable {
        let marker: UInt8
        let bytes: Int
    }

    private enum Step {
        case incomplete
        case value(RESPValue)
        case failed(RESPError)
    }

    private let limits: RESPLimits
    private var line = RESPLine()
    private var open: [Aggregate] = []
    private var bulk: Bulk?
    private var elementCount = 0
    private var messageBytes = 0

    package init(limits: RESPLimits = RESPLimits()) {
        self.limits = limits
    }

    /// - Returns: `nil` when the next value has not arrived completely; call again with more bytes behind
    ///   those that are left in `buffer`.
    package mutating func next(_ buffer: inout ByteBuffer) throws(RESPError) -> RESPValue? {
        var offset = 0
        let step = buffer.withUnsafeReadableBytes { bytes in self.advance(bytes, &offset) }
        buffer.moveReaderIndex(forwardBy: offset)
        switch step {
        case .incomplete: return nil
        case .value(let value): return value
        case .failed(let error): throw error
        }
    }

    private mutating func advance(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step {
        while true {
            guard let step = self.advanceOnce(bytes, &offset) else { continue }
            guard case .value(let value) = step else { return step }
            if let whole = self.close(with: value) {
                self.elementCount = 0
                self.messageBytes = 0
                return .value(whole)
            }
        }
    }

    private mutating func advanceOnce(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step? {
        if let bulk = self.bulk {
            return self.readBulk(bulk, bytes, &offset)
        }
        return self.readLine(bytes, &offset)
    }

    /// Puts a finished value into the aggregate it belongs to.
    ///
    /// - Returns: the whole message if this value finished it.
    private mutating func close(with value: RESPValue) -> RESPValue? {
        var value = value
        while !self.open.isEmpty {
            let last = self.open.count - 1
            self.open[last].elements.append(value)
            self.open[last].missingElements -= 1
            guard self.open[last].missingElements == 0 else { return nil }
            let aggregate = self.open.removeLast()
            value = Self.value(of: aggregate.marker, aggregate.elements)
        }
        return value
    }

    private mutating func readLine(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Step? {
        guard offset < bytes.count else { return .incomplete }
        switch self.line.find(in: bytes, from: offset, maxBytes: self.limits.lineBytesMax) {
        case .incomplete:
            return .incomplete
        case .failed(let error):
            return .failed(error)
        case .line(let end, let next):
            self.messageBytes += next - offset
            self.elementCount += 1
            guard self.messageBytes <= self.limits.messageBytesMax else {
                return .failed(.messageTooLong(maxBytes: self.limits.messageBytesMax))
            }
            guard self.elementCount <= self.limits.elementsMax else {
                return .failed(.tooManyElements(found: self.elementCount, max: self.limits.elementsMax))
            }
            let marker = bytes[offset]
            guard end > offset else {
                return .failed(.unexpectedByte(found: marker, needed: "a type of RESP"))
            }
            defer { offset = next }
            return self.readElement(marker, bytes, offset + 1..<end)
        }
    }

    private mutating func readElement(_ marker: UInt8, _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Step? {
        switch marker {
        case UInt8(ascii: "$"), UInt8(ascii: "="):
            return self.beginBulk(marker, RESPLine.number(in: bytes, range))
        case UInt8(ascii: "*"), UInt8(ascii: "%"), UInt8(ascii: "~"), UInt8(ascii: ">"):
            return self.beginAggregate(marker, RESPLine.number(in: bytes, range))
        default:
            return Self.scalar(marker, bytes, range)
        }
    }

    private mutating func beginBulk(_ marker: UInt8, _ length: Int64?) -> Step? {
        if marker == UInt8(ascii: "$"), length == -1 { return .value(.null) }
        guard let length, length >= 0 else { return .failed(.invalidNumber("bulk length")) }
        guard length <= Int64(self.limits.bulkBytesMax) else {
            return .failed(.bulkTooLong(foundBytes: Int(length), maxBytes: self.limits.bulkBytesMax))
        }
        self.messageBytes += Int(length) + 2
        guard self.messageBytes <= self.limits.messageBytesMax else {
            return .failed(.messageTooLong(maxBytes: self.limits.messageBytesMax))
        }
        self.bulk = Bulk(marker: marker, bytes: Int(length))
        return nil
    }

    private mutating func readBulk(
        _ bulk: Bulk,
        _ bytes: UnsafeRawBufferPointer,
        _ offset: inout Int
    ) -> Step? {
        guard bytes.count - offset >= bulk.bytes + 2 else { return .incomplete }
        let end = offset + bulk.bytes
        guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
            return .failed(.malformed("a bulk string does not end where its length says"))
        }
        let content = Array(bytes[offset..<end])
        offset = end + 2
        self.bulk = nil
        guard bulk.marker == UInt8(ascii: "=") else { return .value(.bulk(content)) }
        guard content.count >= 4, content[3] == UInt8(ascii: ":"), content[..<3].allSatisfy({ $0 < 0x80 }) else {
            return .failed(.malformed("a verbatim string without its format"))
        }
        return .value(.verbatim(format: String(decoding: content[..<3], as: UTF8.self), text: Array(content[4...])))
    }

    private mutating func beginAggregate(_ marker: UInt8, _ count: Int64?) -> Step? {
        if marker == UInt8(ascii: "*"), count == -1 { return .value(.null) }
        guard let count, count >= 0 else { return .failed(.invalidNumber("multibulk length")) }
        guard count <= Int64(self.limits.elementsMax) else {
            return .failed(.tooManyElements(found: Int(count), max: self.limits.elementsMax))
        }
        guard count > 0 else { return .value(Self.value(of: marker, [])) }
        guard self.open.count < self.limits.depthMax else {
            return .failed(.nestedTooDeeply(max: self.limits.depthMax))
        }
        let elements = marker == UInt8(ascii: "%") ? Int(count) * 2 : Int(count)
        self.open.append(Aggregate(marker: marker, missingElements: elements))
        return nil
    }

    private static func value(of marker: UInt8, _ elements: [RESPValue]) -> RESPValue {
        switch marker {
        case UInt8(ascii: "%"):
            .map(stride(from: 0, to: elements.count, by: 2).map { RESPValue.Entry(elements[$0], elements[$0 + 1]) })
        case UInt8(ascii: "~"):
            .set(elements)
        case UInt8(ascii: ">"):
            .push(elements)
        default:
            .array(elements)
        }
    }

    private static func scalar(_ marker: UInt8, _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Step {
        switch marker {
        case UInt8(ascii: "+"):
            return .value(.simple(RESPLine.text(in: bytes, range)))
        case UInt8(ascii: "-"):
            return .value(.error(RESPLine.text(in: bytes, range)))
        case UInt8(ascii: ":"):
            return RESPLine.number(in: bytes, range).map { .value(.integer($0)) } ?? .failed(.invalidNumber("integer"))
        case UInt8(ascii: "_"):
            return range.isEmpty ? .value(.null) : .failed(.malformed("a null with content"))
        case UInt8(ascii: "#"):
            return Self.boolean(bytes[range])
        case UInt8(ascii: ","):
            return Self.double(RESPLine.text(in: bytes, range))
        case UInt8(ascii: "("):
            return Self.bigNumber(RESPLine.text(in: bytes, range))
        default:
            return .failed(.unexpectedByte(found: marker, needed: "a type of RESP"))
        }
    }

    private static func boolean(_ content: Slice<UnsafeRawBufferPointer>) -> Step {
        if content.elementsEqual([UInt8(ascii: "t")]) { return .value(.boolean(true)) }
        if content.elementsEqual([UInt8(ascii: "f")]) { return .value(.boolean(false)) }
        return .failed(.malformed("a boolean that is neither t nor f"))
    }

    private static func double(_ text: String) -> Step {
        guard !text.hasPrefix("0x"), let number = Double(text) else { return .failed(.invalidNumber("double")) }
        return .value(.double(number))
    }

    private static func bigNumber(_ text: String) -> Step {
        let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return .failed(.invalidNumber("big number"))
        }
        return .value(.bigNumber(text))
    }
}
