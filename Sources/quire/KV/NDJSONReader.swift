import Foundation

/// Reads one JSON object per line: `{"key": …, "value": …}`, or `value_base64` for bytes that are no text.
///
/// Key and value are strings, stored as UTF-8. Blank lines are skipped, other fields ignored.
struct NDJSONReader {
    private struct Object: Decodable {
        let key: String
        let value: String?
        let valueBase64: String?

        enum CodingKeys: String, CodingKey {
            case key
            case value
            case valueBase64 = "value_base64"
        }
    }

    private(set) var lines: LineReader
    private let decoder = JSONDecoder()

    init(_ lines: LineReader) {
        self.lines = lines
    }

    /// - Returns: `nil` at the end of the input.
    mutating func next() throws -> DatasetItem? {
        while let line = try self.lines.next() {
            if line.isTooLong { return .malformed(line: line.number, reason: "the line is too long") }
            if !line.isBlank { return self.item(of: line) }
        }
        return nil
    }

    private func item(of line: LineReader.Line) -> DatasetItem {
        let object: Object
        do {
            object = try self.decoder.decode(Object.self, from: Data(line.bytes))
        } catch {
            return .malformed(line: line.number, reason: Self.sentence(for: error))
        }
        let key = Array(object.key.utf8)
        if let reason = DatasetKey.objection(to: key) { return .malformed(line: line.number, reason: reason) }
        switch (object.value, object.valueBase64) {
        case (let text?, nil):
            return .entry(DatasetEntry(key: key, value: Array(text.utf8), line: line.number))
        case (nil, let text?):
            guard let data = Data(base64Encoded: text) else {
                return .malformed(line: line.number, reason: "value_base64 is no base64")
            }
            return .entry(DatasetEntry(key: key, value: Array(data), line: line.number))
        case (nil, nil): return .malformed(line: line.number, reason: "no value and no value_base64")
        case (_?, _?): return .malformed(line: line.number, reason: "both value and value_base64")
        }
    }

    private static func sentence(for error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _): "no field “\(key.stringValue)”"
        case .typeMismatch(_, let context): "“\(context.codingPath.map(\.stringValue).joined())” is no string"
        default: "not a JSON object"
        }
    }
}
