internal import QuireCore

extension Manifest {
    /// Every number fits a double exactly and every sum an `Int`, whatever a hostile manifest says.
    private static let countMax = 1 << 50
    private static let textBytesMax = 4096

    /// Checks every invariant of a manifest:
    ///
    /// - the cluster id is 32 hexadecimal digits; the snapshot ended no earlier than it began, and its id says when;
    /// - `quorum` has no reasons and misses fewer members than W in the whole cluster; `fuzzy` has a reason;
    /// - N is 1...7, R and W are 1...N; members are distinct and ascending;
    /// - there is exactly one entry per partition, ascending;
    /// - an object belongs to its partition, has a record, and no other partition has the same object;
    /// - a node is consulted or missing, once; nothing is reused where there is no object;
    /// - counts and texts are within bounds.
    package func validate() throws {
        try self.validateHead()
        try self.require(self.partitions.count == self.partitionCount.rawValue, "one entry per partition")
        var imageHashes: Set<ContentHash> = []
        for (index, entry) in self.partitions.enumerated() {
            let name = "partition \(index)"
            try self.require(entry.partition.rawValue == index, "\(name) in its place, found \(entry.partition)")
            try self.validate(entry, name)
            if let object = entry.object {
                try self.require(imageHashes.insert(object.imageHash).inserted, "an object of its own for \(name)")
            }
        }
        guard self.promise.level == .quorum else { return }
        let missing = Set(self.partitions.flatMap(\.missing))
        try self.require(
            missing.count < self.quorums.writeQuorumMin,
            "fewer than W = \(self.quorums.writeQuorumMin) missing members for the promise quorum, found \(missing.count)"
        )
    }

    private func validateHead() throws {
        let digits = self.clusterID.utf8
        try self.require(
            digits.count == 32 && digits.allSatisfy(Set("0123456789abcdef".utf8).contains),
            "a cluster id of 32 hexadecimal digits"
        )
        try self.require(self.beganAt <= self.endedAt, "an end that is not before the beginning")
        try self.require(self.snapshot.text.hasPrefix(self.beganAt.compact), "an id that says when it began")
        try self.require(self.parent.map { $0 != self.snapshot } ?? true, "a parent other than itself")
        let isQuorum = self.promise.level == .quorum
        try self.require(isQuorum == self.promise.reasons.isEmpty, "reasons for the promise fuzzy, and only for it")
        let quorums = self.quorums
        try self.require((1...7).contains(quorums.replicaCount), "N in 1...7, found \(quorums.replicaCount)")
        for quorum in [quorums.readQuorum, quorums.writeQuorum] {
            try self.require((1...quorums.replicaCount).contains(quorum), "R and W in 1...N, found \(quorum)")
        }
        try self.require(
            (1...quorums.writeQuorum).contains(quorums.writeQuorumMin),
            "the smallest W in 1...W, found \(quorums.writeQuorumMin)"
        )
        try self.require(Self.isAscending(self.members.map(\.id)), "members ascending by id")
        try self.require((0...Self.countMax).contains(self.layout.sizeBytes), "a layout of sensible size")
        let texts = [self.quireVersion] + self.promise.reasons + self.annotations.flatMap { [$0.key, $0.value] }
        try self.require(texts.allSatisfy { $0.utf8.count <= Self.textBytesMax }, "texts of at most 4096 bytes")
    }

    private func validate(_ entry: Partition, _ name: String) throws {
        let consulted = entry.consulted.map(\.node)
        try self.require(Self.isAscending(consulted), "consulted nodes of \(name) ascending")
        try self.require(Self.isAscending(entry.missing), "missing nodes of \(name) ascending")
        try self.require(Set(consulted).isDisjoint(with: entry.missing), "each node of \(name) consulted or missing")
        guard let object = entry.object else {
            try self.require(!entry.isReused, "nothing reused for \(name), which is empty")
            return
        }
        try self.require(object.partition == entry.partition, "an object of \(name), found \(object.partition)")
        for count in [object.imageBytes, object.storedBytes, object.recordCount] {
            try self.require((1...Self.countMax).contains(count), "sensible numbers for \(name), found \(count)")
        }
        try self.require(
            (0...object.recordCount).contains(object.liveKeyCount),
            "live keys of \(name) among its records"
        )
    }

    private func require(_ isTrue: Bool, _ rule: @autoclosure () -> String) throws {
        guard isTrue else {
            throw ArchiveError(.invalidContent, "the manifest of \(self.snapshot) needs \(rule())")
        }
    }

    private static func isAscending(_ nodes: [NodeID]) -> Bool {
        zip(nodes, nodes.dropFirst()).allSatisfy(<)
    }
}
