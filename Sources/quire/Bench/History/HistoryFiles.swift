import Foundation

/// The directory in which a mixed load leaves its histories.
enum HistoryFiles {
    static func read(_ directory: String) throws -> History {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
                .filter { $0.hasSuffix(".history") }.sorted()
        } catch {
            throw CommandFailure("unreadable", "cannot read \(directory): \(FailureReason.words(error))")
        }
        guard !names.isEmpty else {
            throw CommandFailure("empty_journal", "\(directory) holds no history: `quire bench mixed` makes one")
        }
        var history = History()
        for name in names {
            let path = "\(directory)/\(name)"
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("unreadable", "cannot read \(path)")
            }
            let text = String(decoding: bytes, as: UTF8.self)
            // Lines end with a newline: what follows the last one is cut off.
            let end = text.utf8.lastIndex(of: UInt8(ascii: "\n")) ?? text.startIndex
            try history.read(text[..<end].split(separator: "\n"), from: path)
        }
        return history
    }
}
