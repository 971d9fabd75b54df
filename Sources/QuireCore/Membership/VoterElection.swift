/// Chooses who votes on the next layout: an odd number of members, at most 7, spread over zones.
///
/// A pure function, so that every proposer elects the same. Present voters are kept where that spreads them as well.
package enum VoterElection {
    package static let votersMax = 7

    /// - Parameters:
    ///   - candidates: Members that may vote; not empty.
    ///   - current: Voters so far; those that are no candidates any more are dropped.
    /// - Returns: ascending.
    package static func voters(among candidates: [Member], keeping current: [NodeID]) -> [NodeID] {
        let count = min(Self.votersMax, candidates.count)
        var left = candidates.sorted { $0.id < $1.id }
        var perZone: [String: Int] = [:]
        var voters: [NodeID] = []
        while voters.count < count - (1 - count % 2) {
            // The zone with the fewest voters first, present voters before others, then the lowest id.
            let best = left.indices.min { one, other in
                let rank = { (member: Member) in
                    (perZone[member.zone] ?? 0, current.contains(member.id) ? 0 : 1, member.id.rawValue)
                }
                return rank(left[one]) < rank(left[other])
            }
            guard let best else { break }
            let member = left.remove(at: best)
            perZone[member.zone, default: 0] += 1
            voters.append(member.id)
        }
        return voters.sorted()
    }
}
