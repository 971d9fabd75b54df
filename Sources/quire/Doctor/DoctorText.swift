/// What `quire doctor` has found, as an operator reads it: a verdict, the figures, then the findings, the worst first.
///
/// What is as it should be takes one line each; of everything else it says what the next start does and what helps.
struct DoctorText {
    private static let wrapColumns = 100
    private static let titles = [
        ("damage", "Damage"), ("warning", "Warnings"), ("note", "Notes"), ("ok", "In order"),
    ]

    let summary: DoctorSummary

    init(_ summary: DoctorSummary) {
        self.summary = summary
    }

    func rendered() -> String {
        ([self.head] + [self.repairs].compactMap { $0 } + Self.titles.compactMap(self.group))
            .joined(separator: "\n\n")
    }

    private var head: String {
        let count = { (severity: String) in self.summary.findings.count { $0.severity == severity } }
        let verdict =
            switch self.summary.verdict {
            case "damage": "DAMAGED, \(Self.count(count("damage"), "finding"))"
            case "warning": "usable, \(Self.count(count("warning"), "warning"))"
            default: "in order"
            }
        let lines = [
            ("node", self.node), ("cluster", self.cluster), ("last stop", self.lastStop),
            ("partitions", self.stores), ("records", self.records), ("bytes", self.bytes), ("examined", self.depth),
        ]
        let width = lines.map(\.0.count).max() ?? 0
        return
            (["\(self.summary.directory): \(verdict)"]
            + lines.map { "  \($0)\(String(repeating: " ", count: width - $0.count))  \($1)" })
            .joined(separator: "\n")
    }

    private var node: String {
        guard let node = self.summary.node else { return "?" }
        let membership = node.isMember.map { $0 ? "" : ", no member" } ?? ""
        return "\(node.name) (\(node.id)), zone \(node.zone)\(membership)"
    }

    private var cluster: String {
        guard let cluster = self.summary.cluster else { return "none yet" }
        let layout = self.summary.layoutVersion.map { ", layout \($0)" } ?? ""
        return "\(cluster)\(layout)" + (self.summary.partitionCount.map { ", \($0) partitions" } ?? "")
    }

    private var lastStop: String {
        switch self.summary.lastStop {
        case "clean": "clean"
        case "unclean": "not clean: the log is replayed at the next start"
        default: "no storage was opened here yet"
        }
    }

    private var stores: String {
        let partitions = self.summary.partitions
        var text = "\(Quantity.count(partitions.sound)) sound"
        let bad = partitions.files - partitions.sound
        if bad > 0 { text += ", \(Quantity.count(bad)) NOT" }
        if self.summary.quarantined > 0 { text += ", \(Quantity.count(self.summary.quarantined)) set aside" }
        let hints = self.summary.hints
        if hints.files > 0 {
            text += "; hints for \(Quantity.count(hints.files))"
            if hints.sound < hints.files { text += ", \(Quantity.count(hints.files - hints.sound)) NOT sound" }
        }
        return text
    }

    private var records: String {
        var text = "\(Quantity.count(self.summary.partitions.records)) in sound files"
        if self.summary.hints.records > 0 { text += ", \(Quantity.count(self.summary.hints.records)) hints" }
        return text + ", \(Quantity.count(self.summary.logRecords)) in the log"
    }

    private var bytes: String {
        let bytes = self.summary.bytes
        let kinds = [
            ("partitions", bytes.partitions), ("log", bytes.log), ("hints", bytes.hints), ("incoming", bytes.incoming),
            ("retired", bytes.retired), ("quarantine", bytes.quarantine), ("other", bytes.other),
        ].filter { $0.1 > 0 }.map { "\($0.0) \(Quantity.bytes($0.1))" }
        return
            "\(Quantity.bytes(bytes.total)) (\(kinds.joined(separator: ", "))); \(Quantity.bytes(bytes.diskFree)) free"
    }

    private var depth: String {
        let depth =
            self.summary.isQuick
            ? "log and structure, no rows"
            : self.summary.areLeavesCompared
                ? "every row, index and Merkle leaf" : "every row and index, no Merkle leaf"
        return "\(depth), in \(Quantity.duration(seconds: self.summary.seconds))"
    }

    private var repairs: String? {
        guard let repairs = self.summary.repairs else { return nil }
        guard !repairs.isEmpty else { return "Repairs: there was nothing that is safe to repair" }
        let width = repairs.map(\.file.count).max() ?? 0
        let lines = repairs.map { repair in
            let name = repair.file + String(repeating: " ", count: width - repair.file.count)
            return Self.wrapped("\(repair.isDone ? "done" : "NOT ")  \(name)  \(repair.what)", indent: 2, hanging: 8)
        }
        return (["Repairs (what follows is what was found afterwards)"] + lines).joined(separator: "\n")
    }

    private func group(_ severity: String, _ title: String) -> String? {
        let findings = self.summary.findings.filter { $0.severity == severity }
        guard !findings.isEmpty else { return nil }
        let width = min(40, findings.map(\.file.count).max() ?? 0)
        var lines: [String] = []
        for (index, finding) in findings.enumerated() {
            let padding = String(repeating: " ", count: max(0, width - finding.file.count))
            lines.append(Self.wrapped("\(finding.file)\(padding)  \(finding.what)", indent: 2, hanging: width + 4))
            // What holds for several in a row is said once.
            let next = index + 1 < findings.count ? findings[index + 1] : nil
            guard next?.nextStart != finding.nextStart || next?.remedy != finding.remedy else { continue }
            for (label, text) in [("next start", finding.nextStart), ("to do", finding.remedy)] {
                guard let text else { continue }
                lines.append(Self.wrapped("\(label): \(text)", indent: width + 4, hanging: width + 6))
            }
        }
        return (["\(title) (\(findings.count))"] + lines).joined(separator: "\n")
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(Quantity.count(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Breaks between words; a word that is longer than a line stays whole.
    static func wrapped(_ text: String, indent: Int, hanging: Int) -> String {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !isEmpty, line.count + 1 + word.count > Self.wrapColumns, !word.isEmpty {
                lines.append(line)
                line = String(repeating: " ", count: hanging)
                isEmpty = true
            }
            line += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        return (lines + [line]).joined(separator: "\n")
    }
}
