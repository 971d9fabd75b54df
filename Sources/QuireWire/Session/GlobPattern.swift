/// A pattern of `SCAN MATCH` or `CONFIG GET`, in the notation of Redis: `*`, `?`, `[a-z]`, `[^a-z]`, `\` before a
/// literal character.
///
/// Matching goes back only to the latest `*`, so it takes at most (bytes of the key) × (bytes of the pattern)
/// steps; patterns are at most 256 bytes.
struct GlobPattern: Sendable, Hashable {
    static let bytesMax = 256

    private enum Token: Sendable, Hashable {
        case anyRun
        case any
        case literal(UInt8)
        case oneOf(ByteSet)
    }

    /// A set of byte values, one bit each.
    private struct ByteSet: Sendable, Hashable {
        private var low: UInt128 = 0
        private var high: UInt128 = 0

        mutating func insert(_ range: ClosedRange<UInt8>) {
            for byte in range {
                if byte < 128 {
                    self.low |= 1 << UInt128(byte)
                } else {
                    self.high |= 1 << UInt128(byte - 128)
                }
            }
        }

        mutating func invert() {
            self.low = ~self.low
            self.high = ~self.high
        }

        func contains(_ byte: UInt8) -> Bool {
            byte < 128 ? self.low >> UInt128(byte) & 1 == 1 : self.high >> UInt128(byte - 128) & 1 == 1
        }
    }

    private let tokens: [Token]

    /// - Returns: `nil` for a pattern of more than 256 bytes.
    init?(_ pattern: [UInt8]) {
        guard pattern.count <= Self.bytesMax else { return nil }
        var tokens: [Token] = []
        var index = 0
        while index < pattern.count {
            let byte = pattern[index]
            index += 1
            switch byte {
            case UInt8(ascii: "*"):
                if tokens.last != .anyRun { tokens.append(.anyRun) }
            case UInt8(ascii: "?"):
                tokens.append(.any)
            case UInt8(ascii: "["):
                tokens.append(.oneOf(Self.set(in: pattern, &index)))
            case UInt8(ascii: "\\") where index < pattern.count:
                tokens.append(.literal(pattern[index]))
                index += 1
            default:
                tokens.append(.literal(byte))
            }
        }
        self.tokens = tokens
    }

    func matches(_ bytes: [UInt8]) -> Bool {
        var token = 0
        var byte = 0
        var afterRun: (token: Int, byte: Int)?
        while byte < bytes.count {
            if token < self.tokens.count, self.tokens[token] == .anyRun {
                token += 1
                afterRun = (token, byte)
            } else if token < self.tokens.count, Self.accepts(self.tokens[token], bytes[byte]) {
                token += 1
                byte += 1
            } else if let retry = afterRun {
                token = retry.token
                byte = retry.byte + 1
                afterRun = (token, byte)
            } else {
                return false
            }
        }
        return self.tokens[token...].allSatisfy { $0 == .anyRun }
    }

    private static func accepts(_ token: Token, _ byte: UInt8) -> Bool {
        switch token {
        case .any, .anyRun: true
        case .literal(let literal): literal == byte
        case .oneOf(let set): set.contains(byte)
        }
    }

    /// Reads what stands between brackets; a bracket that is never closed extends to the end.
    private static func set(in pattern: [UInt8], _ index: inout Int) -> ByteSet {
        var set = ByteSet()
        let isNegated = index < pattern.count && pattern[index] == UInt8(ascii: "^")
        if isNegated { index += 1 }
        while index < pattern.count, pattern[index] != UInt8(ascii: "]") {
            if pattern[index] == UInt8(ascii: "\\"), index + 1 < pattern.count { index += 1 }
            let first = pattern[index]
            index += 1
            if index + 1 < pattern.count, pattern[index] == UInt8(ascii: "-"), pattern[index + 1] != UInt8(ascii: "]") {
                let last = pattern[index + 1]
                set.insert(min(first, last)...max(first, last))
                index += 2
            } else {
                set.insert(first...first)
            }
        }
        if index < pattern.count { index += 1 }
        if isNegated { set.invert() }
        return set
    }
}
