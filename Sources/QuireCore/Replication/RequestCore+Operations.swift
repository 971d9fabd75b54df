extension RequestCore {
    enum Asker: Sendable {
        case client(ClientOperationID)
        /// Another node forwarded its client's request to us.
        case peer(PeerRequestID)
    }

    /// What happens with the result of a quorum read.
    enum GetUse: Sendable {
        case answer
        /// A delete reads first, so that deleting what does not exist leaves no tombstone.
        case delete(PutRequest)
    }

    struct Get: Sendable {
        var machine: GetOperation
        let partition: PartitionID
        let key: Key
        let use: GetUse
    }

    struct Put: Sendable {
        var machine: PutOperation
        let request: PutRequest
        let partition: PartitionID
        let id: RequestID
        var timestamp: HybridTimestamp
        /// How often the version was minted; distinguishes late answers to earlier attempts.
        var attempt: UInt64 = 0
        var stored = Record()
        let wasLive: Bool
        /// Why our own storage lost the minted version, if it did.
        var ownFailure: StorageFailure?
    }

    struct Forward: Sendable {
        let request: PutRequest
        /// Kept by retries; both are new when the put must be written above a later timestamp.
        var id: RequestID
        var timestamp: HybridTimestamp
        let required: Int
        /// Members of the row that were not tried yet.
        var candidates: [NodeID]
        let wasLive: Bool
    }

    struct Scan: Sendable {
        var partition: PartitionID
        var position: ScanPosition?
        let limit: Int
        var keys: [Key] = []
        var pages = PageMerge()
        var pending: [NodeID] = []
        var answered = 0
        /// Partitions that this call has gone through.
        var visited = 0
    }

    struct Count: Sendable {
        var total = 0
        var pending = 0
    }

    struct Operation: Sendable {
        enum Body: Sendable {
            case get(Get)
            case put(Put)
            case forward(Forward)
            case scan(Scan)
            case count(Count)
        }

        let asker: Asker
        /// The layout under which it began.
        let version: LayoutVersion
        var body: Body
    }

    /// What an answer from storage or from a peer is for.
    enum Wait: Sendable {
        case get(UInt64)
        case put(UInt64, attempt: UInt64)
        case forward(UInt64)
        case scan(UInt64, visited: Int)
        case count(UInt64)
        /// Read repair: nobody waits.
        case repair
        /// We are the replica that a peer asked.
        case replica(PeerRequestID)
        /// We count partitions for a peer: the sum so far is kept under the operation id.
        case replicaCount(UInt64)
    }

    mutating func begin(
        _ operation: ClientOperation,
        for asker: Asker,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let layout = self.layout else {
            self.answer(asker, with: .failed(.notInitialised), into: &effects)
            return
        }
        guard self.operations.count < self.configuration.operationsMax else {
            self.answer(asker, with: .failed(.overloaded), into: &effects)
            return
        }
        switch operation {
        case .get(let key, let readQuorum):
            self.beginGet(key, readQuorum, use: .answer, layout: layout, for: asker, now: now, into: &effects)
        case .put(let request) where request.value == nil:
            let use = GetUse.delete(request)
            self.beginGet(request.key, nil, use: use, layout: layout, for: asker, now: now, into: &effects)
        case .put(let request):
            self.beginPut(request, wasLive: true, layout: layout, for: asker, now: now, into: &effects)
        case .scan(let cursor, let limit):
            self.beginScan(cursor, limit: limit, layout: layout, for: asker, now: now, into: &effects)
        case .countKeys:
            self.beginCount(layout: layout, for: asker, now: now, into: &effects)
        }
    }

    mutating func insert(_ body: Operation.Body, layout: Layout, for asker: Asker, now: Moment) -> UInt64 {
        let id = self.takeID()
        self.operations[id] = Operation(asker: asker, version: layout.version, body: body)
        self.deadlines.insert(id, at: now.elapsed + self.configuration.operationTimeout)
        return id
    }
}
