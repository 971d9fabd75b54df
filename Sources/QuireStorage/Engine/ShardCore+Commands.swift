import QuireCore

/// Executes commands. Answers that need no sync, and those that wait for one, are collected apart.
extension ShardCore {
    /// What one batch owes to one sink.
    struct Answers {
        var immediate: [StorageCompletion] = []
        /// Delivered as they are when the sync succeeds, as failures when it does not.
        var afterSync: [StorageCompletion] = []
    }

    /// - Parameter refusal: Why writes are refused now, if they are.
    func execute(
        _ command: StorageCommand,
        token: UInt64,
        refusal: StorageFailure?,
        into answers: inout Answers
    ) {
        let state = self.state(of: command.store)
        if let reason = state.quarantine {
            answers.immediate.append(.init(token: token, outcome: .failed(.quarantined(state.partition, reason))))
            return
        }
        let refusal = command.isWrite ? refusal ?? (self.hasRoom(for: command) ? nil : .overloaded) : nil
        if let refusal {
            answers.immediate.append(.init(token: token, outcome: .failed(refusal)))
            return
        }
        do {
            if case .lacking(_, let digests) = command {
                let indexes = try self.lacking(digests, in: state)
                answers.afterSync.append(.init(token: token, outcome: .lacking(indexes)))
            } else if command.isWrite {
                let written = try self.write(command, in: state)
                if let early = written.early { answers.immediate.append(.init(token: token, outcome: early)) }
                guard let receipt = written.receipt else { return }
                answers.afterSync.append(.init(token: token, outcome: .durable(receipt)))
            } else {
                answers.immediate.append(.init(token: token, outcome: try self.answer(command, in: state)))
            }
        } catch {
            answers.immediate.append(.init(token: token, outcome: .failed(self.failure(error, in: state))))
        }
    }

    private func answer(_ command: StorageCommand, in state: StoreState) throws -> StorageOutcome {
        switch command {
        case .read(_, let key):
            let record = try self.record(of: key, in: state)
            return .record(record.isEmpty ? nil : record)
        case .scan(_, let position, let limit):
            return try self.page(in: state, after: position, leaf: nil, limit: limit)
        case .leaves:
            return .leaves(try self.liveLeaves(of: state))
        case .leafEntries(_, let leaf, let position, let limit):
            return try self.page(in: state, after: position, leaf: leaf, limit: limit)
        case .count:
            return .counts(try self.counts(of: state))
        case .sums(_, let nodes):
            return try self.sums(of: nodes, in: state)
        case .digests(_, let nodes):
            return try self.digests(of: nodes, in: state)
        case .records(_, let hashes, let limit):
            return try self.records(of: hashes, limit: limit, in: state)
        case .mint, .merge, .mergeBatch, .dropBatch, .lacking:
            preconditionFailure("a write has no immediate answer")
        }
    }

    /// - Returns: What is answered at once, and what once it is synced.
    private func write(
        _ command: StorageCommand,
        in state: StoreState
    ) throws -> (early: StorageOutcome?, receipt: DurableReceipt?) {
        switch command {
        case .mint(_, let request):
            let (record, dot) = try self.mint(request, in: state)
            return (.minted(record, dot: dot), DurableReceipt(syncedWithLatestTimestamp: record.latestTimestamp))
        case .merge(_, let key, let record, let sync):
            let latest = try self.merge(record, into: key, in: state).latestTimestamp
            return sync
                ? (nil, DurableReceipt(syncedWithLatestTimestamp: latest)) : (.merged(latestTimestamp: latest), nil)
        case .mergeBatch(_, let records):
            for keyed in records {
                _ = try self.merge(keyed.record, into: keyed.key, in: state)
            }
            return (nil, DurableReceipt(syncedWithLatestTimestamp: .zero))
        case .dropBatch(_, let records):
            try self.drop(records, in: state)
            return (nil, DurableReceipt(syncedWithLatestTimestamp: .zero))
        case .read, .scan, .leaves, .leafEntries, .count, .sums, .digests, .records, .lacking:
            preconditionFailure("not a write")
        }
    }

    private func record(of key: Key, in state: StoreState) throws -> Record {
        if state.buffer[key] != nil { return try self.entry(of: key, in: state).record }
        guard let row = try self.file(of: state)?.row(of: key, hash: key.hash) else { return Record() }
        return try self.decode(row.encoded, in: state)
    }

    private func mint(_ request: MintRequest, in state: StoreState) throws -> (record: Record, dot: Dot) {
        let entry = try self.entry(of: request.key, in: state)
        if let version = entry.record.version(of: request.request) { return (entry.record, version.dot) }
        let name = RecentRequests.Name(request: request.request, hash: entry.hash, isHint: state.store.isHints)
        if let dot = self.recentRequests.dot(of: name) {
            if entry.record.vector.covers(dot) { return (entry.record, dot) }
            // Minted here, delivered and dropped: a second version of one write could outlive what replaced the first.
            throw StorageError(.inputOutput, "this write was executed here before, and handed on")
        }
        let dot = try self.nextDot(of: state)
        let version = Version(
            dot: dot,
            timestamp: request.timestamp,
            request: request.request,
            value: request.value,
            expiryMilliseconds: request.expiryMilliseconds
        )
        self.change(entry, in: state) { $0.mint(version, superseding: request.supersession) }
        self.recentRequests.remember(dot, of: name)
        return (entry.record, dot)
    }

