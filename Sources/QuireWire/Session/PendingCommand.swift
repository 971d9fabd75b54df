import QuireCore

/// How the results of a command's operations become its reply.
enum ReplyShape: Sendable {
    /// The winning value, or null.
    case value
    /// The winning value's length, or 0.
    case length
    /// `string` or `none`.
    case type
    /// `OK`.
    case stored
    /// How many of the keys were live before they were deleted.
    case deletedCount
    /// How many of the keys are live.
    case liveCount
    /// The winning values in the order of the keys.
    case values
    /// A map of context and siblings, or null.
    case siblings(Key, CausalForm)
    /// A map of the new context and the number of siblings.
    case context(Key, CausalForm)
    /// The number of keys in the cluster.
    case keyCount
    /// A page of keys that match.
    case page(GlobPattern?, isOfWantedType: Bool)
}

/// One command whose operations are under way; gathers their results into one reply.
///
/// Invariant: each operation is completed exactly once.
struct PendingCommand: Sendable {
    /// What a reply is made with.
    struct Environment {
        let nowMilliseconds: UInt64
        let contexts: ContextCodec
        /// The layout that the node has adopted.
        let layout: LayoutVersion?
        let replyBytesMax: Int
    }

    let version: RESPVersion
    /// Keys that are being written, by operation; empty for a read.
    let writtenKeys: [Key]
    /// Bytes of the request that are kept alive.
    let requestBytes: Int

    private let shape: ReplyShape
    private(set) var missingResults: Int
    private var gatheredCount: Int64 = 0
    private var gatheredValues: [RESPValue]
    private var gatheredBytes = 0
    private var reply: RESPValue?

    init(shape: ReplyShape, operations: [ClientOperation], version: RESPVersion) {
        self.shape = shape
        self.version = version
        self.missingResults = operations.count
        self.writtenKeys = operations.compactMap(\.writtenKey)
        self.requestBytes = operations.reduce(0) { $0 + $1.payloadBytes }
        if case .values = shape {
            self.gatheredValues = Array(repeating: .null, count: operations.count)
        } else {
            self.gatheredValues = []
        }
    }

    /// - Returns: the reply, once every operation has completed. The first failure is the reply of all.
    mutating func completed(part: Int, _ result: ClientResult, _ environment: Environment) -> RESPValue? {
        precondition(self.missingResults > 0, "operation \(part) of a command was completed twice")
        self.missingResults -= 1
        if self.reply?.isError != true {
            self.gather(part, result, environment)
        }
        return self.missingResults == 0 ? self.reply ?? self.gathered : nil
    }

    private var gathered: RESPValue {
        switch self.shape {
        case .deletedCount, .liveCount: .integer(self.gatheredCount)
        case .values: .array(self.gatheredValues)
        case .stored: .ok
        case .value, .length, .type, .siblings, .context, .keyCount, .page: ReplyText.unexpectedResult
        }
    }

    private mutating func gather(_ part: Int, _ result: ClientResult, _ environment: Environment) {
        switch (result, self.shape) {
        case (.failed(let failure), _):
            self.reply = ReplyText.failure(failure)
        case (.record(let record, let evidence), .siblings(let key, let form)):
            self.reply =
                CausalReply(key: key, form: form, record: record, evidence: evidence, environment: environment).values
        case (.record(let record, _), _):
            self.gather(part, record, environment)
        case (.stored, .stored):
            break
        case (.stored(_, let wasLive, _), .deletedCount):
            self.gatheredCount += wasLive ? 1 : 0
        case (.stored(let record, _, let standIns), .context(let key, let form)):
            let evidence = ReadEvidence(fastest: form.preferredReplica, standIns: standIns)
            self.reply =
                CausalReply(key: key, form: form, record: record, evidence: evidence, environment: environment).count
        case (.count(let count), .keyCount):
            self.reply = .integer(Int64(count))
        case (.keys(let keys, let next), .page(let pattern, let isOfWantedType)):
            let matching = isOfWantedType ? keys.filter { pattern?.matches($0.bytes) ?? true } : []
            self.reply = .array([.bulk(String(next.rawValue)), .array(matching.map { .bulk($0.bytes) })])
        case (.stored, _), (.count, _), (.keys, _):
            self.reply = ReplyText.unexpectedResult
        }
    }

    private mutating func gather(_ part: Int, _ record: Record, _ environment: Environment) {
        let value = record.liveValue(environment.nowMilliseconds)
        switch self.shape {
        case .value:
            self.reply = value.map { .bulk($0) } ?? .null
        case .length:
            self.reply = .integer(Int64(value?.count ?? 0))
        case .type:
            self.reply = .simple(value == nil ? "none" : "string")
        case .liveCount:
            self.gatheredCount += value == nil ? 0 : 1
        case .values:
            self.gatheredBytes += value?.count ?? 0
            self.gatheredValues[part] = value.map { .bulk($0) } ?? .null
            if self.gatheredBytes > environment.replyBytesMax {
                self.gatheredValues = []
                self.reply = .error("ERR a reply of more than \(environment.replyBytesMax) bytes: ask for fewer keys")
            }
        case .stored, .deletedCount, .siblings, .context, .keyCount, .page:
            self.reply = ReplyText.unexpectedResult
        }
    }
}

extension RESPValue {
    var isError: Bool {
        if case .error = self { return true }
        return false
    }
}

extension Record {
    /// What a plain read shows at this moment; the winner is chosen first, then its expiry applied (SAFETY rule 5).
    func liveValue(_ nowMilliseconds: UInt64) -> [UInt8]? {
        self.isLive(atMilliseconds: nowMilliseconds) ? self.winner?.value : nil
    }

    /// The values that a causal read shows at this moment.
    func liveValues(_ nowMilliseconds: UInt64) -> [[UInt8]] {
        self.siblings.compactMap { sibling in
            let isExpired = sibling.expiryMilliseconds.map { $0 <= nowMilliseconds } ?? false
            return isExpired ? nil : sibling.value
        }
    }
}

extension ClientOperation {
    var writtenKey: Key? {
        if case .put(let put) = self { return put.key }
        return nil
    }

    /// The key whose present state the reply depends on: a read's, and that of a plain deletion, which tells
    /// whether the key was live.
    var observedKey: Key? {
        switch self {
        case .get(let key, _): key
        case .put(let put): put.value == nil ? put.key : nil
        case .scan, .countKeys: nil
        }
    }

    var payloadBytes: Int {
        switch self {
        case .get(let key, _): key.bytes.count
        case .put(let put): put.key.bytes.count + (put.value?.count ?? 0)
        case .scan, .countKeys: 0
        }
    }
}
