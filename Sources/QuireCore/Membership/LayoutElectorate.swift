/// Who decides one version of the layout, and how many of them it takes.
///
/// Version v+1 is decided by a majority of the voters that version v names; version 1 by all its founders, for nobody
/// has named voters yet (SAFETY rules 13 and 15).
///
/// Invariant: any two quorums of one electorate share a voter, as long as `needed` is more than half of the voters.
package struct LayoutElectorate: Hashable, Sendable {
    /// Ascending; not empty.
    package let voters: [NodeID]
    package let needed: Int

    package init(voters: [NodeID], needed: Int) {
        precondition((1...max(1, voters.count)).contains(needed), "\(needed) of \(voters.count) voters")
        self.voters = voters
        self.needed = needed
    }

    package static func majority(of voters: [NodeID]) -> LayoutElectorate {
        LayoutElectorate(voters: voters, needed: voters.count / 2 + 1)
    }

    package static func founders(_ members: [Member]) -> LayoutElectorate {
        LayoutElectorate(voters: members.map(\.id).sorted(), needed: members.count)
    }
}

extension Layout {
    /// Decides the version after this one.
    package var electorate: LayoutElectorate { .majority(of: self.voters) }
}
