package import QuireCore

/// Everything about one snapshot: what it promises, on what evidence, and which objects hold it.
///
/// `Manifest+Rendering.swift` specifies the bytes and `validate()` lists the invariants;
/// `Archives/FORMAT.md` and `Archives/manifest.schema.json` say the same for other implementers.
package struct Manifest: Hashable, Sendable {
    package static let format = "quire-snapshot"
    package static let version = 1

    /// What a restore may rely on (SAFETY rule 20).
    package struct Promise: Hashable, Sendable, Codable {
        package enum Level: String, Hashable, Sendable, Codable {
            /// Every write acknowledged before the snapshot began is contained, itself or a descendant.
            case quorum
            /// Each partition is consistent in itself; acknowledged writes may be missing.
            case fuzzy
        }

        package let level: Level
        /// Why the snapshot is only `fuzzy`; empty for `quorum`.
        package let reasons: [String]

        package static let quorum = Promise(level: .quorum, reasons: [])

        /// - Parameter reasons: At least one, for people to read.
        package static func fuzzy(_ reasons: [String]) -> Promise {
            Promise(level: .fuzzy, reasons: reasons)
        }
    }

    /// What one replica held when it was sealed.
    package struct Consulted: Hashable, Sendable, Codable {
        package let node: NodeID
        /// Keyed Merkle root of the sealed replica.
        package let root: ContentHash

        package init(node: NodeID, root: ContentHash) {
            self.node = node
            self.root = root
        }
    }

    /// One partition: its image, and the replicas that the image covers.
    package struct Partition: Hashable, Sendable, Codable {
        package let partition: PartitionID
        /// `nil` for a partition without any record.
        package let object: StoredObject?
        /// Whether the object was there before this snapshot.
        package let isReused: Bool
        /// Ascending by node.
        package let consulted: [Consulted]
        /// Holders that could not be consulted, ascending.
        package let missing: [NodeID]

        package init(
            partition: PartitionID,
            object: StoredObject?,
            isReused: Bool = false,
            consulted: [Consulted] = [],
            missing: [NodeID] = []
        ) {
            self.partition = partition
            self.object = object
            self.isReused = isReused
            self.consulted = consulted.sorted { $0.node < $1.node }
            self.missing = missing.sorted()
        }
    }

    /// The file `layout.json` of the snapshot.
    package struct LayoutReference: Hashable, Sendable, Codable {
        package let version: LayoutVersion
        package let sizeBytes: Int
        package let hash: ContentHash

        package init(version: LayoutVersion, json: [UInt8]) {
            self.version = version
            self.sizeBytes = json.count
            self.hash = ContentHash(of: json)
        }
    }

    /// Sums over the partitions.
    package struct Totals: Hashable, Sendable, Codable {
        package let objects: Int
        package let reusedObjects: Int
        package let records: Int
        package let liveKeys: Int
        package let imageBytes: Int
        package let storedBytes: Int

        package init(of partitions: [Partition]) {
            let objects = partitions.compactMap(\.object)
            self.objects = objects.count
            self.reusedObjects = partitions.count { $0.object != nil && $0.isReused }
            self.records = objects.reduce(0) { $0 + $1.recordCount }
            self.liveKeys = objects.reduce(0) { $0 + $1.liveKeyCount }
            self.imageBytes = objects.reduce(0) { $0 + $1.imageBytes }
            self.storedBytes = objects.reduce(0) { $0 + $1.storedBytes }
        }
    }

    package var snapshot: SnapshotID
    /// The snapshot whose objects were reused first.
    package var parent: SnapshotID?
    /// 32 hexadecimal digits.
    package var clusterID: String
    /// Of the program that wrote it.
    package var quireVersion: String
    package var beganAt: UTCTime
    package var endedAt: UTCTime
    package var promise: Promise
    package var partitionCount: PartitionCount
    package var quorums: QuorumSettings
    package var layout: LayoutReference
    /// As the layout had them, ascending by id.
    package var members: [Member]
    /// One entry per partition, ascending.
    package var partitions: [Partition]
    /// For people and their scripts.
    package var annotations: [String: String]

    package init(
        snapshot: SnapshotID,
        parent: SnapshotID? = nil,
        clusterID: String,
        quireVersion: String,
        beganAt: UTCTime,
        endedAt: UTCTime,
        promise: Promise,
        partitionCount: PartitionCount,
        quorums: QuorumSettings,
        layout: LayoutReference,
        members: [Member],
        partitions: [Partition],
        annotations: [String: String] = [:]
    ) {
        self.snapshot = snapshot
        self.parent = parent
        self.clusterID = clusterID
        self.quireVersion = quireVersion
        self.beganAt = beganAt
        self.endedAt = endedAt
        self.promise = promise
        self.partitionCount = partitionCount
        self.quorums = quorums
        self.layout = layout
        self.members = members.sorted { $0.id < $1.id }
        self.partitions = partitions.sorted { $0.partition < $1.partition }
        self.annotations = annotations
    }

    package var totals: Totals { Totals(of: self.partitions) }

    /// The objects of the snapshot, ascending by partition.
    package var objects: [StoredObject] { self.partitions.compactMap(\.object) }
}
