/// A node to which a link is kept, and the addresses at which it may be, likeliest first; not empty.
package struct PeerTarget: Hashable, Sendable {
    package let id: NodeID
    package let endpoints: [Endpoint]

    package init(id: NodeID, endpoints: [Endpoint]) {
        self.id = id
        self.endpoints = endpoints
    }
}

/// Gossip: every second an exchange with a random node, and seeds (Dynamo §4.8.1, §4.8.2).
///
/// It finds nodes where they are now and tells operators what they say of themselves. Layouts spread by it as decided
/// bytes, and it changes none.
extension ControlCore {
    /// A seed is a partner in every so manieth round, whoever else there is.
    private static let roundsPerSeedRound = 10

    /// What is known of every node, this one included.
    package var knownNodes: [GossipEntry] { self.gossipState.entries }

    /// How this node sees another, by its own traffic.
    ///
    /// - Parameter lastReceived: When anything came on the link to it, which may be more than this core has seen.
    package func view(of node: NodeID, at now: Duration, lastReceived: Duration? = nil) -> PeerView {
        self.peerWatch.view(of: node, at: now, lastReceived: lastReceived)
    }

    // MARK: Exchanges

    /// An unreachable partner costs its round and nothing else; it is brought up to date when its link is back.
    mutating func gossipWithSomeone(into effects: inout [Effect]) {
        self.gossipRound += 1
        let partners = self.connected.union(self.targets.map(\.id)).sorted()
        if let partner = partners.randomElement(using: &self.generator) {
            self.gossip(with: partner, into: &effects)
        }
        guard self.gossipRound % Self.roundsPerSeedRound == 0 else { return }
        let seeds = self.seedBook.nodes.filter { self.connected.contains($0) }
        if let seed = seeds.randomElement(using: &self.generator) {
            self.gossip(with: seed, into: &effects)
        }
    }

    mutating func gossip(with node: NodeID, into effects: inout [Effect]) {
        self.peerWatch.gossiped(with: node, at: self.now)
        let version = self.acceptor.state.decidedVersion
        self.ask(node, .gossipDigests(version, self.gossipState.digests), for: .gossip, into: &effects)
    }

    /// One who belongs to no cluster learns of this node and of nobody else.
    mutating func answer(to digests: [GossipDigest], _ version: LayoutVersion) -> ControlMessage {
        var (entries, wanted) = self.gossipState.answer(to: digests)
        if version == .none {
            entries = entries.filter { $0.node == self.node }
        }
        return .gossipDifference(self.acceptor.state.decidedVersion, entries: entries, wanted: wanted)
    }

    mutating func answerDifference(
        of node: NodeID,
        _ version: LayoutVersion,
        wanted: [NodeID],
        into effects: inout [Effect]
    ) {
        let own = self.acceptor.state.decidedVersion
        let entries = self.gossipState.entries(of: version == .none ? wanted.filter { $0 == self.node } : wanted)
        if !entries.isEmpty {
            self.ask(node, .gossipEntries(entries), for: .decided, into: &effects)
        }
        if version > own, own > .none {
            self.ask(node, .gossip(own), for: .gossip, into: &effects)
        } else if version < own {
            self.sendDecided(to: node, ifOlder: version, into: &effects)
        }
    }

    mutating func told(_ entries: [GossipEntry], into effects: inout [Effect]) {
        let before = self.targets
        guard !self.gossipState.told(entries).isEmpty else { return }
        self.aimLinks(into: &effects)
        if self.targets != before {
            effects.append(.remember(self.gossipState.entries.filter { $0.node != self.node }))
        }
    }

    // MARK: Seeds

    /// Seeds are looked for while anybody is missing, and looked at from time to time when nobody is.
    mutating func askSeeds(into effects: inout [Effect]) {
        let others = self.layout?.members.map(\.id).filter { $0 != self.node } ?? []
        let isSearching = self.layout == nil || !others.allSatisfy { self.connected.contains($0) }
        effects += self.seedBook.due(at: self.now, isSearching: isSearching).map { .identify($0) }
    }

    mutating func seedIdentified(
        _ endpoint: Endpoint,
        _ member: Member,
        _ clusterID: String?,
        into effects: inout [Effect]
    ) {
        let isOurs = clusterID == nil || self.layout == nil || clusterID == self.layout?.clusterID
        let isUsed = member.id != self.node && isOurs
        self.seedAnswered(endpoint, isUsed ? .member(member) : .refusal, into: &effects)
    }

    mutating func seedAnswered(_ endpoint: Endpoint, _ answer: SeedBook.Answer, into effects: inout [Effect]) {
        if self.seedBook.answered(endpoint, answer, at: self.now) {
            self.aimLinks(into: &effects)
        }
    }

    // MARK: Links

    /// Links go to members, to those that are staged to join, and to seeds.
    mutating func aimLinks(into effects: inout [Effect]) {
        var known: [NodeID: Endpoint?] = [:]
        for node in self.seedBook.nodes { known.updateValue(nil, forKey: node) }
        for member in (self.layout?.staged ?? []).compactMap(\.joiner) { known[member.id] = member.peer }
        for member in self.layout?.members ?? [] { known[member.id] = member.peer }
        known[self.node] = nil
        self.gossipState.expect(Set(known.keys))
        self.peerWatch.forget(allBut: Set(known.keys))
        let targets = known.keys.sorted().map { node in
            PeerTarget(id: node, endpoints: self.endpoints(of: node, inLayout: known[node] ?? nil))
        }
        guard targets != self.targets else { return }
        self.targets = targets
        effects.append(.link(targets))
    }

    /// What the node says itself comes first, then where a seed was found to be it, then where it was when it joined.
    private func endpoints(of node: NodeID, inLayout layoutEndpoint: Endpoint?) -> [Endpoint] {
        let gossiped = self.gossipState.entry(of: node)?.member.peer
        var endpoints: [Endpoint] = []
        for endpoint in [gossiped].compactMap({ $0 }) + self.seedBook.endpoints(of: node)
            + [layoutEndpoint].compactMap({ $0 }) where !endpoints.contains(endpoint)
        {
            endpoints.append(endpoint)
        }
        return endpoints
    }
}
