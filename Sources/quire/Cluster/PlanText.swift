import QuireWire

/// A plan as a table, with the exact commands that come next.
struct PlanText {
    let plan: ClusterAPI.Plan
    /// `--node` as it was given, to be repeated in the commands.
    let node: String?

    init(_ plan: ClusterAPI.Plan, node: String?) {
        self.plan = plan
        self.node = node
    }

    static func nodeOption(_ node: String?) -> String {
        node.map { " --node \($0)" } ?? ""
    }

    func rendered() -> String {
        guard !self.plan.staged.isEmpty else {
            return "Nothing is staged (layout \(self.plan.layoutVersion)): "
                + "stage with `quire cluster join HOST:PORT` or `quire cluster leave NAME`."
        }
        let option = Self.nodeOption(self.node)
        var lines = ["Plan \(self.plan.plan)  based on layout \(self.plan.layoutVersion)  (expires when it changes)"]
        lines += self.plan.staged.map(StatusText.line(of:))
        lines += ["", self.table(), "", self.summary]
        lines +=
            [self.time, self.disks, self.busiestLinks].compactMap { $0 } + (self.plan.safety.map(Self.lines(of:)) ?? [])
        if !self.plan.saturatedZones.isEmpty {
            lines.append("zones that hold all they can: " + self.plan.saturatedZones.joined(separator: ", "))
        }
        lines += (self.plan.warnings ?? []).map { "WARNING: " + $0 }
        if let checks = self.plan.checks, !checks.isEmpty {
            lines += ["", "Checks before the commit"]
            lines += checks.map(Self.line(of:))
        }
        let failed = (self.plan.checks ?? []).filter { $0.result == .failed }
        let skips = failed.map { " --skip-check \($0.name)" }.joined()
        lines += [
            "",
            failed.isEmpty
                ? "Apply with:    quire cluster commit --plan \(self.plan.plan)\(option)"
                : "Apply anyway:  quire cluster commit --plan \(self.plan.plan)\(skips)\(option)",
            "Discard with:  quire cluster clear\(option)",
        ]
        return lines.joined(separator: "\n")
    }

    /// `Moves 192 replicas (proven minimum 192), about 12.0 MiB; one change after the other would move 288.`
    private var summary: String {
        let estimate = self.plan.movedBytes.map { ", about \(Quantity.bytes($0))" } ?? ", size unknown"
        let separately = self.plan.movedReplicasSeparately.map { count in
            "; one change after the other would move \(Quantity.count(count))"
        }
        return "Moves \(Quantity.count(self.plan.movedReplicas)) replicas (proven minimum "
            + "\(Quantity.count(self.plan.movedReplicasMinimum)))\(estimate)\(separately ?? "")."
    }

    private var time: String? {
        guard let seconds = self.plan.secondsEstimate, let rate = self.plan.bytesPerSecondAssumed else { return nil }
        let basis = self.plan.isAtLimit ?? false ? "the limit of `quire cluster throttle`" : "as the last change did"
        return "Copies take about \(Quantity.duration(seconds: Double(seconds))) at "
            + "\(Quantity.rate(bytes: rate, seconds: 1)) into each node (\(basis))."
    }

    /// A disk is fullest at the end, since nothing is deleted before.
    private var disks: String? {
        guard let steps = self.plan.steps, steps > 0 else { return nil }
        return "Disks reach their peaks by step \(Quantity.count(steps)), the last: files that move away are kept for "
            + "`quire cluster undo`."
    }

    /// `Busiest links: n1 → n4 12.0 MiB, n2 → n4 10.0 MiB`
    private var busiestLinks: String? {
        let links = (self.plan.links ?? []).filter { $0.bytes > 0 }.prefix(3)
        guard !links.isEmpty else { return nil }
        return "Busiest links: "
            + links.map { "\($0.from) → \($0.to) \(Quantity.bytes($0.bytes))" }.joined(separator: ", ") + "."
    }

    private static func lines(of safety: ClusterAPI.Plan.Safety) -> [String] {
        let percent = { (share: Double) in
            share > 0 && share < 0.001 ? "under 0.1 %" : Quantity.decimal(share * 100, digits: 1) + " %"
        }
        var risk =
            "Distinct replica sets: \(Quantity.count(safety.replicaSetsBefore)) → "
            + "\(Quantity.count(safety.replicaSetsAfter)). As many nodes as a partition has replicas, lost at once, take one "
            + "with\nthem in \(percent(safety.lossBefore)) of cases now, in \(percent(safety.lossAfter)) afterwards"
        if let before = safety.lossOfOneMoreBefore, let after = safety.lossOfOneMoreAfter {
            risk += "; one node more: \(percent(before)), \(percent(after))"
        }
        return [
            "Every partition keeps at least \(safety.liveReplicasMinimum) live "
                + "\(safety.liveReplicasMinimum == 1 ? "replica" : "replicas") meanwhile.",
            risk + ".",
        ]
    }

    /// `  ok    nodes-up         all 4 nodes answer`
    static func line(of check: OperationsAPI.Check) -> String {
        let sign =
            switch check.result {
            case .passed: "ok  "
            case .unknown: "?   "
            case .failed: "FAIL"
            }
        let name = check.name + String(repeating: " ", count: max(0, 15 - check.name.count))
        let remedy = check.result == .passed ? nil : check.remedy
        return "  \(sign)  \(name)  \(check.finding)"
            + (remedy.map { "\n\(String(repeating: " ", count: 25))\($0)" } ?? "")
    }

    private func table() -> String {
        var table = TextTable([
            ("node", .left), ("zone", .left), ("tokens", .right), ("replicas", .right), ("in", .right), ("out", .right),
            ("stored", .right), ("receives", .right), ("peak", .right), ("disk free", .right),
        ])
        for node in self.plan.nodes.sorted(by: { $0.name < $1.name }) {
            table.append([
                node.name, node.zone, Self.step(node.tokensBefore, node.tokensAfter),
                Self.step(node.replicasBefore, node.replicasAfter), Self.count(node.incoming),
                Self.count(node.outgoing),
                node.storedBytes.map(Quantity.bytes) ?? "?", node.incomingBytes.map(Quantity.bytes) ?? "?",
                node.peakBytes.map(Quantity.bytes) ?? "?",
                node.diskFreeBytes.map(Quantity.bytes) ?? "?",
            ])
        }
        return table.rendered()
    }

    /// `256 → 192`, or only what stays.
    private static func step(_ before: Int, _ after: Int) -> String {
        before == after ? Quantity.count(after) : "\(Quantity.count(before)) → \(Quantity.count(after))"
    }

    private static func count(_ number: Int) -> String { number == 0 ? "-" : Quantity.count(number) }
}
