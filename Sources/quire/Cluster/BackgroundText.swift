import QuireWire

/// The background work of a cluster as a person reads it: a row per member, then what stands in its way.
struct BackgroundText {
    let report: BackgroundAPI.Report

    init(_ report: BackgroundAPI.Report) {
        self.report = report
    }

    /// Whether some member that answers has not compared everything that is urgent.
    var isWaiting: Bool {
        self.report.members.contains { ($0.work?.repair.urgentPairs ?? 0) > 0 }
    }

    /// Whether every member answers and sees the peers of all its replicas.
    var isEverythingReachable: Bool {
        self.report.members.allSatisfy { $0.work?.repair.blockedPairs == 0 }
    }

    /// What keeps pairs from being compared, or hints from being delivered.
    var obstacles: [String] {
        self.report.members.flatMap { member -> [String] in
            guard let work = member.work else { return ["\(member.name) did not answer"] }
            var obstacles: [String] = []
            if work.repair.urgentPairs > 0 {
                let reason = work.repair.lastFailure.map { " (\($0))" } ?? ""
                obstacles.append("\(member.name) has \(work.repair.urgentPairs) comparisons left\(reason)")
            }
            if work.repair.blockedPairs > 0 {
                obstacles.append("\(member.name) cannot reach the peers of \(work.repair.blockedPairs) replicas")
            }
            if work.hints.held > 0, let blocker = work.hints.blocker {
                obstacles.append("\(member.name) keeps \(work.hints.held) hints (\(blocker))")
            }
            return obstacles
        }
    }

    /// - Parameter earlier: Figures that count from the nodes' start are shown as what came since then.
    func rendered(since earlier: BackgroundAPI.Report?) -> String {
        var table = TextTable([
            ("node", .left), ("hints", .right), ("oldest", .right), ("compared", .right), ("urgent", .right),
            ("repaired", .right), ("keys", .right), ("received", .right), ("share", .right), ("because", .left),
        ])
        for member in self.report.members.sorted(by: { $0.name < $1.name }) {
            let before = earlier?.members.first { $0.id == member.id }?.work?.repair
            table.append([member.name] + Self.cells(member.work, since: before))
        }
        let lines = self.obstacles.map { "  ! " + $0 }
        return ([table.rendered()] + lines).joined(separator: "\n")
    }

    private static func cells(_ work: BackgroundAPI.Work?, since before: BackgroundAPI.Repair?) -> [String] {
        guard let work else { return Array(repeating: "?", count: 8) + ["it did not answer"] }
        let since = before ?? BackgroundAPI.Repair()
        // A node that was started meanwhile counts from 0 again.
        let isSameLife = since.comparisons <= work.repair.comparisons
        let base = isSameLife ? since : BackgroundAPI.Repair()
        return [
            Quantity.count(work.hints.held),
            work.hints.oldestAgeMilliseconds.map { Quantity.duration(seconds: Double($0) / 1000) } ?? "-",
            Quantity.count(work.repair.comparisons - base.comparisons), Quantity.count(work.repair.urgentPairs),
            Quantity.count(work.repair.partitionsRepaired - base.partitionsRepaired),
            Quantity.count(work.repair.keysRepaired - base.keysRepaired),
            Quantity.bytes(work.repair.bytesReceived - base.bytesReceived),
            Quantity.decimal(work.admission.share * 100, digits: 0) + " %", work.admission.reason,
        ]
    }
}
