package import QuireCore

/// The image of one partition in a repository: its names, its sizes and what it must contain.
package struct StoredObject: Hashable, Sendable, Codable {
    package let partition: PartitionID
    /// SHA-256 of the uncompressed SQLite file; names the object.
    package let imageHash: ContentHash
    package let imageBytes: Int
    /// SHA-256 of the `.db.zst` file.
    package let storedHash: ContentHash
    package let storedBytes: Int
    /// Unkeyed root over the records, recomputable from the rows alone.
    package let logicalRoot: ContentHash
    /// The Merkle root that replicas compare, keyed with the cluster's secret.
    package let keyedRoot: ContentHash
    /// All records, tombstones included; at least 1.
    package let recordCount: Int
    /// Records whose winner is a value; an expiry is not applied, so that the number never changes.
    package let liveKeyCount: Int

    package init(
        partition: PartitionID,
        imageHash: ContentHash,
        imageBytes: Int,
        storedHash: ContentHash,
        storedBytes: Int,
        logicalRoot: ContentHash,
        keyedRoot: ContentHash,
        recordCount: Int,
        liveKeyCount: Int
    ) {
        self.partition = partition
        self.imageHash = imageHash
        self.imageBytes = imageBytes
        self.storedHash = storedHash
        self.storedBytes = storedBytes
        self.logicalRoot = logicalRoot
        self.keyedRoot = keyedRoot
        self.recordCount = recordCount
        self.liveKeyCount = liveKeyCount
    }

    /// Relative to the repository, and the member's name in an export: `objects/ab/ab….db.zst`.
    package var relativePath: String {
        "objects/\(self.imageHash.text.prefix(2))/\(self.imageHash.text).db.zst"
    }
}
