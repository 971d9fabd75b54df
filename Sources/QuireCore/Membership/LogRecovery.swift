/// Why the layout log is not recovered. Nothing was changed.
package enum RecoveryRefusal: Error, Hashable, Sendable {
    /// This node is no member, or is one of those given as lost.
    case notASurvivor
    /// No member is given as lost, or these are none.
    case unknownNodes([NodeID])
    /// These are given as lost, and answer.
    case lostAreReachable([NodeID])
    /// These voters are not lost and are a majority: the log is alive, or will be when they can be reached.
    case logIsAlive(voters: [NodeID], needed: Int)
    /// These are neither given as lost nor within reach: they may know more than the reachable ones.
    case unaccounted([NodeID])
    case alreadyRunning
    case tooManyRecoveries
    case invalid(LayoutViolation)
}

/// Begins a new life of the layout log on one survivor, when the majority of the voters will not come back.
///
/// It needs no votes, so it may be done on one node only, by a person who knows that the lost nodes are gone. What they
/// had decided and told no survivor is lost. So: members given as lost must be out of reach; those not given as lost must
/// be too few voters to decide anything; and all others must be reachable, and know no newer layout than this node, which
/// adopts it first. In the recovered layout only the voters and the version change; lost members are
/// replaced, or leave, by an ordinary change afterwards.
///
/// Whoever knows decided layouts beyond the one that is continued refuses the new life, and is refused by it
/// (`LayoutLineage`, SAFETY rule 14).
package struct LogRecovery: Hashable, Sendable {
    /// Links to members come up by then, if they do at all.
    package static let patience = Duration.seconds(3)

    package let lost: [NodeID]
    /// 16 hexadecimal digits, drawn at random.
    package let lineageID: String
    /// What reachable survivors have said since it began.
    private var versions: [NodeID: LayoutVersion] = [:]

    package init(lost: [NodeID], lineageID: String) {
        self.lost = Set(lost).sorted()
        self.lineageID = lineageID
    }

    package mutating func told(by node: NodeID, _ version: LayoutVersion) {
        self.versions[node] = version
    }

    /// Members of whom nobody says what has become of them; ascending.
    package func unaccounted(_ layout: Layout, node: NodeID, connected: Set<NodeID>) -> [NodeID] {
        layout.members.map(\.id).filter { $0 != node && !connected.contains($0) && !self.lost.contains($0) }
    }

    /// Reachable members that have not said what they know, or know more than `layout`; ascending.
    package func awaited(_ layout: Layout, node: NodeID, connected: Set<NodeID>) -> [NodeID] {
        self.survivors(layout, node: node, connected: connected).map(\.id).filter { survivor in
            survivor != node && self.versions[survivor].map { $0 > layout.version } ?? true
        }
    }

    package func check(_ layout: Layout, node: NodeID, connected: Set<NodeID>) throws(RecoveryRefusal) {
        guard layout.member(node) != nil, !self.lost.contains(node) else { throw .notASurvivor }
        let strangers = self.lost.filter { layout.member($0) == nil }
        guard !self.lost.isEmpty, strangers.isEmpty else { throw .unknownNodes(strangers) }
        let reachable = self.lost.filter(connected.contains)
        guard reachable.isEmpty else { throw .lostAreReachable(reachable) }
        let voters = layout.voters.filter { !self.lost.contains($0) }
        guard voters.count < layout.electorate.needed else {
            throw .logIsAlive(voters: voters, needed: layout.electorate.needed)
        }
        guard layout.lineage.number < LayoutLineage.recoveriesMax else { throw .tooManyRecoveries }
    }

    /// The first layout of the new life.
    package func recovered(
        _ layout: Layout,
        node: NodeID,
        connected: Set<NodeID>
    ) throws(RecoveryRefusal) -> Layout {
        try self.check(layout, node: node, connected: connected)
        var next = layout
        next.lineage = layout.lineage.recovering(id: self.lineageID, base: layout.version)
        next.version = next.lineage.firstVersion
        let survivors = self.survivors(layout, node: node, connected: connected)
        next.voters = VoterElection.voters(among: survivors, keeping: layout.voters)
        do {
            try next.validate()
        } catch {
            throw .invalid(error)
        }
        return next
    }

    private func survivors(_ layout: Layout, node: NodeID, connected: Set<NodeID>) -> [Member] {
        layout.members.filter { member in
            !self.lost.contains(member.id) && (member.id == node || connected.contains(member.id))
        }
    }
}
