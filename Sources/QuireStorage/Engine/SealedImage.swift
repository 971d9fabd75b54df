package import QuireCore

/// A partition file that holds still: between seal and release its main file does not change, while writes go
/// on into its WAL (SAFETY rule 16).
package struct SealedImage: Sendable, Hashable {
    /// Small enough to stay in a core's cache from the socket through the check to the page cache.
    package static let blockBytes = 256 << 10

    /// Names the seal; never reused in one life of an engine.
    package let id: UInt64
    package let partition: PartitionID
    package let sizeBytes: Int
    /// Of exactly the records in the image, keyed with the cluster's secret.
    package let leaves: MerkleLeaves
    package let tally: RecordTally
    package let sealedAtMilliseconds: UInt64

    package init(
        id: UInt64,
        partition: PartitionID,
        sizeBytes: Int,
        leaves: MerkleLeaves,
        tally: RecordTally,
        sealedAtMilliseconds: UInt64
    ) {
        self.id = id
        self.partition = partition
        self.sizeBytes = sizeBytes
        self.leaves = leaves
        self.tally = tally
        self.sealedAtMilliseconds = sealedAtMilliseconds
    }

    package var blockCount: Int { (self.sizeBytes + Self.blockBytes - 1) / Self.blockBytes }
}

/// The seals that are held on one partition: all of the same image.
struct SealHold {
    let sealedAtMilliseconds: UInt64
    var images: [UInt64: SealedImage]
}
