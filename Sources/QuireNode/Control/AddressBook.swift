import Foundation
import QuireCore

/// `peers.json`: what this node last knew of the others, so that it finds them after a restart although they have
/// moved since they joined. An array of entries as JSON.
///
/// Nothing depends on it but the time that finding takes: it is not synced, and a damaged one counts as none.
struct AddressBook: Sendable {
    private let path: String
    private static let bytesMax = 16 << 20

    init(directory: String) {
        self.path = "\(directory)/peers.json"
    }

    func load() -> [GossipEntry] {
        let file = URL(fileURLWithPath: self.path)
        // Without the file, or with one that does not read, the addresses in the layout have to do.
        guard let size = try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize, size <= Self.bytesMax,
            let data = try? Data(contentsOf: file),
            let entries = try? JSONDecoder().decode([GossipEntry].self, from: data)
        else { return [] }
        return entries
    }

    func save(_ entries: [GossipEntry]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(entries).write(to: URL(fileURLWithPath: self.path), options: .atomic)
    }
}
