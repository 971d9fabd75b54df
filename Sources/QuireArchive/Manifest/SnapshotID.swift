/// Names a snapshot and its directory: `20261121T093128Z-1a2b3c4d`, when it began and 32 random bits.
///
/// Ids sort by time, and nothing but this form ever becomes part of a path.
package struct SnapshotID: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    package let text: String

    /// - Parameter salt: Random, so that two snapshots of one second differ.
    package init(beganAt: UTCTime, salt: UInt32) {
        let digits = String(salt, radix: 16)
        self.text = "\(beganAt.compact)-\(String(repeating: "0", count: 8 - digits.count))\(digits)"
    }

    /// - Returns: `nil` unless `text` is exactly of the form above.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 25 else { return nil }
        for (byte, shape) in zip(bytes, "00000000T000000Z-xxxxxxxx".utf8) {
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            switch shape {
            case UInt8(ascii: "0"):
                guard isDigit else { return nil }
            case UInt8(ascii: "x"):
                guard isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) else { return nil }
            default:
                guard byte == shape else { return nil }
            }
        }
        self.text = text
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = SnapshotID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "a snapshot id is written as 20261121T093128Z-1a2b3c4d"
            )
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }

    package var description: String { self.text }

    package static func < (left: SnapshotID, right: SnapshotID) -> Bool {
        left.text < right.text
    }
}
