/// What this node knows of every node of its cluster, reconciled with one partner at a time (Dynamo §4.8.1).
///
/// An exchange has three messages. The asker says which entries it has, as stamps (`digests`). The partner answers
/// with the entries that the asker lacks or has older, and with the nodes of which it lacks the asker's entries
/// (`answer`). The asker takes the first and sends the second (`told`, `entries(of:)`). The newest stamp wins.
///
/// Entries tell where a node is and what it says of itself. They never make anyone a member and never take
/// anyone's membership: only the layout log does.
///
/// Invariants: this node alone writes its own entry; there are entries only of nodes that are expected.
package struct GossipState: Sendable {
    /// What one message carries at most; the rest comes with later exchanges.
    package static let entriesPerMessageMax = 256
    /// One for each member of the largest cluster, and as many for the staged and the seeds.
    package static let entriesMax = 8192

    package private(set) var own: GossipEntry
    private var others: [NodeID: GossipEntry] = [:]
    private var expected: Set<NodeID> = []

    /// - Parameters:
    ///   - member: This node with the endpoints at which it listens.
    ///   - incarnation: Greater than in any earlier start. One that is not, because a clock went back or an old
    ///     copy of the data directory was started, is raised as soon as a partner knows of a greater one.
    package init(member: Member, incarnation: Int) {
        let incarnation = min(max(0, incarnation), GossipEntry.numberMax)
        self.own = GossipEntry(member: member, stamp: .init(incarnation: incarnation, version: 1))
    }

    /// All that is known, ascending by node.
    package var entries: [GossipEntry] {
        (Array(self.others.values) + [self.own]).sorted { $0.node < $1.node }
    }

    package func entry(of node: NodeID) -> GossipEntry? {
        node == self.own.node ? self.own : self.others[node]
    }

    // MARK: What this node says of itself

    package mutating func layoutAdopted(_ version: LayoutVersion) {
        guard self.own.layoutVersion != version else { return }
        self.own.layoutVersion = version
        self.ownEntryChanged()
    }

    package mutating func figuresMeasured(_ figures: GossipFigures) {
        guard self.own.figures != figures else { return }
        self.own.figures = figures
        self.ownEntryChanged()
    }

    private mutating func ownEntryChanged() {
        let stamp = self.own.stamp
        guard stamp.version < GossipEntry.numberMax else { return self.overtake(stamp) }
        self.own.stamp = .init(incarnation: stamp.incarnation, version: stamp.version + 1)
    }

    /// Someone knows an entry of this node that is not older than its own, and only this node knows the truth.
    private mutating func overtake(_ stamp: GossipEntry.Stamp) {
        guard stamp.incarnation < GossipEntry.numberMax else { return }
        self.own.stamp = .init(incarnation: stamp.incarnation + 1, version: 1)
    }

    // MARK: Whom it concerns

    /// Members, staged nodes and seeds; entries of all others are dropped and no longer taken.
    package mutating func expect(_ nodes: Set<NodeID>) {
        let others = nodes.subtracting([self.own.node])
        self.expected = Set(others.sorted().prefix(Self.entriesMax))
        self.others = self.others.filter { self.expected.contains($0.key) }
    }

    // MARK: Exchanges

    /// Begins an exchange.
    package var digests: [GossipDigest] { self.entries.map(\.digest) }

    /// A partner has begun an exchange.
    ///
    /// - Returns: What it lacks, and of whom it knows something newer.
    package mutating func answer(to digests: [GossipDigest]) -> (entries: [GossipEntry], wanted: [NodeID]) {
        var theirs: [NodeID: GossipEntry.Stamp] = [:]
        for digest in digests {
            theirs[digest.node] = max(digest.stamp, theirs[digest.node] ?? digest.stamp)
        }
        if let stamp = theirs[self.own.node], stamp > self.own.stamp {
            self.overtake(stamp)
        }
        let lacking = self.entries.filter { entry in theirs[entry.node].map { $0 < entry.stamp } ?? true }
        let wanted = theirs.filter { node, stamp in
            self.expected.contains(node) && (self.others[node].map { $0.stamp < stamp } ?? true)
        }
        return (
            Array(lacking.prefix(Self.entriesPerMessageMax)),
            Array(wanted.keys.sorted().prefix(Self.entriesPerMessageMax))
        )
    }

    /// - Returns: The nodes of which something newer is known now, ascending.
    package mutating func told(_ entries: [GossipEntry]) -> [NodeID] {
        var changed: Set<NodeID> = []
        for entry in entries.prefix(Self.entriesPerMessageMax) {
            if entry.node == self.own.node {
                let isForeign = entry.stamp > self.own.stamp || (entry.stamp == self.own.stamp && entry != self.own)
                if isForeign { self.overtake(entry.stamp) }
                continue
            }
            guard self.expected.contains(entry.node), entry.isBounded else { continue }
            if let known = self.others[entry.node], known.stamp >= entry.stamp { continue }
            self.others[entry.node] = entry
            changed.insert(entry.node)
        }
        return changed.sorted()
    }

    /// What a partner has asked for, as far as it is known.
    package func entries(of wanted: [NodeID]) -> [GossipEntry] {
        Set(wanted).sorted().prefix(Self.entriesPerMessageMax).compactMap { self.entry(of: $0) }
    }
}
