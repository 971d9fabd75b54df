package import NIOCore

/// Writes RESP values in the version that the other side understands.
///
/// Version 2 has no maps, sets, booleans, doubles or verbatim texts. They become what Redis itself makes of
/// them: a map the flat array of its keys and values, a set or push an array, a boolean 0 or 1, a double or
/// big number a bulk string, a verbatim text the bulk string of its text, null `$-1`.
package struct RESPEncoder: Sendable {
    package let version: RESPVersion

    package init(version: RESPVersion) {
        self.version = version
    }

    package func encode(_ value: RESPValue, into buffer: inout ByteBuffer) {
        switch value {
        case .simple(let text):
            Self.writeLine("+", text, into: &buffer)
        case .error(let text):
            Self.writeLine("-", text, into: &buffer)
        case .integer(let number):
            buffer.writeRESPHeader(":", number)
        case .bulk(let bytes):
            buffer.writeRESPBulk(bytes)
        case .null:
            buffer.writeStaticString(self.version == .two ? "$-1\r\n" : "_\r\n")
        case .array(let elements):
            self.encode(elements, marker: "*", into: &buffer)
        case .set(let elements):
            self.encode(elements, marker: self.version == .two ? "*" : "~", into: &buffer)
        case .push(let elements):
            self.encode(elements, marker: self.version == .two ? "*" : ">", into: &buffer)
        case .map(let entries):
            self.encode(entries, into: &buffer)
        case .double(let number):
            self.encodeText(Self.text(of: number), marker: ",", into: &buffer)
        case .bigNumber(let digits):
            self.encodeText(digits, marker: "(", into: &buffer)
        case .boolean(let isTrue):
            self.encode(isTrue, into: &buffer)
        case .verbatim(let format, let text):
            self.encodeVerbatim(format: format, text: text, into: &buffer)
        }
    }

    private func encode(_ elements: [RESPValue], marker: Unicode.Scalar, into buffer: inout ByteBuffer) {
        buffer.writeRESPHeader(marker, Int64(elements.count))
        for element in elements {
            self.encode(element, into: &buffer)
        }
    }

    private func encode(_ entries: [RESPValue.Entry], into buffer: inout ByteBuffer) {
        if self.version == .two {
            buffer.writeRESPHeader("*", Int64(entries.count * 2))
        } else {
            buffer.writeRESPHeader("%", Int64(entries.count))
        }
        for entry in entries {
            self.encode(entry.key, into: &buffer)
            self.encode(entry.value, into: &buffer)
        }
    }

    private func encode(_ isTrue: Bool, into buffer: inout ByteBuffer) {
        if self.version == .two {
            buffer.writeRESPHeader(":", isTrue ? 1 : 0)
        } else {
            buffer.writeStaticString(isTrue ? "#t\r\n" : "#f\r\n")
        }
    }

    private func encodeText(_ text: String, marker: Unicode.Scalar, into buffer: inout ByteBuffer) {
        if self.version == .two {
            buffer.writeRESPBulk(Array(text.utf8))
        } else {
            Self.writeLine(marker, text, into: &buffer)
        }
    }

    private func encodeVerbatim(format: String, text: [UInt8], into buffer: inout ByteBuffer) {
        guard self.version == .three else {
            buffer.writeRESPBulk(text)
            return
        }
        precondition(format.utf8.count == 3, "verbatim format '\(format)' is not three bytes")
        buffer.writeRESPHeader("=", Int64(text.count + 4))
        buffer.writeString(format)
        buffer.writeStaticString(":")
        buffer.writeBytes(text)
        buffer.writeStaticString("\r\n")
    }

    /// A line ends at the first line break, so one inside the text becomes a space.
    private static func writeLine(_ marker: Unicode.Scalar, _ text: String, into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt8(ascii: marker))
        if text.utf8.contains(where: { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }) {
            buffer.writeBytes(text.utf8.map { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") ? 0x20 : $0 })
        } else {
            buffer.writeString(text)
        }
        buffer.writeStaticString("\r\n")
    }

    private static func text(of number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        return String(number)
    }
}

extension ByteBuffer {
    /// Writes `<marker><number>\r\n`.
    package mutating func writeRESPHeader(_ marker: Unicode.Scalar, _ number: Int64) {
        self.writeInteger(UInt8(ascii: marker))
        if (0...9).contains(number) {
            self.writeInteger(UInt8(ascii: "0") + UInt8(number))
        } else {
            self.writeString(String(number))
        }
        self.writeStaticString("\r\n")
    }

    package mutating func writeRESPBulk(_ bytes: [UInt8]) {
        self.writeRESPHeader("$", Int64(bytes.count))
        self.writeBytes(bytes)
        self.writeStaticString("\r\n")
    }
}
