import Foundation
import QuireCore

/// Layouts as JSON, with sorted keys: the same bytes wherever the same layout is encoded.
enum LayoutCoding {
    static func encode(_ layout: Layout) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(layout))
        } catch {
            preconditionFailure("a layout that JSON cannot hold: \(error)")
        }
    }

    static func decode(_ bytes: [UInt8]) -> Layout? {
        // Bytes of a peer that do not decode are refused by whoever asked; why is of no use to it.
        try? JSONDecoder().decode(Layout.self, from: Data(bytes))
    }
}
