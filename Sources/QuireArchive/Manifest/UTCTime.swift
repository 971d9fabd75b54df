internal import Glibc

/// A moment as the manifest writes it: `2026-11-21T09:31:28.042Z`, UTC, years 1970 to 9999.
package struct UTCTime: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    /// Since 1970.
    package let milliseconds: UInt64

    private static let secondsMax: UInt64 = 253_402_300_799

    /// - Parameter milliseconds: Since 1970; later than the year 9999 counts as its end.
    package init(milliseconds: UInt64) {
        self.milliseconds = min(milliseconds, Self.secondsMax * 1000 + 999)
    }

    /// Reads exactly the form that `description` writes.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, let milliseconds = Self.number(bytes[20..<23]) else { return nil }
        var fields = tm()
        let places: [(Range<Int>, WritableKeyPath<tm, CInt>, CInt)] = [
            (0..<4, \.tm_year, 1900), (5..<7, \.tm_mon, 1), (8..<10, \.tm_mday, 0),
            (11..<13, \.tm_hour, 0), (14..<16, \.tm_min, 0), (17..<19, \.tm_sec, 0),
        ]
        for (range, field, offset) in places {
            guard let number = Self.number(bytes[range]) else { return nil }
            fields[keyPath: field] = number - offset
        }
        let seconds = timegm(&fields)
        guard seconds >= 0 else { return nil }
        self.init(milliseconds: UInt64(seconds) * 1000 + UInt64(milliseconds))
        // `timegm` carries a 31st of February over; the text must come out as it went in.
        guard self.description == text else { return nil }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = UTCTime(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "a time is written as 2026-11-21T09:31:28.042Z"
            )
        }
        self = time
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }

    package var description: String {
        let fields = self.fields
        return "\(fields.year)-\(fields.month)-\(fields.day)T\(fields.hour):\(fields.minute):\(fields.second)"
            + ".\(Self.padded(Int(self.milliseconds % 1000), 3))Z"
    }

    /// `20261121T093128Z`, the form that sorts in a directory listing.
    var compact: String {
        let fields = self.fields
        return "\(fields.year)\(fields.month)\(fields.day)T\(fields.hour)\(fields.minute)\(fields.second)Z"
    }

    package static func < (left: UTCTime, right: UTCTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    private var fields: (year: String, month: String, day: String, hour: String, minute: String, second: String) {
        var seconds = time_t(self.milliseconds / 1000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        return (
            Self.padded(Int(fields.tm_year) + 1900, 4), Self.padded(Int(fields.tm_mon) + 1, 2),
            Self.padded(Int(fields.tm_mday), 2), Self.padded(Int(fields.tm_hour), 2),
            Self.padded(Int(fields.tm_min), 2), Self.padded(Int(fields.tm_sec), 2)
        )
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> CInt? {
        guard digits.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else { return nil }
        return digits.reduce(0) { $0 * 10 + CInt($1 - UInt8(ascii: "0")) }
    }
}
