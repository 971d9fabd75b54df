/// Cuts bytes into lines, each with the newline that ends it; only the last one may lack it.
///
/// Holds one chunk and the line in work. A line longer than `lineBytesMax` is not kept: it comes back cut, marked
/// as too long, so that no input can exhaust the memory.
struct LineReader {
    struct Line: Equatable {
        /// From 1.
        var number: Int
        var bytes: [UInt8]
        var isTooLong = false

        /// Nothing but spaces, tabs and the end of the line.
        var isBlank: Bool {
            self.bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        }
    }

    static let newline: UInt8 = 0x0A

    private var source: any ByteSource
    private let chunkBytes: Int
    private let lineBytesMax: Int
    private var chunk: [UInt8] = []
    private var offset = 0
    private var lineCount = 0
    /// Bytes of the input that were handed out, cut ones included.
    private(set) var consumedBytes = 0

    init(_ source: any ByteSource, chunkBytes: Int = 1 << 18, lineBytesMax: Int = 16 << 20) {
        self.source = source
        self.chunkBytes = chunkBytes
        self.lineBytesMax = lineBytesMax
    }

    /// - Returns: `nil` at the end of the input.
    mutating func next() throws -> Line? {
        var bytes: [UInt8] = []
        var isTooLong = false
        var isBegun = false
        while true {
            if self.offset == self.chunk.count {
                self.chunk = try self.source.read(maxBytes: self.chunkBytes)
                self.offset = 0
                if self.chunk.isEmpty { return isBegun ? self.line(bytes, isTooLong) : nil }
            }
            isBegun = true
            let rest = self.chunk[self.offset...]
            let end = rest.firstIndex(of: Self.newline).map { $0 + 1 }
            let piece = rest[..<(end ?? rest.endIndex)]
            self.offset = piece.endIndex
            self.consumedBytes += piece.count
            if bytes.count + piece.count <= self.lineBytesMax {
                bytes.append(contentsOf: piece)
            } else {
                isTooLong = true
            }
            if end != nil { return self.line(bytes, isTooLong) }
        }
    }

    private mutating func line(_ bytes: [UInt8], _ isTooLong: Bool) -> Line {
        self.lineCount += 1
        return Line(number: self.lineCount, bytes: bytes, isTooLong: isTooLong)
    }
}
