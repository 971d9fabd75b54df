/// Decides whether what a quiet cluster holds under a key can be the outcome of the key's history.
///
/// What is promised, and hence judged:
///
/// - **Causal keys.** An acknowledged put is there or was superseded by somebody who had read it: it is *lost* unless
///   it is reached from the final siblings, or from a deletion, through what each write had read. A value is
///   *resurrected* if it is visible although an acknowledged write had read it, itself or through others.
/// - **Plain keys**, each written by one client that waits for every answer. The last acknowledged write wins, or one
///   whose fate is unknown: such a write may take effect late, once the node that holds its bytes goes on. It is over
///   when a read has shown it, or after `lateness`. What an acknowledged write has overwritten must not be visible.
/// - No value that nobody wrote, none of a write that surely failed, no element of a set and no count gone.
struct HistoryJudge {
    enum Violation: String, CaseIterable {
        case lost
        case resurrected
        case invented
        /// Visible although the client was told that it surely failed.
        case failedVisible
        case elementLost
        case countLost
    }

    struct Finding: Equatable {
        let violation: Violation
        let words: String
    }

    /// Longer than any pause or cut of a run, and than the system's attempts to send what a client left behind.
    static let lateness = 90_000_000

    let key: String
    let history: History.KeyHistory
    private let writes: [OperationID: History.Write]

    init(key: String, history: History.KeyHistory) {
        self.key = key
        self.history = history
        self.writes = Dictionary(history.writes.map { ($0.id, $0) }) { first, _ in first }
    }

    /// - Parameter siblings: All that a causal read shows, or the one value of a plain read; raw bytes.
    func findings(_ siblings: [[UInt8]]) -> [Finding] {
        var findings: [Finding] = []
        var visible: [LoadValue] = []
        for bytes in siblings {
            guard let value = LoadValue(bytes, key: self.key), let write = self.writes[value.id] else {
                findings.append(self.finding(.invented, "\(bytes.count) bytes that no client wrote"))
                continue
            }
            visible.append(value)
            if write.outcome == .failed { findings.append(self.finding(.failedVisible, "\(value.id)")) }
        }
        let isPlain = self.history.writes.contains { $0.verb == .set || $0.verb == .delete }
        guard findings.isEmpty else { return findings }
        if isPlain { return self.plainFindings(visible.first?.id) }
        return self.causalFindings(visible.map(\.id)) + self.contentFindings(visible)
    }

    // MARK: Causal keys

    private func causalFindings(_ visible: [OperationID]) -> [Finding] {
        let acknowledged = self.history.writes.filter { $0.outcome == .acknowledged }
        let superseded = self.reached(from: acknowledged.flatMap(\.saw))
        let deletions = self.history.writes.filter { $0.verb.isDeletion && $0.outcome != .failed }.map(\.id)
        let known = self.reached(from: visible + deletions)
        let resurrected = Set(visible).intersection(superseded).sorted().map { id in
            self.finding(.resurrected, "\(id) is visible although an acknowledged write had read it")
        }
        let lost = acknowledged.filter { !$0.verb.isDeletion && !known.contains($0.id) }.map { write in
            let shown = OperationID.text(visible.sorted())
            return self.finding(.lost, "\(write.id) was acknowledged, and nobody who had read it is left: \(shown)")
        }
        return resurrected + lost
    }

    /// These writes, what they had read, what those had read, and so on.
    private func reached(from start: [OperationID]) -> Set<OperationID> {
        var reached: Set<OperationID> = []
        var waiting = start
        while let id = waiting.popLast() {
            guard reached.insert(id).inserted else { continue }
            waiting += self.writes[id]?.saw ?? []
        }
        return reached
    }

    private func contentFindings(_ visible: [LoadValue]) -> [Finding] {
        var findings: [Finding] = []
        let elements = LoadPayload.elements(of: visible)
        let counts = LoadPayload.counts(of: visible)
        var counted: [Int: Int] = [:]
        var needed: [Int: Int] = [:]
        for write in self.history.writes where write.verb == .put {
            counted[write.id.client, default: 0] += 1
            if write.outcome == .acknowledged { needed[write.id.client] = counted[write.id.client] }
        }
        switch LoadFamily(key: self.key) {
        case .set:
            for write in self.history.writes where write.outcome == .acknowledged && !elements.contains(write.id) {
                findings.append(self.finding(.elementLost, "\(write.id) was added"))
            }
        case .counter:
            for (client, count) in needed.sorted(by: { $0.key < $1.key }) where (counts[client] ?? 0) < count {
                let words = "client \(client) counted to \(count), \(counts[client] ?? 0) is left"
                findings.append(self.finding(.countLost, words))
            }
        case .plain, .cart, nil: break
        }
        return findings
    }

    // MARK: Plain keys

    private func plainFindings(_ visible: OperationID?) -> [Finding] {
        guard let last = self.history.writes.last(where: { $0.outcome == .acknowledged }) else { return [] }
        let candidates = self.history.writes.filter { $0.outcome != .failed && !self.isOverwritten($0) }
        guard let visible else {
            if candidates.contains(where: \.verb.isDeletion) { return [] }
            return [self.finding(.lost, "\(last.id) was acknowledged, and there is nothing")]
        }
        if candidates.contains(where: { $0.id == visible }) { return [] }
        let isDeleted = last.verb.isDeletion
        let words = "\(visible) is visible although \(last.id) (\(last.verb.rawValue)) was acknowledged later"
        return [self.finding(isDeleted ? .resurrected : .lost, words)]
    }

    /// Whether an acknowledged write of the same client began after this one had surely taken effect, if ever.
    private func isOverwritten(_ write: History.Write) -> Bool {
        let settled: Int
        switch write.outcome {
        case .acknowledged: settled = write.ended
        case .failed: return true
        case .unknown:
            let shown = self.history.reads.filter { $0.saw.contains(write.id) }.map(\.ended).min()
            settled = min(shown ?? .max, write.began + Self.lateness)
        }
        return self.history.writes.contains { other in
            other.outcome == .acknowledged && other.id != write.id && other.began >= settled
        }
    }

    private func finding(_ violation: Violation, _ words: String) -> Finding {
        Finding(violation: violation, words: "\(self.key): \(words)")
    }
}
