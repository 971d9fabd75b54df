package import QuireCore

/// The objects of earlier snapshots of one cluster, by partition and content: what need not be stored again.
///
/// An unchanged partition costs a look-up; neither its replica nor its object is read (SAFETY rule 20).
package struct PreviousObjects: Sendable {
    private struct Content: Hashable {
        let partition: PartitionID
        let keyedRoot: ContentHash
        let recordCount: Int

        init(of object: StoredObject) {
            self.init(partition: object.partition, keyedRoot: object.keyedRoot, recordCount: object.recordCount)
        }

        init(partition: PartitionID, keyedRoot: ContentHash, recordCount: Int) {
            self.partition = partition
            self.keyedRoot = keyedRoot
            self.recordCount = recordCount
        }
    }

    /// The newest snapshot of the cluster: the parent of the next one.
    package let parent: SnapshotID?
    /// Snapshots whose manifests are damaged; nothing of theirs is reused.
    package let damaged: [ArchiveError]
    private let repository: DirectoryRepository
    private let objects: [Content: StoredObject]

    /// Reads every manifest of the repository once; the newest object of equal content wins.
    package init(in repository: DirectoryRepository, clusterID: String) throws {
        var objects: [Content: StoredObject] = [:]
        var parent: SnapshotID?
        var damaged: [ArchiveError] = []
        for listed in try repository.list() {
            switch listed.manifest {
            case .failure(let error):
                damaged.append(error)
            case .success(let manifest):
                guard manifest.clusterID == clusterID else { continue }
                parent = manifest.snapshot
                for object in manifest.objects {
                    objects[Content(of: object)] = object
                }
            }
        }
        self.parent = parent
        self.damaged = damaged
        self.repository = repository
        self.objects = objects
    }

    /// - Parameters:
    ///   - keyedRoot: The sealed root of every consulted replica.
    ///   - recordCount: Equal too, since a root alone could be forged by one who knows the cluster's secret.
    /// - Returns: An object of equal content that is there at its recorded size.
    package func previousObject(
        for partition: PartitionID,
        keyedRoot: ContentHash,
        recordCount: Int
    ) throws -> StoredObject? {
        let content = Content(partition: partition, keyedRoot: keyedRoot, recordCount: recordCount)
        guard let object = self.objects[content], try self.repository.hasObject(object) else { return nil }
        return object
    }
}
