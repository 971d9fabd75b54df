/// What the judge of a mixed load found.
struct Verdict: Encodable {
    private static let findingsMax = 50

    let acknowledged: Int
    let unknown: Int
    let keys: Int
    let requests: Int
    let failedRequests: Int
    private(set) var lost = 0
    private(set) var resurrected = 0
    private(set) var invented = 0
    /// Visible, but said to have surely failed.
    private(set) var failedVisible = 0
    private(set) var elementsLost = 0
    private(set) var countsLost = 0
    /// The first of them in words.
    private(set) var findings: [String] = []
    var siblingsMax = 0
    /// Requests that failed although no fault was near.
    var failedOutside = 0
    var effects: [Disturbances.Effect] = []
    var seconds = 0.0

    init(_ history: History) {
        let writes = history.keys.values.flatMap(\.writes)
        self.acknowledged = writes.count { $0.outcome == .acknowledged }
        self.unknown = writes.count { $0.outcome == .unknown }
        self.keys = history.keys.count
        self.requests = history.samples.count
        self.failedRequests = history.samples.count(where: \.isFailure)
    }

    var violationCount: Int {
        self.lost + self.resurrected + self.invented + self.failedVisible + self.elementsLost + self.countsLost
    }

    mutating func add(_ findings: [HistoryJudge.Finding]) {
        for finding in findings {
            switch finding.violation {
            case .lost: self.lost += 1
            case .resurrected: self.resurrected += 1
            case .invented: self.invented += 1
            case .failedVisible: self.failedVisible += 1
            case .elementLost: self.elementsLost += 1
            case .countLost: self.countsLost += 1
            }
            guard self.findings.count < Self.findingsMax else { continue }
            self.findings.append("\(finding.violation.rawValue): \(finding.words)")
        }
    }

    func rendered() -> String {
        var lines = self.findings
        lines.append(
            "\(Quantity.count(self.acknowledged)) acknowledged writes to \(Quantity.count(self.keys)) keys: "
                + "\(self.lost) lost, \(self.resurrected) resurrected, \(self.invented) invented, "
                + "\(self.failedVisible) visible though failed, \(self.elementsLost) set elements and "
                + "\(self.countsLost) counts lost; \(Quantity.count(self.unknown)) writes of unknown fate, "
                + "at most \(self.siblingsMax) siblings"
        )
        lines.append(
            "\(Quantity.count(self.requests)) requests, \(Quantity.count(self.failedRequests)) failed"
                + (self.effects.isEmpty ? "" : ", \(self.failedOutside) of them with no fault near")
        )
        guard !self.effects.isEmpty else { return lines.joined(separator: "\n") }
        var table = TextTable([
            ("after", .left), ("times", .right), ("requests", .right), ("failed", .right), ("p99 ms", .right),
            ("p99.9 ms", .right), ("slowest ms", .right),
        ])
        for effect in self.effects {
            table.append([
                effect.kind, String(effect.count), String(effect.requests), String(effect.failed),
                Quantity.decimal(effect.p99Milliseconds, digits: 1),
                Quantity.decimal(effect.p999Milliseconds, digits: 1),
                Quantity.decimal(effect.slowestMilliseconds, digits: 1),
            ])
        }
        return (lines + [table.rendered()]).joined(separator: "\n")
    }
}
