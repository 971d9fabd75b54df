import QuireCore

/// What is different about a hint store: it is counted and bounded, its actor's life is short, and its file goes when it
/// is empty. All else it has in common with a replica.
extension ShardCore {
    /// A full hint store refuses, it never evicts (SAFETY rule 8); what it holds can be dropped at any time.
    func hasRoom(for command: StorageCommand) -> Bool {
        guard command.store.isHints else { return true }
        switch command {
        case .mint, .merge, .mergeBatch:
            let share = self.configuration.hintBytesMax / self.configuration.shardCount
            return self.hintBytes + command.approximateBytes <= share
        case .read, .dropBatch, .scan, .leaves, .leafEntries, .count, .sums, .digests, .records, .lacking:
            return true
        }
    }

    /// Forgets the keys whose present records know nothing beyond the given ones.
    func drop(_ records: [KeyedRecord], in state: StoreState) throws {
        // A former file that is still to be merged might bring a key back.
        if !state.store.isHints { try self.finishLiveMerge(of: state) }
        for keyed in records {
            let entry = try self.entry(of: keyed.key, in: state)
            guard !entry.record.isEmpty, keyed.record.descends(from: entry.record) else { continue }
            if state.store.isHints { try self.endLife(in: state, if: entry.record.vector) }
            state.dropCount += 1
            self.change(entry, in: state) { $0 = Record() }
            entry.drop = state.dropCount
            self.unloggedDrops.append(
                LogFormat.Entry(store: state.store, drop: state.dropCount, change: .dropped(keyed.key))
            )
        }
    }

    /// Ends the life of a hint store's actor when what it minted is no longer held here (SAFETY rule 3).
    private func endLife(in state: StoreState, if dropped: VersionVector) throws {
        let life = try self.life(of: state)
        if dropped.counter(of: life.actor) > 0 { state.actor = self.beginLife() }
    }

    // MARK: Totals

    func count(in state: StoreState, bytes: Int, records: Int) {
        guard var totals = state.totals else { return }
        totals.bytes += bytes
        totals.records += records
        if totals.records == 0 {
            totals.sinceMilliseconds = nil
        } else if totals.sinceMilliseconds == nil {
            totals.sinceMilliseconds = self.configuration.now()
        }
        state.totals = totals
        self.hintBytes += bytes
    }

    /// Counts a hint store anew, from its file and its buffer.
    func recount(_ state: StoreState) throws {
        guard state.store.isHints else { return }
        self.hintBytes -= state.totals?.bytes ?? 0
        state.totals = HintTotals()
        guard state.quarantine == nil else { return }
        let file = try self.summary(of: state).hints ?? HintTotals()
        var totals = file
        for entry in state.buffer.values {
            if entry.baseline == nil { try self.compareWithFile(entry, in: state) }
            let baseline = entry.baseline ?? .absent
            totals.bytes += entry.contentBytes - baseline.bytes
            totals.records += entry.tally.records - baseline.tally.records
        }
        totals.sinceMilliseconds = totals.records > 0 ? file.sinceMilliseconds ?? self.configuration.now() : nil
        state.totals = totals
        self.hintBytes += totals.bytes
        if state.hasFile && file.records == 0 { self.emptiedHints.insert(state.partition) }
    }

    func hintStatistics() -> HintStatistics {
        var statistics = HintStatistics()
        let now = self.configuration.now()
        for state in self.hints {
            if let reason = state.quarantine { statistics.quarantined[state.partition] = reason }
            guard let totals = state.totals, let since = totals.sinceMilliseconds else { continue }
            statistics.stores.append(
                HintStatistics.Store(
                    partition: state.partition,
                    records: totals.records,
                    bytes: totals.bytes,
                    ageMilliseconds: now > since ? now - since : 0
                )
            )
        }
        return statistics
    }

    // MARK: Files

    /// Removes the files of hint stores that hold nothing any more.
    func removeEmptyHintFiles() throws {
        for partition in self.emptiedHints.sorted() {
            let state = self.state(of: .hints(partition))
            let isEmpty = state.hasFile && state.buffer.isEmpty && state.quarantine == nil
            if isEmpty, try self.summary(of: state).tally.records == 0 {
                try self.logRetirement(of: state)
                try self.removeFile(of: state)
            }
            self.emptiedHints.remove(partition)
        }
    }

    /// Voids, in the log, all that it says of a store.
    func logRetirement(of state: StoreState) throws {
        if let refusal = self.prepareForWrites() {
            throw StorageError(.inputOutput, "the log takes no writes now: retry later", cause: "\(refusal)")
        }
        self.log.append(LogFormat.Entry(store: state.store, drop: state.dropCount + 1, change: .retired))
        try self.log.sync()
        state.dropCount += 1
    }

    /// The name goes first: a main file without its WAL would be an older state.
    func removeFile(of state: StoreState) throws {
        let path = self.directory.file(of: state.store)
        self.files[state.store] = nil
        try FileSystem.remove(path)
        try FileSystem.syncDirectory(self.directory.home(of: state.store))
        try FileSystem.removeCompanions(of: path)
        state.hasFile = false
        state.forgetFile()
    }
}
