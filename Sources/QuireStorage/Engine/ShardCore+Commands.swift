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
        guard case .replica = command.store else {
            answers.immediate.append(.init(token: token, outcome: .failed(.notDurable("there is no hint store"))))
            return
        }
        let state = self.state(of: command.partition)
        if let reason = state.quarantine {
            answers.immediate.append(.init(token: token, outcome: .failed(.quarantined(state.partition, reason))))
            return
        }
        if command.isWrite, let refusal {
            answers.immediate.append(.init(token: token, outcome: .failed(refusal)))
            return
        }
        do {
            if command.isWrite {
                let written = try self.write(command, in: state)
                if let minted = written.minted { answers.immediate.append(.init(token: token, outcome: minted)) }
                answers.afterSync.append(.init(token: token, outcome: .durable(written.receipt)))
            } else {
                answers.immediate.append(.init(token: token, outcome: try self.answer(command, in: state)))
            }
        } catch {
            answers.immediate.append(.init(token: token, outcome: .failed(self.failure(error, in: state))))
        }
    }

    private func answer(_ command: StorageCommand, in state: PartitionState) throws -> StorageOutcome {
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
        case .mint, .merge, .mergeBatch, .dropBatch:
            preconditionFailure("a write has no immediate answer")
        }
    }

    private func write(
        _ command: StorageCommand,
        in state: PartitionState
    ) throws -> (receipt: DurableReceipt, minted: StorageOutcome?) {
        switch command {
        case .mint(_, let request):
            let (record, dot) = try self.mint(request, in: state)
            return (DurableReceipt(syncedWithLatestTimestamp: record.latestTimestamp), .minted(record, dot: dot))
        case .merge(_, let key, let record, _):
            let merged = try self.merge(record, into: key, in: state)
            return (DurableReceipt(syncedWithLatestTimestamp: merged.latestTimestamp), nil)
        case .mergeBatch(_, let records):
            for keyed in records {
                _ = try self.merge(keyed.record, into: keyed.key, in: state)
            }
            return (DurableReceipt(syncedWithLatestTimestamp: .zero), nil)
        case .dropBatch, .read, .scan, .leaves, .leafEntries, .count:
            preconditionFailure("not a write")
        }
    }

    private func record(of key: Key, in state: PartitionState) throws -> Record {
        if state.buffer[key] != nil { return try self.entry(of: key, in: state).record }
        guard let row = try self.file(of: state)?.row(of: key, hash: key.hash) else { return Record() }
        return try self.decode(row.encoded, in: state)
    }

    private func mint(_ request: MintRequest, in state: PartitionState) throws -> (record: Record, dot: Dot) {
        let entry = try self.entry(of: request.key, in: state)
        if let version = entry.record.version(of: request.request) { return (entry.record, version.dot) }
        if let dot = self.recentRequests.dot(of: request.request, hash: entry.hash), entry.record.vector.covers(dot) {
            return (entry.record, dot)
        }
        let dot = try self.nextDot(of: state)
        let version = Version(
            dot: dot,
            timestamp: request.timestamp,
            request: request.request,
            value: request.value,
            expiryMilliseconds: request.expiryMilliseconds
        )
        entry.update { $0.mint(version, superseding: request.supersession) }
        self.recentRequests.remember(dot, of: request.request, hash: entry.hash)
        self.changed(entry, in: state)
        return (entry.record, dot)
    }

    func merge(_ record: Record, into key: Key, in state: PartitionState) throws -> Record {
        let entry = try self.entry(of: key, in: state)
        let merged = entry.record.merging(record)
        if merged != entry.record {
            entry.update { $0 = merged }
            self.changed(entry, in: state)
        }
        return merged
    }

    /// The next dot of this replica's life, which may begin with it.
    private func nextDot(of state: PartitionState) throws -> Dot {
        var actor: PartitionFile.ActorState
        if let current = state.actor {
            actor = current
        } else {
            let previous = state.mayContinueActor ? try self.file(of: state)?.actor() : nil
            if let previous, previous.lineage == self.lineage {
                actor = previous
            } else {
                let id = ActorID(rawValue: self.configuration.random())
                actor = PartitionFile.ActorState(actor: id, counter: 0, lineage: self.lineage)
            }
        }
        actor.counter += 1
        state.actor = actor
        return Dot(actor: actor.actor, counter: actor.counter)
    }

    private func page(
        in state: PartitionState,
        after position: ScanPosition?,
        leaf: Int?,
        limit: PageLimit
    ) throws -> StorageOutcome {
        try self.flush(state)
        guard let file = try self.file(of: state) else { return .page([], isLast: true) }
        let page = try file.page(after: position, leaf: leaf, limit: limit)
        return .page(page.records, isLast: page.isLast)
    }

    /// The leaves of file and buffer together.
    func liveLeaves(of state: PartitionState) throws -> MerkleLeaves {
        var leaves = try self.summary(of: state).leaves
        for entry in state.buffer.values {
            if entry.baseline == nil { try self.compareWithFile(entry, in: state) }
            let old = entry.baseline?.digest ?? 0
            leaves.replace(old, with: entry.digest(self.configuration.digester), at: entry.hash)
        }
        return leaves
    }

    private func counts(of state: PartitionState) throws -> PartitionCounts {
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
    func sizeBytes(of state: PartitionState) -> Int {
        let path = self.directory.file(of: state.partition)
        return FileSystem.sizeBytes(path) + FileSystem.sizeBytes(path + "-wal") + state.bufferedBytes
    }

    /// What to answer after an error; damage sets the partition aside.
    private func failure(_ error: any Error, in state: PartitionState) -> StorageFailure {
        if let reason = state.quarantine { return .quarantined(state.partition, reason) }
        if self.isDamage(error) { return .quarantined(state.partition, self.quarantine(state, error)) }
        return .notDurable("\(error)")
    }
}

extension StorageCommand {
    var isWrite: Bool {
        switch self {
        case .mint, .merge, .mergeBatch, .dropBatch: true
        case .read, .scan, .leaves, .leafEntries, .count: false
        }
    }

    /// Roughly what the command holds in memory.
    var approximateBytes: Int {
        switch self {
        case .read, .scan, .leaves, .leafEntries, .count: 64
        case .mint(_, let request): 128 + request.key.bytes.count + (request.value?.count ?? 0)
        case .merge(_, let key, let record, _): 64 + key.bytes.count + record.encodedBytes
        case .mergeBatch(_, let records), .dropBatch(_, let records):
            records.reduce(64) { $0 + 64 + $1.key.bytes.count + $1.record.encodedBytes }
        }
    }
}
