import Foundation
import QuireCore

/// Layouts as bytes, for tests in which any layout may come up.
enum LayoutBytes {
    static func encode(_ layout: Layout) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(layout) else { preconditionFailure("\(layout) cannot be encoded") }
        return Array(data)
    }

    /// - Returns: `nil` for what no layout was encoded to.
    static func decode(_ bytes: [UInt8]) -> Layout? {
        try? JSONDecoder().decode(Layout.self, from: Data(bytes))
    }
}
