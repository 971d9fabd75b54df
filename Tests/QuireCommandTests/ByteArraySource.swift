@testable import quire

/// Bytes from memory in pieces of a chosen size, so that every boundary can be met.
struct ByteArraySource: ByteSource {
    private var rest: ArraySlice<UInt8>
    private let pieceBytes: Int

    init(_ text: String, pieceBytes: Int = .max) {
        self.init(Array(text.utf8), pieceBytes: pieceBytes)
    }

    init(_ bytes: [UInt8], pieceBytes: Int = .max) {
        self.rest = bytes[...]
        self.pieceBytes = pieceBytes
    }

    mutating func read(maxBytes: Int) throws -> [UInt8] {
        let piece = self.rest.prefix(min(maxBytes, self.pieceBytes))
        self.rest = self.rest.dropFirst(piece.count)
        return Array(piece)
    }
}

extension DatasetReader {
    /// All items of a text.
    static func items(
        of text: String,
        format: DatasetFormat,
        pieceBytes: Int = .max
    ) throws -> [DatasetItem] {
        var reader = DatasetReader(ByteArraySource(text, pieceBytes: pieceBytes), format: format)
        var items: [DatasetItem] = []
        while let item = try reader.next() { items.append(item) }
        return items
    }
}

extension DatasetItem {
    static func entry(_ key: String, _ value: String, line: Int) -> DatasetItem {
        .entry(DatasetEntry(key: Array(key.utf8), value: Array(value.utf8), line: line))
    }
}
