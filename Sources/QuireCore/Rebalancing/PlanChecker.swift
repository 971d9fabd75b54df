/// Re-verifies a committed plan on every node before it is accepted (SAFETY rule 14): an independent judge, which
/// shares no code with the planner, its flows, its balance targets, or `Layout.validate()`.
///
/// All in whole numbers, in O(Q · S).
package enum PlanChecker {
    package enum Objection: Error, Hashable, Sendable {
        case noCertificate
        case rowIncomplete(PartitionID)
        case rowRepeatsNode(PartitionID)
        case rowNamesStranger(PartitionID, NodeID)
        case zonesNotSpread(PartitionID, found: Int, possible: Int)
        case loadOutOfShare(NodeID, found: Int, least: Int, most: Int)
        case movedReplicas(stated: Int, counted: Int)
        case pricesDoNotMatchMembers
        case minimum(stated: Int, proven: Int)
        case notMinimal(moved: Int, proven: Int)
        case changeTouchesAnotherRow(PartitionID)
    }

    /// - Returns: `nil` for a step that commits no plan, and for a plan that is what it claims to be.
    package static func objection(before: Layout, after: Layout) -> Objection? {
        guard let change = after.change, change.kind == .planned, change.beganAt == after.version,
            before.change?.beganAt != after.version
        else { return nil }
        guard let certificate = change.certificate else { return .noCertificate }
        let members = after.members.filter { !after.leaving.contains($0.id) }
        let targets = after.rows.indices.map { index in
            after.moves.first { $0.partition.rawValue == index }?.to ?? after.rows[index]
        }
        do throws(Objection) {
            try self.checkRows(targets, members, after)
            let shares = Shares(of: members, in: after)
            try self.checkLoads(targets, members, shares)
            try self.checkMovement(before.rows, targets, members, shares, certificate)
        } catch {
            return error
        }
        return nil
    }

    private static func checkRows(_ rows: [[NodeID]], _ members: [Member], _ after: Layout) throws(Objection) {
        let zones = Dictionary(uniqueKeysWithValues: members.map { ($0.id, $0.zone) })
        let size = min(after.quorums.replicaCount, members.count)
        let spread = min(size, Set(zones.values).count)
        for (partition, row) in zip(after.partitionCount.partitions, rows) {
            guard row.count == size else { throw .rowIncomplete(partition) }
            guard Set(row).count == size else { throw .rowRepeatsNode(partition) }
            if let stranger = row.first(where: { zones[$0] == nil }) { throw .rowNamesStranger(partition, stranger) }
            let found = Set(row.compactMap { zones[$0] }).count
            guard found == spread else { throw .zonesNotSpread(partition, found: found, possible: spread) }
        }
    }

    private static func checkLoads(
        _ rows: [[NodeID]],
        _ members: [Member],
        _ shares: Shares
    ) throws(Objection) {
        var loads: [NodeID: Int] = [:]
        for node in rows.joined() { loads[node, default: 0] += 1 }
        for (member, share) in zip(members, shares.perNode) {
            let load = loads[member.id] ?? 0
            guard share.least <= load, load <= share.most else {
                throw .loadOutOfShare(member.id, found: load, least: share.least, most: share.most)
            }
        }
    }

    private static func checkMovement(
        _ old: [[NodeID]],
        _ new: [[NodeID]],
        _ members: [Member],
        _ shares: Shares,
        _ certificate: PlanCertificate
    ) throws(Objection) {
        let counted = zip(old, new).reduce(0) { sum, rows in sum + rows.1.count { !rows.0.contains($0) } }
        guard counted == certificate.movedReplicas else {
            throw .movedReplicas(stated: certificate.movedReplicas, counted: counted)
        }
        // What a replica is worth cannot be more than all partitions; greater numbers would only overflow.
        let worth = -8 * new.count...8 * new.count
        guard certificate.prices.count == members.count, certificate.prices.allSatisfy(worth.contains) else {
            throw .pricesDoNotMatchMembers
        }
        let proven = shares.bound(old, members, certificate.prices)
        guard proven == certificate.movedReplicasMinimum else {
            throw .minimum(stated: certificate.movedReplicasMinimum, proven: proven)
        }
        guard counted == proven else { throw .notMinimal(moved: counted, proven: proven) }
    }
}

