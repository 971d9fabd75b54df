import QuireCore

/// Answers the questions of replicas that compare themselves, and of those that offer hints.
extension ShardCore {
    /// The sums below each child of the nodes, for as many nodes as few enough rows allow.
    func sums(of nodes: [MerkleNode], in state: StoreState) throws -> StorageOutcome {
        guard nodes.first?.level == .leaf else {
            let leaves = try self.liveLeaves(of: state)
            return .sums(nodes.flatMap { leaves.childSums(of: $0) ?? [] })
        }
        var sums: [UInt128] = []
        _ = try self.readDigests(below: nodes, in: state) { node, digests in
            var children = [UInt128](repeating: 0, count: node.level.fanOut)
            let first = node.children[0].prefix
            for digest in digests {
                children[MerkleNode(twigOf: digest.hash).prefix - first] &+= digest.digest
            }
            sums += children
        }
        return .sums(sums)
    }

    func digests(of nodes: [MerkleNode], in state: StoreState) throws -> StorageOutcome {
        var all: [HashDigest] = []
        let covered = try self.readDigests(below: nodes, in: state) { all += $1 }
        return .digests(all, covered: covered)
    }

    func records(of hashes: [KeyHash], limit: PageLimit, in state: StoreState) throws -> StorageOutcome {
        try self.flush(state)
        guard let file = try self.file(of: state) else { return .page([], isLast: true) }
        let page = try file.records(of: hashes, limit: limit)
        return .page(page.records, isLast: page.isLast)
    }

    /// Indexes of the records that are not stored here just so.
    func lacking(_ digests: [KeyDigest], in state: StoreState) throws -> [Int] {
        try digests.indices.filter { index in
            let asked = digests[index]
            if state.buffer[asked.key] != nil {
                return try self.entry(of: asked.key, in: state).digest(self.configuration.digester) != asked.digest
            }
            guard let row = try self.file(of: state)?.row(of: asked.key, hash: asked.key.hash) else { return true }
            return self.configuration.digester.digest(key: asked.key, encodedRecord: row.encoded) != asked.digest
        }
    }

    /// Calls `body` with each node and the digests below it, ascending, until enough rows were read.
    ///
    /// - Returns: How many nodes that were, at least one.
    private func readDigests(
        below nodes: [MerkleNode],
        in state: StoreState,
        _ body: (MerkleNode, [HashDigest]) -> Void
    ) throws -> Int {
        try self.flush(state)
        let file = try self.file(of: state)
        var rows = 0
        for (index, node) in nodes.enumerated() {
            guard index == 0 || rows < MerkleReading.rowsMax else { return index }
            let digests = try file?.digests(within: node.hashes, self.configuration.digester) ?? []
            rows += digests.count
            body(node, digests)
        }
        return nodes.count
    }
}
