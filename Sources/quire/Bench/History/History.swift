/// Everything that the clients of one mixed load did, by key.
struct History {
    struct Write: Equatable {
        let id: OperationID
        let verb: HistoryLine.Verb
        let saw: [OperationID]
        let began: Int
        var took = 0
        /// Unknown as long as the history does not say more.
        var outcome = HistoryLine.Outcome.unknown

        var ended: Int { self.began + self.took }
    }

    struct Read: Equatable {
        let ended: Int
        let saw: [OperationID]
    }

    struct KeyHistory: Equatable {
        /// Those of one client in the order in which it issued them.
        var writes: [Write] = []
        /// Successful ones.
        var reads: [Read] = []
    }

    /// One request as its client saw it.
    struct Sample: Equatable {
        let began: Int
        let took: Int
        let isFailure: Bool

        var ended: Int { self.began + self.took }
    }

    private(set) var keys: [String: KeyHistory] = [:]
    private(set) var samples: [Sample] = []
    /// Where in `keys` the writes are that have begun and not ended.
    private var open: [OperationID: (key: String, index: Int)] = [:]

    /// Takes in the lines of one client, in their order.
    ///
    /// - Throws: `CommandFailure` for what is no history.
    mutating func read(_ lines: some Sequence<Substring>, from path: String) throws {
        var client: Int?
        for (index, text) in lines.enumerated() {
            guard let line = HistoryLine(String(text)) else {
                throw CommandFailure("bad_journal", "\(path), line \(index + 1) is no line of a history")
            }
            if case .header(let number) = line {
                client = number
                continue
            }
            guard let client else {
                throw CommandFailure("bad_journal", "\(path) does not begin as a history of this version")
            }
            self.take(line, of: client)
        }
    }

    private mutating func take(_ line: HistoryLine, of client: Int) {
        switch line {
        case .header: return
        case .began(let number, let verb, let key, let began, let saw):
            let id = OperationID(client: client, number: number)
            self.open[id] = (key, self.keys[key]?.writes.count ?? 0)
            self.keys[key, default: KeyHistory()].writes.append(Write(id: id, verb: verb, saw: saw, began: began))
        case .ended(let number, let outcome, let took, _):
            guard let (key, index) = self.open.removeValue(forKey: OperationID(client: client, number: number)) else {
                return
            }
            self.keys[key]?.writes[index].outcome = outcome
            self.keys[key]?.writes[index].took = took
            guard let began = self.keys[key]?.writes[index].began else { return }
            self.samples.append(Sample(began: began, took: took, isFailure: outcome != .acknowledged))
        case .read(let key, let began, let took, let outcome, let saw):
            self.samples.append(Sample(began: began, took: took, isFailure: outcome != .acknowledged))
            guard outcome == .acknowledged else { return }
            self.keys[key, default: KeyHistory()].reads.append(Read(ended: began + took, saw: saw))
        }
    }
}
