/// A node of the Merkle tree over one partition replica: all records whose key hashes begin with the same bits.
///
/// ```
/// root    0 bits   32 branches
/// branch  5 bits   32 leaves
/// leaf   10 bits   64 twigs        the level whose sums every replica keeps up to date
/// twig   16 bits   records         about 15 of them in a partition of a million keys
/// ```
///
/// What a node says is the sum of its records' digests. Above the leaves it is added up, below them it is
/// computed from the rows, both on demand (Dynamo §4.7).
package struct MerkleNode: Hashable, Sendable, Comparable {
    package enum Level: Int, Sendable, CaseIterable {
        case root
        case branch
        case leaf
        case twig

        /// Bits that the hashes below a node share.
        package var bits: Int {
            switch self {
            case .root: 0
            case .branch: 5
            case .leaf: 10
            case .twig: 16
            }
        }

        /// Children of one node of this level; twigs have none.
        package var fanOut: Int {
            switch self {
            case .root, .branch: 32
            case .leaf: 64
            case .twig: 0
            }
        }

        fileprivate var below: Level { Level(rawValue: self.rawValue + 1) ?? .twig }
    }

    package static let root = MerkleNode(level: .root, prefix: 0)

    package let level: Level
    /// The bits that the hashes share, as a number below `1 << level.bits`.
    package let prefix: Int

    private init(level: Level, prefix: Int) {
        self.level = level
        self.prefix = prefix
    }

    /// - Precondition: `leaf` is in `0..<1024`.
    package init(leaf: Int) {
        precondition((0..<MerkleLeaves.count).contains(leaf), "leaf \(leaf)")
        self.init(level: .leaf, prefix: leaf)
    }

    /// The twig of a key.
    package init(twigOf hash: KeyHash) {
        self.init(level: .twig, prefix: Int(hash.rawValue >> UInt64(64 - Level.twig.bits)))
    }

    /// The node with this number.
    ///
    /// - Returns: `nil` when there is none.
    package init?(number: Int) {
        guard let level = Level.allCases.first(where: { number >> $0.bits == 1 }) else { return nil }
        self.init(level: level, prefix: number - 1 << level.bits)
    }

    /// A 1 and then the shared bits: different for all nodes of all levels.
    package var number: Int { 1 << self.level.bits | self.prefix }

    package var hashes: ClosedRange<KeyHash> {
        let freeBits = UInt64(64 - self.level.bits)
        let first = freeBits == 64 ? 0 : UInt64(self.prefix) << freeBits
        let last = freeBits == 64 ? UInt64.max : first | (1 << freeBits - 1)
        return KeyHash(rawValue: first)...KeyHash(rawValue: last)
    }

    /// Ascending; empty for a twig.
    package var children: [MerkleNode] {
        (0..<self.level.fanOut).map { index in
            MerkleNode(level: self.level.below, prefix: self.prefix * self.level.fanOut + index)
        }
    }

    package static func < (left: MerkleNode, right: MerkleNode) -> Bool {
        left.number < right.number
    }
}

extension MerkleLeaves {
    /// The sums of a node's children, in their order; `nil` for a node whose children are below the leaves.
    package func childSums(of node: MerkleNode) -> [UInt128]? {
        switch node.level {
        case .root:
            return node.children.map { self.childSums(of: $0)?.reduce(0, &+) ?? 0 }
        case .branch:
            let first = node.prefix * node.level.fanOut
            return Array(self.sums[first..<first + node.level.fanOut])
        case .leaf, .twig:
            return nil
        }
    }
}

/// What a replica holds under one key hash: enough to see that another holds the same.
package struct HashDigest: Sendable, Hashable, Comparable {
    package let hash: KeyHash
    package let digest: UInt128

    package init(hash: KeyHash, digest: UInt128) {
        self.hash = hash
        self.digest = digest
    }

    package static func < (left: HashDigest, right: HashDigest) -> Bool {
        (left.hash.rawValue, left.digest) < (right.hash.rawValue, right.digest)
    }
}

/// What the answers about Merkle nodes have in common: they read rows, so they may stop early.
package enum MerkleReading {
    /// Having read so many rows, storage answers for the nodes it has finished, at least one.
    package static let rowsMax = 2048
    /// The most nodes that one question may name.
    package static let nodesMax = 1024
    /// The most key hashes that one question may name.
    package static let hashesMax = 1024
}

extension MerkleReading {
    /// The sums below each child of the nodes, from the digests of all records: what storage answers, the plain way.
    package static func childSums(of nodes: [MerkleNode], in digests: [HashDigest]) -> [UInt128] {
        nodes.flatMap(\.children).map { child in
            digests.reduce(0) { child.hashes.contains($1.hash) ? $0 &+ $1.digest : $0 }
        }
    }
}
