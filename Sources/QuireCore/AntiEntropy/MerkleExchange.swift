/// Finds the keys in which this node's replica of a partition lacks something that a peer's has, and merges the
/// peer's records of exactly those keys (Dynamo §4.7).
///
/// It descends the Merkle tree: of each node that differs it compares the children; of each twig that differs it
/// compares the digests of the single records; then it reads the records of the keys that differ, merges them
/// durably, and goes on. So the cost follows the difference: five round trips and some kilobytes for a few keys among
/// a million, one round trip for equal replicas. It works depth first, in bounded batches, so that its memory is
/// bounded however much differs.
///
/// Equal sums are the shortcut, not the condition: live writes go on meanwhile on both sides. What the peer held when
/// the exchange began is never missed, because records only grow. Records that only this replica has are left
/// alone: the peer pulls them by an exchange of its own.
///
/// Every request may be answered in part, for the first nodes only; the rest is asked again.
package struct MerkleExchange: Sendable {
    package enum Action: Equatable, Sendable {
        case ask(PeerMessage)
        case store(StorageCommand)
        case finish
        case fail(String)
    }

    package enum Answer: Sendable {
        case peer(PeerMessage)
        case storage(StorageOutcome)
        case unreachable(String)
    }

    /// Storage's share of a slice is small: the most nodes and keys asked for at once.
    private static let nodesMax = 32
    private static let twigsMax = 128
    private static let limit = PageLimit(records: 1000)

    private enum State {
        case readingPeerSums([MerkleNode])
        case readingOwnSums([MerkleNode], theirs: [UInt128])
        case readingPeerDigests([MerkleNode])
        case readingOwnDigests([MerkleNode], theirs: [HashDigest])
        /// The keys asked for, ascending; `nil` for a whole leaf.
        case readingRecords([KeyHash]?)
        case merging(next: ScanPosition?)
        case over
    }

    package let partition: PartitionID
    /// Keys whose records were asked for because their digests differed.
    package private(set) var differingKeys = 0
    /// Records that the peer sent and that were merged.
    package private(set) var receivedRecords = 0
    /// Leaves of which anything below their sum was looked at.
    package private(set) var touchedLeaves: Set<Int> = []

    /// Nodes that differ and are not twigs; the deepest last, siblings descending, so that the last is next.
    private var nodes: [MerkleNode] = []
    /// Leaves of which this replica has nothing, so that digests would be wasted on them.
    private var bareLeaves: [MerkleNode] = []
    /// Ascending.
    private var twigs: [MerkleNode] = []
    /// Ascending.
    private var wanted: [KeyHash] = []
    private var position: ScanPosition?
    private var state = State.over

    package init(partition: PartitionID) {
        self.partition = partition
    }

    package mutating func start() -> Action {
        self.nodes = [.root]
        return self.next()
    }

    package mutating func answered(_ answer: Answer) -> Action {
        switch answer {
        case .unreachable(let reason): return self.end(.fail(reason))
        case .storage(.failed(let failure)): return self.end(.fail("own storage: \(failure)"))
        case .peer(.failed(let reason)): return self.end(.fail("the peer: \(reason)"))
        case .peer(let message): return self.peerAnswered(message)
        case .storage(let outcome): return self.storageAnswered(outcome)
        }
    }

    private mutating func peerAnswered(_ message: PeerMessage) -> Action {
        switch (self.state, message) {
        case (.readingPeerSums(let nodes), .sums(let sums)):
            guard let covered = Self.covered(nodes, sums) else { break }
            self.state = .readingOwnSums(covered, theirs: sums)
            return .store(.sums(.replica(self.partition), covered))
        case (.readingPeerDigests(let nodes), .digests(let digests, let covered)):
            guard (1...nodes.count).contains(covered) else { break }
            let nodes = Array(nodes.prefix(covered))
            guard Self.areSorted(digests, within: nodes) else { break }
            guard !digests.isEmpty else { return self.finishedTwigs(nodes) }
            self.state = .readingOwnDigests(nodes, theirs: digests)
            return .store(.digests(.replica(self.partition), nodes))
        case (.readingRecords(let hashes), .page(let entries, let isLast)):
            return self.received(entries, isLast: isLast, asked: hashes)
        default:
            break
        }
        return self.end(.fail("unexpected answer of a peer: \(String(describing: message).prefix(80))"))
    }

    private mutating func storageAnswered(_ outcome: StorageOutcome) -> Action {
        switch (self.state, outcome) {
        case (.readingOwnSums(let nodes, let theirs), .sums(let own)):
            guard let covered = Self.covered(nodes, own) else { break }
            return self.compare(covered, theirs, own)
        case (.readingOwnDigests(let nodes, let theirs), .digests(let own, let covered)):
            guard (1...nodes.count).contains(covered) else { break }
            return self.compare(Array(nodes.prefix(covered)), theirs, own)
        case (.merging(let next), .durable):
            self.position = next
            return self.next()
        default:
            break
        }
        return self.end(.fail("unexpected answer of storage: \(String(describing: outcome).prefix(80))"))
    }

    // MARK: Comparing

    /// - Returns: The nodes to which the sums belong; `nil` when they belong to none.
    private static func covered(_ nodes: [MerkleNode], _ sums: [UInt128]) -> [MerkleNode]? {
        let fanOut = nodes.first?.level.fanOut ?? 1
        guard !sums.isEmpty, sums.count % fanOut == 0, sums.count / fanOut <= nodes.count else { return nil }
        return Array(nodes.prefix(sums.count / fanOut))
    }

    /// Whether the digests are in order and each belongs to one of the nodes.
    private static func areSorted(_ digests: [HashDigest], within nodes: [MerkleNode]) -> Bool {
        var rest = nodes[...]
        var last: HashDigest?
        for digest in digests {
            if let last, digest < last { return false }
            last = digest
            while let node = rest.first, node.hashes.upperBound < digest.hash { rest.removeFirst() }
            guard let node = rest.first, node.hashes.contains(digest.hash) else { return false }
        }
        return true
    }

    /// Both sides' sums of the children of some nodes are known.
    private mutating func compare(_ compared: [MerkleNode], _ theirs: [UInt128], _ own: [UInt128]) -> Action {
        self.nodes.removeLast(compared.count)
        var differing: [MerkleNode] = []
        for (index, child) in compared.flatMap(\.children).enumerated() {
            // A sum of 0: the peer has nothing there.
            guard theirs[index] != own[index], theirs[index] != 0 else { continue }
            if child.level == .leaf, own[index] == 0 {
                self.bareLeaves.append(child)
            } else {
                differing.append(child)
            }
        }
        if compared.first?.level == .leaf {
            self.touchedLeaves.formUnion(compared.map(\.prefix))
            self.twigs += differing
        } else {
            self.nodes += differing.reversed()
        }
        return self.next()
    }

    /// Both sides' digests of the records of some twigs are known.
    private mutating func compare(_ compared: [MerkleNode], _ theirs: [HashDigest], _ own: [HashDigest]) -> Action {
        guard let last = compared.last?.hashes.upperBound else { return self.next() }
        let known = Set(own)
        for digest in theirs where digest.hash <= last && !known.contains(digest) && self.wanted.last != digest.hash {
            self.wanted.append(digest.hash)
            self.differingKeys += 1
        }
        return self.finishedTwigs(compared)
    }

    private mutating func finishedTwigs(_ finished: [MerkleNode]) -> Action {
        self.twigs.removeFirst(finished.count)
        return self.next()
    }

    // MARK: Records

    private mutating func received(_ entries: [KeyedRecord], isLast: Bool, asked: [KeyHash]?) -> Action {
        guard self.wereAsked(entries, asked), !entries.isEmpty || isLast else {
            return self.end(.fail("the peer sent records that nobody asked for"))
        }
        let next = isLast ? nil : entries.last.map { ScanPosition(key: $0.key) }
        if let asked {
            if let next {
                self.wanted.removeAll { $0 <= next.hash }
            } else {
                self.wanted.removeFirst(asked.count)
            }
        } else if next == nil {
            self.bareLeaves.removeFirst()
        }
        guard !entries.isEmpty else {
            self.position = nil
            return self.next()
        }
        self.receivedRecords += entries.count
        self.state = .merging(next: asked == nil ? next : nil)
        return .store(.mergeBatch(.replica(self.partition), entries))
    }

    private func wereAsked(_ entries: [KeyedRecord], _ asked: [KeyHash]?) -> Bool {
        if let asked {
            let hashes = Set(asked)
            return entries.allSatisfy { hashes.contains($0.key.hash) }
        }
        guard let leaf = self.bareLeaves.first else { return false }
        return entries.allSatisfy { MerkleLeaves.leaf(of: $0.key.hash) == leaf.prefix }
    }

    // MARK: Going on

    /// The deepest work first.
    private mutating func next() -> Action {
        if !self.wanted.isEmpty {
            let hashes = Array(self.wanted.prefix(Self.limit.records))
            self.state = .readingRecords(hashes)
            return .ask(.readRecords(self.partition, hashes, limit: Self.limit))
        }
        if let leaf = self.bareLeaves.first {
            self.touchedLeaves.insert(leaf.prefix)
            self.state = .readingRecords(nil)
            let position = self.position
            return .ask(.leafEntries(self.partition, leaf: leaf.prefix, after: position, limit: Self.limit))
        }
        if !self.twigs.isEmpty {
            let twigs = Array(self.twigs.prefix(Self.twigsMax))
            self.state = .readingPeerDigests(twigs)
            return .ask(.readDigests(self.partition, twigs))
        }
        guard let level = self.nodes.last?.level else { return self.end(.finish) }
        let nodes = Array(self.nodes.reversed().prefix(Self.nodesMax).prefix { $0.level == level })
        self.state = .readingPeerSums(nodes)
        return .ask(.readSums(self.partition, nodes))
    }

    private mutating func end(_ action: Action) -> Action {
        self.state = .over
        return action
    }
}
