import QuireCore

/// How a causal verb wants to be answered.
struct CausalForm: Sendable, Hashable {
    /// Only the sibling that a plain read shows, and no context.
    var isNewestOnly = false
    /// The layout that the client knows, if it has said so.
    var knownLayout: LayoutVersion?
    /// Of a write: the replica that its context preferred; the next write prefers it, too.
    var preferredReplica: NodeID?
}

/// The answer of a causal verb: a map, in RESP2 its flat array, of
///
/// ```
/// context     what a next write passes on; not with NEWEST
/// siblings    of a read the values, of a write their number
/// stand-ins   how many of the quorum stood in for replicas that could not be reached; only if there were any
/// layout      the version that the node goes by; only if the client has named an older one
/// ```
///
/// A read of a key that was never written is null instead, unless there is a layout to tell of.
struct CausalReply {
    let key: Key
    let form: CausalForm
    let record: Record
    let evidence: ReadEvidence
    let environment: PendingCommand.Environment

    /// To a read.
    var values: RESPValue {
        let now = self.environment.nowMilliseconds
        let newest = self.record.liveValue(now)
        let isNothing = self.form.isNewestOnly ? newest == nil : self.record.isEmpty
        if isNothing, self.newerLayout == nil { return .null }
        let values = self.form.isNewestOnly ? newest.map { [$0] } ?? [] : self.record.liveValues(now)
        return self.map(siblings: .array(values.map { .bulk($0) }))
    }

    /// To a write.
    var count: RESPValue {
        self.map(siblings: .integer(Int64(self.record.liveValues(self.environment.nowMilliseconds).count)))
    }

    private func map(siblings: RESPValue) -> RESPValue {
        var entries: [RESPValue.Entry] = []
        if !self.form.isNewestOnly {
            entries.append(.init(.bulk("context"), .bulk(self.context)))
        }
        entries.append(.init(.bulk("siblings"), siblings))
        if self.evidence.standIns > 0 {
            entries.append(.init(.bulk("stand-ins"), .integer(Int64(self.evidence.standIns))))
        }
        if let layout = self.newerLayout {
            entries.append(.init(.bulk("layout"), .integer(Int64(layout.rawValue))))
        }
        return .map(entries)
    }

    private var context: [UInt8] {
        guard !self.record.isEmpty else { return [UInt8(ascii: "-")] }
        let token = ContextToken(vector: self.record.vector, preferredNode: self.evidence.fastest)
        return self.environment.contexts.seal(token, for: self.key)
    }

    private var newerLayout: LayoutVersion? {
        guard let known = self.form.knownLayout, let layout = self.environment.layout, known < layout else {
            return nil
        }
        return layout
    }
}
