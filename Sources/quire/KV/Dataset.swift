import ArgumentParser

/// One key and its value, as an input file holds them.
struct DatasetEntry: Equatable {
    var key: [UInt8]
    var value: [UInt8]
    /// Where it begins, from 1.
    var line: Int
}

enum DatasetItem: Equatable {
    case entry(DatasetEntry)
    case malformed(line: Int, reason: String)
}

/// How an input file is written.
enum DatasetFormat: String, ExpressibleByArgument, CaseIterable {
    case ndjson
    case deb822
}

/// Reads entries one by one in bounded memory; what it cannot use it names by line and goes on.
struct DatasetReader {
    private enum Reader {
        case ndjson(NDJSONReader)
        case deb822(Deb822Reader)
    }

    private var reader: Reader

    init(_ source: any ByteSource, format: DatasetFormat) {
        let lines = LineReader(source)
        switch format {
        case .ndjson: self.reader = .ndjson(NDJSONReader(lines))
        case .deb822: self.reader = .deb822(Deb822Reader(lines))
        }
    }

    var consumedBytes: Int {
        switch self.reader {
        case .ndjson(let reader): reader.lines.consumedBytes
        case .deb822(let reader): reader.lines.consumedBytes
        }
    }

    /// - Returns: `nil` at the end of the input.
    mutating func next() throws -> DatasetItem? {
        switch self.reader {
        case .ndjson(var reader):
            defer { self.reader = .ndjson(reader) }
            return try reader.next()
        case .deb822(var reader):
            defer { self.reader = .deb822(reader) }
            return try reader.next()
        }
    }
}

/// The rule for keys, told before anything is sent.
enum DatasetKey {
    static let bytesMax = 1024

    /// - Returns: Why the key cannot be stored, or `nil`.
    static func objection(to key: [UInt8]) -> String? {
        if key.isEmpty { return "the key is empty" }
        return key.count > Self.bytesMax ? "a key of \(key.count) bytes: keys have 1 to \(Self.bytesMax) bytes" : nil
    }
}
