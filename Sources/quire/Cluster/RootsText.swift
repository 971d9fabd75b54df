import QuireWire

/// The comparison of all replicas as a person reads it: a verdict, then the partitions that differ.
///
/// That a partition could not be compared because a member is silent is said once, with the member.
struct RootsText {
    /// Partitions that are listed; the JSON output has them all.
    private static let listedMax = 20
    private static let rootDigits = 12

    let report: RootsAPI.Report

    init(_ report: RootsAPI.Report) {
        self.report = report
    }

    private var silent: [String] { self.report.members.filter { !$0.isAnswering }.map(\.name) }
    private var hints: Int { self.report.members.reduce(0) { $0 + ($1.hints ?? 0) } }

    /// Every member has answered, all replicas are equal, nothing is held for others.
    var isConverged: Bool { self.silent.isEmpty && self.report.differing.isEmpty && self.hints == 0 }

    /// Partitions of which replicas differ, or of which a member that answers could not tell its root.
    private var unequal: [RootsAPI.Partition] {
        let silent = Set(self.silent)
        return self.report.differing.filter { partition in
            let told = partition.replicas.filter { !silent.contains($0.node) }.map(\.root)
            return told.contains(nil) || Set(told).count > 1
        }
    }

    var progress: ProgressLine {
        ProgressLine(
            done: self.report.equal,
            total: self.report.partitions,
            unit: .items("partitions"),
            detail: "\(Quantity.count(self.hints)) hints"
        )
    }

    func rendered() -> String {
        var lines = [
            "\(Quantity.count(self.report.equal)) of \(Quantity.count(self.report.partitions)) partitions have equal "
                + "replicas; \(Quantity.count(self.hints)) hints are held"
        ]
        for member in self.report.members {
            switch member.hints {
            case nil: lines.append("  ! \(member.name) did not answer")
            case 0?: break
            case let count?: lines.append("  ! \(member.name) holds \(Quantity.count(count)) hints")
            }
        }
        let unequal = self.unequal
        let uncompared = self.report.differing.count - unequal.count
        if uncompared > 0 {
            lines.append("  ! \(Quantity.count(uncompared)) partitions are equal as far as members have answered")
        }
        guard !unequal.isEmpty else { return lines.joined(separator: "\n") }
        var table = TextTable([("partition", .right), ("replicas", .left)])
        for partition in unequal.prefix(Self.listedMax) {
            let replicas = partition.replicas.map { "\($0.node) \($0.root.map { $0.prefix(Self.rootDigits) } ?? "?")" }
            table.append([String(partition.partition), replicas.joined(separator: "  ")])
        }
        lines.append(table.rendered())
        let left = unequal.count - Self.listedMax
        if left > 0 { lines.append("… and \(Quantity.count(left)) more (--output json has all)") }
        return lines.joined(separator: "\n")
    }
}
