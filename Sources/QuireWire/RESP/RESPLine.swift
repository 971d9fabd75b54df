/// The line-shaped parts of RESP, read in place from the bytes received so far.
///
/// A line that has not ended yet is not searched twice: `searchedBytes` says how far the last search came, so
/// that input which arrives byte by byte costs as much as input which arrives at once.
struct RESPLine {
    enum Outcome {
        case incomplete
        /// The line is `start..<end`; the next one begins at `next`.
        case line(end: Int, next: Int)
        case failed(RESPError)
    }

    private var searchedBytes = 0

    /// Finds the line that begins at `start`. An inline command may end with a bare line feed.
    mutating func find(
        in bytes: UnsafeRawBufferPointer,
        from start: Int,
        maxBytes: Int,
        allowsBareLineFeed: Bool = false
    ) -> Outcome {
        var index = start + self.searchedBytes
        let end = min(bytes.count, start + maxBytes + 2)
        while index < end {
            if bytes[index] == UInt8(ascii: "\n") {
                let hasReturn = index > start && bytes[index - 1] == UInt8(ascii: "\r")
                guard hasReturn || allowsBareLineFeed else {
                    return .failed(.malformed("a line feed without a carriage return"))
                }
                self.searchedBytes = 0
                return .line(end: hasReturn ? index - 1 : index, next: index + 1)
            }
            index += 1
        }
        guard bytes.count < start + maxBytes + 2 else { return .failed(.lineTooLong(maxBytes: maxBytes)) }
        self.searchedBytes = index - start
        return .incomplete
    }

    /// The decimal number that fills `range`: an optional sign and 1 to 19 digits.
    static func number(in bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        guard index < range.upperBound else { return nil }
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative || bytes[index] == UInt8(ascii: "+") {
            index += 1
        }
        guard index < range.upperBound, range.upperBound - index <= 19 else { return nil }
        var result: Int64 = 0
        while index < range.upperBound {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, hasOverflown) = result.multipliedReportingOverflow(by: 10)
            let (next, isTooFar) =
                isNegative
                ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
            guard !hasOverflown, !isTooFar else { return nil }
            result = next
            index += 1
        }
        return result
    }

    static func text(in bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    /// The most bytes that the line of a declared length may have.
    static let lengthBytesMax = 32
}
