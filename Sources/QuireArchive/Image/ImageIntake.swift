package import QuireStorage

/// Takes an image that arrives in pieces, block by block of a sealed partition, and stores it.
///
/// The bytes lie under `tmp/` of the repository until they are stored; they go with the object.
package final class ImageIntake {
    private let repository: DirectoryRepository
    private let file: PendingFile

    package init(for repository: DirectoryRepository) throws {
        self.repository = repository
        self.file = try PendingFile(in: repository.scratch)
    }

    package var receivedBytes: Int { self.file.writtenBytes }

    package func append(_ bytes: [UInt8]) throws {
        try self.file.write(bytes)
    }

    /// Checks and stores what has arrived; see `DirectoryRepository.storeImage(at:identity:level:)`.
    package func store(
        as identity: PartitionIdentity,
        level: Int32 = Zstandard.standardLevel
    ) throws -> StoredObject? {
        try self.repository.storeImage(at: self.file.path, identity: identity, level: level)
    }
}
