/// A partition on its way from one replica row to another (SAFETY rule 11).
package struct PartitionMove: Hashable, Sendable, Codable {
    package enum Phase: String, Hashable, Sendable, Codable {
        /// Writes need W of the old row and W of the new one; reads ask the old row; newcomers fill themselves.
        case dualWrite
        /// Writes as before; reads ask the new row, which covers all that was acknowledged.
        case readNew
        /// Only the new row counts; former owners hand over what may be left, then retire their files.
        case draining
    }

    /// Proof that one newcomer covers the partition.
    package struct Receipt: Hashable, Sendable, Codable {
        package let node: NodeID
        /// Hexadecimal Merkle root at the newcomer when it had covered every old replica.
        package let root: String
        /// Bytes of the file that was copied.
        package let bytes: Int
        /// Hexadecimal checksum of the copied file; empty when there was nothing to copy.
        package let checksum: String
        /// Whom it covers, ascending: in `dualWrite` exactly those that had installed the move's fence.
        package var sources: [NodeID]

        package init(node: NodeID, root: String, bytes: Int, checksum: String, sources: [NodeID] = []) {
            self.node = node
            self.root = root
            self.bytes = bytes
            self.checksum = checksum
            self.sources = sources
        }
    }

    package let partition: PartitionID
    package let from: [NodeID]
    package let to: [NodeID]
    package var phase: Phase
    /// Replies to requests of this partition that are older than this version count for no quorum: the version with
    /// which the phase began, or in `draining` the one before it (SAFETY rule 11).
    package var fence: LayoutVersion
    /// The move takes back another one, whose new owners never were the only ones that counted: nothing can be left
    /// on its leavers alone, so nobody waits for them.
    package var isReversal: Bool
    /// Of newcomers, in phase `dualWrite`; of new owners that cover the former ones, in phase `draining`.
    package var receipts: [Receipt]

    package init(
        partition: PartitionID,
        from: [NodeID],
        to: [NodeID],
        phase: Phase,
        fence: LayoutVersion,
        isReversal: Bool = false,
        receipts: [Receipt] = []
    ) {
        self.partition = partition
        self.from = from
        self.to = to
        self.phase = phase
        self.fence = fence
        self.isReversal = isReversal
        self.receipts = receipts
    }

    package var newcomers: [NodeID] { self.to.filter { !self.from.contains($0) } }
    package var leavers: [NodeID] { self.from.filter { !self.to.contains($0) } }
}