    func merge(_ record: Record, into key: Key, in state: StoreState) throws -> Record {
        let entry = try self.entry(of: key, in: state)
        let merged = entry.record.merging(record)
        if merged != entry.record {
            self.change(entry, in: state) { $0 = merged }
        }
        return merged
    }

    /// The next dot of this store's life.
    private func nextDot(of state: StoreState) throws -> Dot {
        var life = try self.life(of: state)
        life.counter += 1
        state.actor = life
        return Dot(actor: life.actor, counter: life.counter)
    }

    /// The life under which the store mints, which may begin with this.
    func life(of state: StoreState) throws -> PartitionFile.ActorState {
        if let current = state.actor { return current }
        let previous = state.mayContinueActor ? try self.file(of: state)?.actor() : nil
        let isContinued = previous?.lineage == self.lineage
        let life = isContinued ? previous ?? self.beginLife() : self.beginLife()
        state.actor = life
        return life
    }

    func beginLife() -> PartitionFile.ActorState {
        let id = ActorID(rawValue: self.configuration.random())
        return PartitionFile.ActorState(actor: id, counter: 0, lineage: self.lineage)
    }

    private func page(
        in state: StoreState,
        after position: ScanPosition?,
        leaf: Int?,
        limit: PageLimit
    ) throws -> StorageOutcome {
        // What was never flushed need not be for this: hints often go as soon as they have come.
        guard state.hasFile else { return self.bufferPage(in: state, after: position, leaf: leaf, limit: limit) }
        try self.flush(state)
        guard let file = try self.file(of: state) else { return .page([], isLast: true) }
        let page = try file.page(after: position, leaf: leaf, limit: limit)
        return .page(page.records, isLast: page.isLast)
    }

    private func bufferPage(
        in state: StoreState,
        after position: ScanPosition?,
        leaf: Int?,
        limit: PageLimit
    ) -> StorageOutcome {
        let entries = state.buffer.values.filter { entry in
            !entry.record.isEmpty && (position.map { entry.position > $0 } ?? true)
                && (leaf.map { MerkleLeaves.leaf(of: entry.hash) == $0 } ?? true)
        }
        var page: [KeyedRecord] = []
        var bytes = 0
        for entry in entries.sorted(by: { $0.position < $1.position }) {
            guard page.isEmpty || page.count < limit.records && bytes < limit.bytes else {
                return .page(page, isLast: false)
            }
            bytes += entry.contentBytes
            page.append(KeyedRecord(key: entry.key, record: entry.record))
        }
        return .page(page, isLast: true)
    }

    /// The leaves of file and buffer together.
    func liveLeaves(of state: StoreState) throws -> MerkleLeaves {
        var leaves = try self.summary(of: state).leaves
        for entry in state.buffer.values {
            if entry.baseline == nil { try self.compareWithFile(entry, in: state) }
            let old = entry.baseline?.digest ?? 0
            leaves.replace(old, with: entry.digest(self.configuration.digester), at: entry.hash)
        }
        return leaves
    }

    private func counts(of state: StoreState) throws -> PartitionCounts {
        try self.flush(state)
        let tally = try self.summary(of: state).tally
        var live = tally.live
        if tally.expiring > 0, let file = try self.file(of: state) {
            live = 0
            let now = self.configuration.now()
            var position: ScanPosition?
            var isLast = false
            while !isLast {
                let page = try file.page(after: position, limit: PageLimit(records: 1024))
                live += page.records.count { $0.record.isLive(atMilliseconds: now) }
                position = page.records.last.map { ScanPosition(key: $0.key) }
                isLast = page.isLast
            }
        }
        return PartitionCounts(records: tally.records, liveKeys: live, bytes: self.sizeBytes(of: state))
    }

    /// Bytes of the file, its WAL and its unflushed records.
    func sizeBytes(of state: StoreState) -> Int {
        let path = self.directory.file(of: state.store)
        return FileSystem.sizeBytes(path) + FileSystem.sizeBytes(path + "-wal") + state.bufferedBytes
    }

    /// What to answer after an error; damage sets the partition aside.
    private func failure(_ error: any Error, in state: StoreState) -> StorageFailure {
        if let reason = state.quarantine { return .quarantined(state.partition, reason) }
        if self.isDamage(error) { return .quarantined(state.partition, self.quarantine(state, error)) }
        return .notDurable("\(error)")
    }
}

extension StorageCommand {
    var isWrite: Bool {
        switch self {
        // `.lacking` writes nothing, but is answered like a write: after the sync of what it found.
        case .mint, .merge, .mergeBatch, .dropBatch, .lacking: true
        case .read, .scan, .leaves, .leafEntries, .count, .sums, .digests, .records: false
        }
    }

    /// Whether nobody is served by executing it too late.
    var endsWithDeadline: Bool {
        switch self {
        case .read, .merge, .mergeBatch, .scan, .leaves, .leafEntries, .count, .sums, .digests, .records, .lacking: true
        case .mint, .dropBatch: false
        }
    }

    /// Roughly what the command holds in memory.
    var approximateBytes: Int {
        switch self {
        case .read, .scan, .leaves, .leafEntries, .count, .sums, .digests, .records: 64
        case .lacking(_, let digests): digests.reduce(64) { $0 + 64 + $1.key.bytes.count }
        case .mint(_, let request): 128 + request.key.bytes.count + (request.value?.count ?? 0)
        case .merge(_, let key, let record, _): 64 + key.bytes.count + record.encodedBytes
        case .mergeBatch(_, let records), .dropBatch(_, let records):
            records.reduce(64) { $0 + 64 + $1.key.bytes.count + $1.record.encodedBytes }
        }
    }
}
