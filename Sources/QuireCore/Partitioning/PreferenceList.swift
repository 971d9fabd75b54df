/// Ranks nodes for a partition by hashing both (rendezvous): every node computes the same order, and one node's
/// coming or going never changes the order of the others.
enum Rendezvous {
    /// Uniform over 64 bits and fixed for ever; ties are impossible for one partition since the mix is a bijection.
    static func weight(of node: NodeID, for partition: Int) -> UInt64 {
        self.mix(node.rawValue ^ self.mix(UInt64(truncatingIfNeeded: partition)))
    }

    /// The finalizer of SplitMix64.
    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Who may take a partition's writes, best first (Dynamo §4.3: "the preference list contains more than N nodes").
package enum PreferenceList {
    /// The replicas that answer reads, then every other member as a stand-in for one that is unreachable (§4.6).
    ///
    /// Members that are leaving stand in for nobody: they would have to deliver it before they go (SAFETY rule 8).
    /// Stand-ins come in rendezvous order, those first whose zone no one before them has, so that the holder of a
    /// hint and the replica it stands in for seldom fail together.
    package static func fallback(for partition: PartitionID, in layout: Layout) -> [NodeID] {
        var list = layout.readRow(of: partition)
        var zones = Set(list.compactMap { layout.member($0)?.zone })
        let leaving = layout.leaving
        var others = layout.members.filter { !list.contains($0.id) && !leaving.contains($0.id) }
        others.sort {
            Rendezvous.weight(of: $0.id, for: partition.rawValue)
                > Rendezvous.weight(of: $1.id, for: partition.rawValue)
        }
        while !others.isEmpty {
            if !others.contains(where: { !zones.contains($0.zone) }) {
                // Every zone that is left has had its turn.
                zones.removeAll()
            }
            let index = others.firstIndex { !zones.contains($0.zone) } ?? others.startIndex
            let member = others.remove(at: index)
            zones.insert(member.zone)
            list.append(member.id)
        }
        return list
    }
}
