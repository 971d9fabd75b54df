/// N, R and W.
package struct QuorumSettings: Hashable, Sendable, Codable {
    /// N: replicas of each partition, 1...7.
    package var replicaCount: Int
    /// R: replicas that answer a read.
    package var readQuorum: Int
    /// W: replicas that have stored a write before it is acknowledged, if its client does not say otherwise.
    package var writeQuorum: Int
    /// The smallest W that a request may ask for; `nil`: the cluster's W.
    package var writeQuorumFloor: Int?

    package init(
        replicaCount: Int = 3,
        readQuorum: Int = 2,
        writeQuorum: Int = 2,
        writeQuorumFloor: Int? = nil
    ) {
        self.replicaCount = replicaCount
        self.readQuorum = readQuorum
        self.writeQuorum = writeQuorum
        self.writeQuorumFloor = writeQuorumFloor
    }

    /// The smallest W with which any write may have been acknowledged: what fences and snapshots must reckon with
    /// (SAFETY rules 11 and 20).
    package var writeQuorumMin: Int { self.writeQuorumFloor ?? self.writeQuorum }
}
