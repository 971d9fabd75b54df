internal import Foundation
package import QuireCore

/// The announcement of a running backup: objects stored since then are not garbage yet.
package struct SnapshotIntent: Hashable, Sendable, Codable {
    package let snapshot: SnapshotID
    package let clusterID: String
    package let node: NodeID
    package let beganAt: UTCTime
    /// After this moment the backup is taken for dead.
    package let expiresAt: UTCTime

    package init(snapshot: SnapshotID, clusterID: String, node: NodeID, beganAt: UTCTime, expiresAt: UTCTime) {
        self.snapshot = snapshot
        self.clusterID = clusterID
        self.node = node
        self.beganAt = beganAt
        self.expiresAt = expiresAt
    }
}

extension DirectoryRepository {
    private static let intentBytesMax = 4096

    /// Announces a backup before its first object; announcing again renews it.
    package func declare(_ intent: SnapshotIntent) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = Array(try encoder.encode(intent)) + Array("\n".utf8)
        try PendingFile.publish(bytes, as: self.intentPath(intent.snapshot), through: self.temporaryDirectory)
    }

    /// Ends the announcement, once the snapshot is published or given up.
    package func withdrawIntent(of snapshot: SnapshotID) throws {
        try Disk.remove(self.intentPath(snapshot))
        try Disk.syncDirectory(self.intentsDirectory)
    }

    /// All announcements, oldest first.
    package func intents() throws -> [SnapshotIntent] {
        try Disk.names(in: self.intentsDirectory).filter { $0.hasSuffix(".json") }.map { name in
            let path = "\(self.intentsDirectory)/\(name)"
            let bytes = try InputFile.contents(of: path, bytesMax: Self.intentBytesMax)
            do {
                let intent = try JSONDecoder().decode(SnapshotIntent.self, from: Data(bytes))
                guard self.intentPath(intent.snapshot) == path else {
                    throw ArchiveError(.damagedManifest, "this announces \(intent.snapshot)", path: path)
                }
                return intent
            } catch let error as DecodingError {
                throw ArchiveError(.damagedManifest, "this is not an intent: \(error); remove it", path: path)
            }
        }
    }

    private func intentPath(_ snapshot: SnapshotID) -> String {
        "\(self.intentsDirectory)/\(snapshot.text).json"
    }
}
