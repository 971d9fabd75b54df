import QuireWire

/// A cluster's status as a person reads it: a verdict, the numbers, the members, what is staged or moving.
///
/// What is as it should be takes no line of its own: a healthy cluster at rest is a verdict and a table. What is
/// unknown is shown as `?`, never as zero.
struct StatusText {
    let status: ClusterAPI.Status

    init(_ status: ClusterAPI.Status) {
        self.status = status
    }

    /// Reasons for concern; empty for a healthy cluster.
    var concerns: [String] {
        guard self.status.clusterID != nil else { return ["the node belongs to no cluster"] }
        var concerns: [String] = []
        for member in self.status.members where !member.isUp {
            concerns.append("\(member.name) is \(Self.state(of: member).lowercased())")
        }
        for member in self.status.members {
            guard let quarantined = member.quarantinedPartitions, !quarantined.isEmpty else { continue }
            concerns.append("\(member.name) has \(quarantined.count) quarantined partitions")
        }
        for member in self.status.members {
            guard let alarm = member.layoutAlarm else { continue }
            concerns.append("\(member.name) since its start: \(alarm)")
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
        let hints = self.hintLines
        if !hints.isEmpty { sections.append(hints.joined(separator: "\n")) }
        if let tombstones = self.tombstones { sections.append(tombstones) }
        if let view = self.viewTable() {
            let asked = self.status.node.name
            sections.append("Out of reach as \(asked) sees it (other nodes may see otherwise):\n" + view)
        }
        if !self.status.staged.isEmpty {
            let lines = self.status.staged.map(Self.line(of:))
            sections.append("Staged (see `quire cluster plan`):\n" + lines.joined(separator: "\n"))
        }
        if let change = self.status.change { sections.append(Self.line(of: change)) }
        return sections.joined(separator: "\n")
    }

    /// Writes that wait for members who could not be reached.
    private var hintLines: [String] {
        self.status.members.compactMap { member in
            guard let hints = member.work?.hints, hints.held > 0 else { return nil }
            let age = hints.oldestAgeMilliseconds.map { ", oldest \(Quantity.duration(seconds: Double($0) / 1000))" }
            return "\(member.name) holds \(Quantity.count(hints.held)) hints for others "
                + "(\(Quantity.bytes(hints.heldBytes))\(age ?? ""))" + (hints.blocker.map { ": \($0)" } ?? "")
        }
    }

    /// Who the members are, what they hold, and where clients find them.
    func memberTable() -> String {
        var table = TextTable([
            ("node", .left), ("state", .left), ("zone", .left), ("tokens", .right), ("replicas", .right),
            ("records", .right), ("stored", .right), ("disk free", .right), ("layout", .right), ("proxy", .left),
        ])
        for member in self.membersByName {
            table.append([
                member.name, Self.state(of: member), member.zone, String(member.tokens),
                String(member.replicas), member.records.map(Quantity.count) ?? "?",
                member.storedBytes.map(Quantity.bytes) ?? "?", member.diskFreeBytes.map(Quantity.bytes) ?? "?",
                member.layoutVersion.map(String.init) ?? "?", member.proxy,
            ])
        }
        return table.rendered()
    }

    /// Where the members listen.
    func addressTable() -> String {
        var table = TextTable([
            ("node", .left), ("id", .left), ("state", .left), ("zone", .left), ("proxy", .left), ("peer", .left),
            ("http", .left),
        ])
        for member in self.membersByName {
            table.append([
                member.name, member.id, Self.state(of: member), member.zone, member.proxy, member.peer, member.http,
            ])
        }
        return table.rendered()
    }

    private var membersByName: [ClusterAPI.MemberStatus] { self.status.members.sorted { $0.name < $1.name } }

    /// How many deleted keys are still remembered, and for whose sake; `nil` when there is nothing to tell.
    var tombstones: String? {
        let held = self.status.members.compactMap(\.tombstones).reduce(0, +)
        let dropped = self.status.members.compactMap(\.tombstonesDropped).reduce(0, +)
        let kept = self.status.members.compactMap(\.tombstonesKept).flatMap { $0 }.sorted {
            $0.partition < $1.partition
        }
        guard held > 0 || dropped > 0 || !kept.isEmpty else { return nil }
        var lines = [
            "Tombstones: \(Quantity.count(held)) held by all replicas together, \(Quantity.count(dropped)) keys "
                + "forgotten since the nodes started"
        ]
        for entry in kept.prefix(Self.keptLinesMax) {
            lines.append(
                "  partition \(entry.partition): \(Quantity.count(entry.count)) kept, \(entry.node) \(entry.reason)"
            )
        }
        if kept.count > Self.keptLinesMax {
            lines.append("  and \(kept.count - Self.keptLinesMax) partitions more")
        }
        return lines.joined(separator: "\n")
    }

    private static let keptLinesMax = 5

    /// Since when the asked node has not reached some members, and what they had told by then; `nil` when it reaches all.
    func viewTable() -> String? {
        let now = self.status.nowMilliseconds
        var table = TextTable([
            ("node", .left), ("seen", .left), ("for", .right), ("last heard", .right), ("layout", .right),
            ("hints held", .left),
        ])
        let missed = self.membersByName.filter { !$0.isUp }
        for member in missed {
            guard let seen = member.seen else { continue }
            table.append([
                member.name, seen.state, Self.age(seen.sinceMilliseconds, now) ?? "?",
                seen.lastHeardMilliseconds.map { Self.age($0, now).map { "\($0) ago" } ?? "?" } ?? "never",
                member.told.map { "\($0.layoutVersion)" } ?? "?", Self.hints(member.told?.figures, now),
            ])
        }
        return missed.isEmpty ? nil : table.rendered()
    }

    private static func state(of member: ClusterAPI.MemberStatus) -> String {
        if member.isUp { return member.told?.figures["draining"] == 1 ? "draining" : "up" }
        return member.seen?.state == "silent" ? "SILENT" : "DOWN"
    }

    private static func age(_ milliseconds: Int, _ now: Int?) -> String? {
        now.map { Quantity.duration(seconds: Double(max(0, $0 - milliseconds)) / 1000) }
    }

    /// `3 (1.2 MiB, oldest 4m10s)`; `?` from a node that has not told.
    private static func hints(_ figures: [String: Int]?, _ now: Int?) -> String {
        guard let figures, let count = figures["hints"] else { return "?" }
        guard count > 0 else { return "0" }
        let bytes = figures["hint-bytes"].map(Quantity.bytes)
        let oldest = figures["hint-oldest-ms"].flatMap { self.age($0, now) }.map { "oldest \($0)" }
        let details = [bytes, oldest].compactMap { $0 }.joined(separator: ", ")
        return Quantity.count(count) + (details.isEmpty ? "" : " (\(details))")
    }

    /// `+ n4  zone b  join`, `- n2  zone a  leave`, `~ n3  zone c  weight 100 → 200`
    static func line(of staged: ClusterAPI.Staged) -> String {
        let sign = staged.action.hasPrefix("leave") ? "-" : staged.action.hasPrefix("join") ? "+" : "~"
        let zone = staged.zone.isEmpty ? "" : "  zone \(staged.zone)"
        return "  \(sign) \(staged.name)\(zone)  \(staged.action)"
    }

    static func line(of change: ClusterAPI.Change) -> String {
        let moved = Quantity.count(change.movedReplicas)
        let minimum = "(proven minimum \(Quantity.count(change.movedReplicasMinimum)))"
        guard change.isFinished else {
            let verb = change.kind == "planned" ? "" : change.kind == "abort" ? ", on its way back" : ", an undo"
            let figures =
                change.kind == "planned" ? "\(moved) replicas to move \(minimum)" : "\(moved) replicas to take up"
            return "Change \(change.plan)\(verb): \(change.state == "paused" ? "PAUSED, " : "")\(figures); "
                + "partitions in motion: \(change.dualWrite) dual write, \(change.readNew) read new, "
                + "\(change.draining) draining"
        }
        let copied = "\(Quantity.bytes(change.copiedBytes)) copied"
        let until = change.undoUntilMilliseconds.map { " until \(ClockText.utc($0))" } ?? ""
        let undo = change.isUndoable ? ";\n`quire cluster undo` takes it back\(until)" : ""
        switch change.kind {
        case "abort": return "Last change \(change.plan): aborted, \(copied) for the way back"
        case "undo": return "Last change \(change.plan): undone, \(copied) for the way back\(undo)"
        default: return "Last change \(change.plan): finished, \(moved) replicas moved \(minimum), \(copied)\(undo)"
        }
    }
}