/// What each node and each zone must have, worked out anew.
///
/// Shares go by weight; what breaks a bound is fixed at it, and the rest is shared anew: a node holds at most every
/// partition, a zone at most one replica of each, or at least one where there are fewer zones than replicas.
private struct Shares {
    struct Share {
        var least: Int
        var most: Int

        init(_ numerator: Int, over denominator: Int) {
            self.least = numerator / denominator
            self.most = self.least + (numerator % denominator == 0 ? 0 : 1)
        }
    }

    private let rowSize: Int
    private let isAtMostOnePerZone: Bool
    /// Zones with exactly one replica of each partition, nodes that hold all apart; and nodes that hold all.
    private var bound: Set<String> = []
    private var full: Set<NodeID> = []
    private(set) var perNode: [Share] = []

    init(of members: [Member], in layout: Layout) {
        let q = layout.partitionCount.rawValue
        let zones = Set(members.map(\.zone))
        self.rowSize = min(layout.quorums.replicaCount, members.count)
        self.isAtMostOnePerZone = zones.count >= self.rowSize
        var left = 0
        var weight = 1
        var isSettled = false
        while !isSettled {
            let free = members.filter { !self.bound.contains($0.zone) && !self.full.contains($0.id) }
            left = q * (self.rowSize - self.bound.count - self.full.count)
            weight = max(1, free.reduce(0) { $0 + $1.weight })
            let filled = free.filter { $0.weight * left > q * weight }.map(\.id)
            if !filled.isEmpty {
                self.full.formUnion(filled)
                continue
            }
            let broken = zones.filter { zone in
                let shared = free.reduce(0) { $0 + ($1.zone == zone ? $1.weight * left : 0) }
                let total = shared + members.count { $0.zone == zone && self.full.contains($0.id) } * q * weight
                guard !self.bound.contains(zone) else { return false }
                return self.isAtMostOnePerZone ? total > q * weight : total < q * weight
            }
            if !broken.isEmpty { self.full = [] }
            self.bound.formUnion(broken)
            isSettled = broken.isEmpty
        }
        self.perNode = members.map { member in
            if self.full.contains(member.id) { return Share(q, over: 1) }
            guard self.bound.contains(member.zone) else { return Share(member.weight * left, over: weight) }
            let all = members.reduce(0) { $0 + ($1.zone == member.zone ? $1.weight : 0) }
            return Share(member.weight * q, over: all)
        }
    }

    /// See `PlanCertificate`. Nodes that hold every partition are in every row, whatever their price.
    func bound(_ old: [[NodeID]], _ members: [Member], _ prices: [Int]) -> Int {
        let open = members.indices.filter { !self.full.contains(members[$0].id) }
        let zones = Dictionary(grouping: open) { members[$0].zone }.sorted { $0.key < $1.key }.map { zone, nodes in
            (places: self.places(in: zone, of: nodes.count, members), nodes: nodes.sorted { prices[$0] > prices[$1] })
        }
        var sum = open.reduce(0) { sum, node in
            let share = self.perNode[node]
            return sum + min(prices[node] * share.least, prices[node] * share.most)
        }
        let numbers = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.id, $0) })
        for row in old {
            let held = Set(row.compactMap { numbers[$0] })
            sum += self.full.count { node in !row.contains(node) }
            var others: [Int] = []
            var places = self.rowSize - self.full.count
            for zone in zones {
                var candidates = zone.nodes.filter(held.contains).map { -prices[$0] }
                let most = min(zone.places.upperBound, self.rowSize)
                candidates += zone.nodes.lazy.filter { !held.contains($0) }.prefix(most).map { 1 - prices[$0] }
                candidates.sort()
                sum += candidates.prefix(zone.places.lowerBound).reduce(0, +)
                places -= zone.places.lowerBound
                others += candidates.prefix(zone.places.upperBound).dropFirst(zone.places.lowerBound)
            }
            sum += others.sorted().prefix(max(0, places)).reduce(0, +)
        }
        return sum
    }

    /// How many of a row's nodes the zone may have, nodes that hold everything apart.
    private func places(in zone: String, of count: Int, _ members: [Member]) -> ClosedRange<Int> {
        if self.bound.contains(zone) { return 1...1 }
        if self.isAtMostOnePerZone { return 0...1 }
        return (members.contains { $0.zone == zone && self.full.contains($0.id) } ? 0 : 1)...count
    }
}
