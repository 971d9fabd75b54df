import Foundation

/// `last-snapshot.json`: the last snapshot with the promise `quorum` that this node has made, so that a change of capacity can be refused when there
/// is no recent one.
///
/// Told to the others by gossip. It says that there was a snapshot, not that it still is there: `quire snapshot verify`
/// finds that out.
struct LastSnapshot: Codable, Sendable, Equatable {
    var repository: String
    var snapshot: String
    /// What was acknowledged before this moment is in it; milliseconds since 1970.
    var beganMilliseconds: Int

    static func load(from directory: String) -> LastSnapshot? {
        // Without the file, or with one that does not read, none is known.
        guard let data = try? Data(contentsOf: self.file(in: directory)) else { return nil }
        return try? JSONDecoder().decode(LastSnapshot.self, from: data)
    }

    func save(to directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try encoder.encode(self).write(to: Self.file(in: directory), options: .atomic)
    }

    private static func file(in directory: String) -> URL {
        URL(fileURLWithPath: "\(directory)/last-snapshot.json")
    }
}
