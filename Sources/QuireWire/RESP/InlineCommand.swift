/// Splits one line into words, with the quoting rules of `redis-cli`.
///
/// Words are separated by blanks. Between double quotes, `\n \r \t \b \a \\ \"` and `\xHH` stand for one byte
/// each; between single quotes only `\'` does. A closing quote must be followed by a blank or the end.
enum InlineCommand {
    /// - Returns: `nil` when a quote is not closed, or is closed in the middle of a word.
    static func words(in line: some Sequence<UInt8>) -> [[UInt8]]? {
        let bytes = Array(line)
        var words: [[UInt8]] = []
        var index = 0
        while true {
            while index < bytes.count, Self.isBlank(bytes[index]) {
                index += 1
            }
            guard index < bytes.count else { return words }
            guard let word = Self.word(in: bytes, &index) else { return nil }
            words.append(word)
        }
    }

    private static func word(in bytes: [UInt8], _ index: inout Int) -> [UInt8]? {
        var word: [UInt8] = []
        while index < bytes.count, !Self.isBlank(bytes[index]) {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else {
                word.append(byte)
                continue
            }
            let isClosed =
                byte == UInt8(ascii: "\"")
                ? Self.readDoubleQuoted(bytes, &index, &word) : Self.readSingleQuoted(bytes, &index, &word)
            guard isClosed, index == bytes.count || Self.isBlank(bytes[index]) else { return nil }
        }
        return word
    }

    private static func readDoubleQuoted(_ bytes: [UInt8], _ index: inout Int, _ word: inout [UInt8]) -> Bool {
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\"") { return true }
            guard byte == UInt8(ascii: "\\"), index < bytes.count else {
                word.append(byte)
                continue
            }
            let escaped = bytes[index]
            index += 1
            if escaped == UInt8(ascii: "x"), let value = Self.hexadecimal(bytes, index) {
                word.append(value)
                index += 2
            } else {
                word.append(Self.unescaped(escaped))
            }
        }
        return false
    }

    private static func readSingleQuoted(_ bytes: [UInt8], _ index: inout Int, _ word: inout [UInt8]) -> Bool {
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "'") { return true }
            if byte == UInt8(ascii: "\\"), index < bytes.count, bytes[index] == UInt8(ascii: "'") {
                word.append(bytes[index])
                index += 1
            } else {
                word.append(byte)
            }
        }
        return false
    }

    private static func unescaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "a"): 0x07
        default: byte
        }
    }

    private static func hexadecimal(_ bytes: [UInt8], _ index: Int) -> UInt8? {
        guard index + 2 <= bytes.count else { return nil }
        let digits = bytes[index..<index + 2]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 }) else { return nil }
        return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
