import QuireWire

/// A cluster's status as a person reads it: a verdict, the numbers, the members, what is staged or moving.
///
/// What is unknown is shown as `?`, never as zero.
struct StatusText {
    let status: ClusterAPI.Status

    init(_ status: ClusterAPI.Status) {
        self.status = status
    }

    /// Reasons for concern; empty for a healthy cluster.
    var concerns: [String] {
        guard self.status.clusterID != nil else { return ["the node belongs to no cluster"] }
        var concerns: [String] = []
        for member in self.status.members where !member.isUp { concerns.append("\(member.name) is down") }
        for member in self.status.members {
            guard let quarantined = member.quarantinedPartitions, !quarantined.isEmpty else { continue }
            concerns.append("\(member.name) has \(quarantined.count) quarantined partitions")
        }
        return concerns
    }

    var verdict: String {
        guard let cluster = self.status.clusterID else {
            return "node \(self.status.node.name): belongs to no cluster yet (`quire cluster init` creates one, "
                + "`quire cluster join` from a member adds this node to one)"
        }
        let up = self.status.members.count { $0.isUp }
        let health = self.concerns.isEmpty ? "HEALTHY" : "DEGRADED"
        return "cluster \(cluster.prefix(8)): \(health)  \(up)/\(self.status.members.count) nodes up, "
            + "\(self.status.partitions) partitions, N=\(self.status.replicas) R=\(self.status.readQuorum) "
            + "W=\(self.status.writeQuorum), layout \(self.status.layoutVersion)"
    }

    func rendered() -> String {
        guard self.status.clusterID != nil else { return self.verdict }
        var sections = [self.verdict]
        if !self.concerns.isEmpty { sections.append(self.concerns.map { "  ! " + $0 }.joined(separator: "\n")) }
        sections.append(self.memberTable())
        if !self.status.staged.isEmpty {
            let lines = self.status.staged.map(Self.line(of:))
            sections.append("Staged (see `quire cluster plan`):\n" + lines.joined(separator: "\n"))
        }
        if let change = self.status.change { sections.append(Self.line(of: change)) }
        return sections.joined(separator: "\n")
    }

    func memberTable() -> String {
        var table = TextTable([
            ("node", .left), ("state", .left), ("zone", .left), ("tokens", .right), ("replicas", .right),
            ("records", .right), ("stored", .right), ("disk free", .right), ("layout", .right), ("proxy", .left),
            ("peer", .left), ("http", .left),
        ])
        for member in self.status.members.sorted(by: { $0.name < $1.name }) {
            table.append([
                member.name, member.isUp ? "up" : "DOWN", member.zone, String(member.tokens),
                String(member.replicas), member.records.map(Quantity.count) ?? "?",
                member.storedBytes.map(Quantity.bytes) ?? "?", member.diskFreeBytes.map(Quantity.bytes) ?? "?",
                member.layoutVersion.map(String.init) ?? "?", member.proxy, member.peer, member.http,
            ])
        }
        return table.rendered()
    }

    /// `+ n4  zone b  join`
    static func line(of staged: ClusterAPI.Staged) -> String {
        let sign = staged.action == "leave" ? "-" : "+"
        return "  \(sign) \(staged.name)  zone \(staged.zone)  \(staged.action)"
    }

    static func line(of change: ClusterAPI.Change) -> String {
        let figures =
            "\(change.movedReplicas) replicas moved (proven minimum \(change.movedReplicasMinimum))"
        guard !change.isFinished else { return "Last change \(change.plan): finished, \(figures)" }
        return "Change \(change.plan): \(figures.replacing(" moved ", with: " to move ")); partitions in motion: "
            + "\(change.dualWrite) dual write, \(change.readNew) read new, \(change.draining) draining"
    }
}
