import QuireCore

/// The strategies of Dynamo §6.2, and what each needs to know.
///
/// The paper compares them at equal metadata: "in strategy 1 each node needs to maintain the token positions of all the
/// nodes in the ring and in strategy 3 each node needs to maintain the information regarding the partitions assigned to
/// each node". The list of members is left out: it is the same for all. Counted are:
///
/// | entry | bytes | kept by |
/// |---|---|---|
/// | token: a position (128 bits, §4.1) and its node | 16 + 8 | 1, 2: S · T of them |
/// | partition: its row of N nodes | 8 · N | 2, 3: Q of them |
///
/// A node is a `NodeID`, and a row is explicit, as in our `Layout`. With N = 3 a token costs as much as a partition.
package enum PartitioningStrategy: String, CaseIterable, Codable, Sendable {
    /// 1: T random tokens per node and partition by token value.
    case tokenRanges
    /// 2: T random tokens per node and Q equal partitions. Each node keeps the tokens, as in 1, *and* where the
    /// partitions are, as in 3: only then are partitioning and placement decoupled, and "changing the placement scheme
    /// at runtime" is possible, which the paper names as what this strategy is for.
    case tokensAndTable
    /// 2, but counting the tokens alone: "the function that maps values in the hash space to the ordered lists of nodes"
    /// is evaluated at each look-up, and a partition cannot be anywhere else than where the tokens say. The paper does
    /// not say which of the two it counted; in this one, 1 and 2 tie, and its figure has 2 clearly below 1.
    case tokensAndDerivedTable
    /// 3: Q/S tokens per node and Q equal partitions: our layout.
    case fixedPartitions

    package static let tokenBytes = 16 + MemoryLayout<NodeID>.size

    package static func rowBytes(replicas: Int) -> Int {
        replicas * MemoryLayout<NodeID>.size
    }
}

/// T and Q, as far as a strategy has them.
package struct PartitioningParameters: Hashable, Codable, Sendable {
    /// T.
    package let tokensPerNode: Int?
    /// Q.
    package let partitions: Int?

    /// The most that a strategy can make of the given metadata.
    ///
    /// Strategy 2 has to divide it between tokens and partitions. The paper wants Q ≫ S · T; the smaller Q, the more
    /// tokens there are and the better the balance, down to about one partition per token: that is why
    /// `partitionsPerToken` = 1 is the kindest choice. With a derived table partitions cost nothing, and there are at
    /// least eight per token.
    ///
    /// - Returns: `nil` when it is not enough, or when Q would not be a `PartitionCount`.
    package init?(
        _ strategy: PartitioningStrategy,
        metadataBytes: Int,
        nodes: Int,
        replicas: Int,
        partitionsPerToken: Int
    ) {
        let token = PartitioningStrategy.tokenBytes
        let row = PartitioningStrategy.rowBytes(replicas: replicas)
        switch strategy {
        case .tokenRanges:
            self.tokensPerNode = metadataBytes / (nodes * token)
            self.partitions = nil
        case .tokensAndTable:
            let tokens = metadataBytes / (nodes * (token + partitionsPerToken * row))
            self.tokensPerNode = tokens
            self.partitions = (metadataBytes - nodes * tokens * token) / row
        case .tokensAndDerivedTable:
            let tokens = metadataBytes / (nodes * token)
            self.tokensPerNode = tokens
            self.partitions = nodes * tokens * max(8, partitionsPerToken)
        case .fixedPartitions:
            guard let count = PartitionCount(metadataBytes / row), count.rawValue >= nodes else { return nil }
            self.tokensPerNode = nil
            self.partitions = count.rawValue
        }
        if let tokens = self.tokensPerNode, tokens < 1 { return nil }
    }
}
