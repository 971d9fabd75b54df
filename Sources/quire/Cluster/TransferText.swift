import QuireWire

/// Partitions in motion as a person reads them: what stands in the way first, then a row for each.
struct TransferText {
    static let listedMax = 40

    let report: TransferAPI.Report

    init(_ report: TransferAPI.Report) {
        self.report = report
    }

    /// - Parameter first: What was seen when the watch began.
    func progress(since first: TransferAPI.Report? = nil) -> ProgressLine {
        let isSame = first?.change?.plan == self.report.change?.plan && first?.change?.kind == self.report.change?.kind
        return ProgressLine(
            done: self.report.replicasDone,
            total: self.report.replicasTotal,
            unit: .items("replicas"),
            doneBefore: isSame ? first?.replicasDone ?? 0 : 0,
            detail: ([self.copied] + [self.motion].compactMap { $0 }).joined(separator: ", ")
        )
    }

    private var copied: String {
        let rate = self.report.bytesPerSecond.map { " at \(Quantity.rate(bytes: $0, seconds: 1))" } ?? ""
        return "\(Quantity.bytes(self.report.bytesDone)) copied\(rate)"
    }

    private var motion: String? {
        guard let change = self.report.change else { return nil }
        if change.isFinished { return "all partitions settled" }
        if change.state == "paused" { return "PAUSED" }
        return "dual write \(change.dualWrite), read new \(change.readNew), draining \(change.draining)"
    }

    /// What waits for a person: each reason once, with how many partitions it holds up and the command that resolves it.
    var blockers: [String] {
        self.reasons { $0.needsAction ?? ($0.blocker != nil) }
    }

    private func reasons(where isWanted: (TransferAPI.Move) -> Bool) -> [String] {
        var counts: [(text: String, count: Int)] = []
        for move in self.report.moves where isWanted(move) {
            guard let reason = move.blocker else { continue }
            let text = reason + (move.command.map { ": `\($0)`" } ?? "")
            if let index = counts.firstIndex(where: { $0.text == text }) {
                counts[index].count += 1
            } else {
                counts.append((text, 1))
            }
        }
        return counts.map { "\(Quantity.count($0.count)) \($0.count == 1 ? "partition" : "partitions"): \($0.text)" }
    }

    func rendered(all: Bool = false) -> String {
        guard let change = self.report.change else { return "No change is running." }
        var lines = [StatusText.line(of: change)]
        guard !change.isFinished else { return lines[0] }
        let limit = self.report.bytesPerSecondMax.map { ", at most \(Quantity.bytes($0)) per second and node" } ?? ""
        lines.append(
            "\(Quantity.count(self.report.replicasDone))/\(Quantity.count(self.report.replicasTotal)) replicas covered, "
                + "\(Quantity.bytes(self.report.bytesDone))/\(Quantity.bytes(self.report.bytesTotal)) copied\(limit)"
        )
        if let coordinator = self.report.coordinator { lines.append("driven by \(coordinator)") }
        lines += self.blockers.map { "  ! " + $0 }
        lines += self.reasons { $0.needsAction == false }.map { "  - " + $0 }
        guard !self.report.moves.isEmpty else { return lines.joined(separator: "\n") }
        lines.append(self.table(rows: all ? .max : Self.listedMax))
        let left = self.report.moves.count - Self.listedMax
        if !all, left > 0 { lines.append("… and \(Quantity.count(left)) more (--all lists them)") }
        return lines.joined(separator: "\n")
    }

    /// Who waits for a person first, then what is under way, then what waits.
    private var ordered: [TransferAPI.Move] {
        let rank = { (move: TransferAPI.Move) in
            move.needsAction == true ? 0 : move.incoming.contains { $0.step != "covered" } ? 1 : 2
        }
        return self.report.moves.sorted { (rank($0), $0.partition) < (rank($1), $1.partition) }
    }

    private func table(rows: Int) -> String {
        var table = TextTable([
            ("part", .right), ("from → to", .left), ("phase", .left), ("step", .left), ("age", .right),
            ("done", .right),
            ("rate", .right), ("ETA", .right), ("tries", .right), ("waits", .left),
        ])
        for move in self.ordered.prefix(rows) {
            let row = [String(move.partition), Self.way(move), Self.phase(move.phase)]
            let age = move.ageMilliseconds.map(Self.duration) ?? "?"
            let waits = self.waits(move)
            let running = move.incoming.filter { $0.step != "covered" }
            if running.isEmpty {
                table.append(row + [move.step ?? "-", age, "-", "-", "-", "-", waits])
            }
            for incoming in running {
                let isKnown = incoming.bytesTotal > 0
                table.append(
                    row + [
                        incoming.step, Self.duration(incoming.ageMilliseconds),
                        isKnown ? "\(Quantity.bytes(incoming.bytesDone))/\(Quantity.bytes(incoming.bytesTotal))" : "-",
                        incoming.bytesPerSecond.map { Quantity.rate(bytes: $0, seconds: 1) } ?? "-",
                        incoming.etaSeconds.map { Quantity.duration(seconds: Double($0)) } ?? "-",
                        String(incoming.attempts), waits,
                    ]
                )
            }
        }
        return table.rendered()
    }

    /// Who gives the partition up and who takes it; where the row grows or shrinks, only one of them. The source that is
    /// copied from is in brackets when it is another one.
    private static func way(_ move: TransferAPI.Move) -> String {
        let leavers = move.from.filter { !move.to.contains($0) }
        let newcomers = move.to.filter { !move.from.contains($0) }
        let way = [leavers, newcomers].map { $0.isEmpty ? "-" : $0.joined(separator: ",") }.joined(separator: " → ")
        let sources = Set(move.incoming.compactMap(\.source)).subtracting(leavers).sorted()
        return sources.isEmpty ? way : way + " (\(sources.joined(separator: ",")))"
    }

    private static func phase(_ phase: String) -> String {
        switch phase {
        case "dualWrite": "dual write"
        case "readNew": "read new"
        default: phase
        }
    }

    private func waits(_ move: TransferAPI.Move) -> String {
        if let cause = move.cause { return cause }
        let fences = move.waitsForFencesOf ?? []
        return fences.isEmpty ? "-" : "fence of \(fences.joined(separator: ","))"
    }

    private static func duration(_ milliseconds: Int) -> String {
        Quantity.duration(seconds: Double(milliseconds) / 1000)
    }
}
