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
        /// R as the client asked for it.
        let readQuorum: Int?
        let use: GetUse
    }

    /// A client's write with what retries and forwards keep (SAFETY rule 4).
    struct Write: Sendable {
        let request: PutRequest
        let partition: PartitionID
        /// Both are new when the put must be written above a later timestamp.
        var id: RequestID
        var timestamp: HybridTimestamp
        let wasLive: Bool
    }

    struct Put: Sendable {
        var machine: PutOperation
        var write: Write
        /// Where this node mints: its replica, or its hints when it is a stand-in.
        var store: StoreID
        /// The partition was fenced anew while the version was minted: its copy here may be retired before it counts.
        var isOvertaken = false
        /// How often the version was minted; distinguishes late answers to earlier attempts.
        var attempt: UInt64 = 0
        /// The present attempt is not minted yet: `stored` is what an earlier one left, and no copy of it counts.
        var isMinting = true
        var stored = Record()
        /// Why our own storage lost the minted version, if it did.
        var ownFailure: StorageFailure?
    }

    struct Forward: Sendable {
        var write: Write
        let required: Int
        /// Nodes that were not tried yet, best first.
        var candidates: [NodeID]
        /// Whether nodes outside the row are among the candidates already.
        var isLastResort = false
        /// Our own storage refused it, so it is not tried again.
        let excludesItself: Bool
        /// Who is trying now.
        var current: NodeID?
        /// Grows with every node that is tried; distinguishes answers of those that were given up.
        var attempt: UInt64 = 0
        /// The attempt since which the id is the present one: only a success since then is one of this write.
        var firstAttempt: UInt64 = 0
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
        /// The layout whose rows it counts by.
        var version: LayoutVersion
        let deadline: Duration
        let bytes: Int
        var body: Body
    }

    /// What an answer from storage or from a peer is for.
    enum Wait: Sendable {
        case get(UInt64)
        /// The minting of a put, or a copy of it at a member or a stand-in.
        case put(UInt64, attempt: UInt64)
        /// The hint that this node keeps itself for a put that it coordinates.
        case ownHint(UInt64, attempt: UInt64)
        case forward(UInt64, attempt: UInt64)
        case scan(UInt64, visited: Int)
        case count(UInt64)
        /// Read repair: nobody waits.
        case repair
        /// We are the replica that a peer asked.
        case replica(PeerRequestID)
        /// As `replica`; what is stored counts for no quorum of the asker.
        case fencedReplica(PeerRequestID)
        /// As `replica`, and the outline of the record is enough.
        case outline(PeerRequestID)
        /// We count partitions for a peer: the sum so far is kept under the operation id.
        case replicaCount(UInt64)
    }

    /// - Parameter budget: What is left of the asker's patience, if the operation had to wait.
    mutating func begin(
        _ operation: ClientOperation,
        for asker: Asker,
        budget: Duration? = nil,
        now: Moment,
        into effects: inout [Effect]
    ) {
        guard let layout = self.layout else {
            let failure = self.configuration.isMember ? ClientFailure.starting : .notInitialised
            self.answer(asker, with: .failed(failure), into: &effects)
            return
        }
        guard !self.isOverloaded else {
            self.answer(asker, with: .failed(.overloaded), into: &effects)
            return
        }
        switch operation {
        case .get(let key, let readQuorum):
            self.beginGet(
                key,
                readQuorum,
                use: .answer,
                layout: layout,
                for: asker,
                budget: budget,
                now: now,
                into: &effects
            )
        case .put(let request) where request.value == nil:
            self.beginGet(
                request.key,
                nil,
                use: .delete(request),
                layout: layout,
                for: asker,
                budget: budget,
                now: now,
                into: &effects
            )
        case .put(let request):
            self.beginPut(
                request,
                wasLive: true,
                layout: layout,
                for: asker,
                budget: budget,
                now: now,
                into: &effects
            )
        case .scan(let cursor, let limit):
            self.beginScan(cursor, limit: limit, layout: layout, for: asker, now: now, into: &effects)
        case .countKeys:
            self.beginCount(layout: layout, for: asker, now: now, into: &effects)
        }
    }

    /// - Parameters:
    ///   - bytes: What the operation holds in memory, roughly.
    ///   - budget: How long its asker waits, if that is less than this node would.
    mutating func insert(
        _ body: Operation.Body,
        layout: Layout,
        for asker: Asker,
        bytes: Int = 0,
        budget: Duration? = nil,
        now: Moment
    ) -> UInt64 {
        let id = self.takeID()
        let timeout = min(budget ?? self.configuration.operationTimeout, self.configuration.operationTimeout)
        let deadline = now.elapsed + timeout
        self.operations[id] = Operation(
            asker: asker,
            version: layout.version,
            deadline: deadline,
            bytes: bytes,
            body: body
        )
        self.bytesInFlight += bytes
        self.deadlines.insert(.deadline(id), at: deadline)
        if timeout > self.configuration.patience {
            self.deadlines.insert(.patience(id), at: now.elapsed + self.configuration.patience)
        }
        return id
    }

    mutating func remove(_ id: UInt64) {
        guard let operation = self.operations.removeValue(forKey: id) else { return }
        self.bytesInFlight -= operation.bytes
        if case .peer = operation.asker, case .put(let put) = operation.body {
            self.coordinated.remove(put.write.id)
        }
    }
}
