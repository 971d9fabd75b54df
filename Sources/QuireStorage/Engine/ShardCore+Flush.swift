import QuireCore

/// Moves records from the write buffer into partition files, and lets log segments go.
extension ShardCore {
    /// Writes all buffered records of a store into its file, synced when this returns.
    ///
    /// When it throws, the buffer still has everything; the file's state is then looked up anew.
    func flush(_ state: StoreState) throws {
        guard !state.buffer.isEmpty else { return }
        if let reason = state.quarantine { throw self.quarantineError(state, reason) }
        do {
            try self.write(state)
            self.discardBuffer(of: state)
            try self.checkpointIfLarge(state)
        } catch {
            throw self.flushFailed(error, state)
        }
    }

    private func write(_ state: StoreState) throws {
        if let number = self.configuration.faults?.flushError {
            throw FileSystem.failure("flush", self.directory.file(of: state.store), number: number)
        }
        // Dropped keys without a file leave nothing to be done.
        guard state.hasFile || state.buffer.values.contains(where: { !$0.record.isEmpty }) else { return }
        guard let file = try self.file(of: state, creating: true) else {
            preconditionFailure("a file of partition \(state.partition) was to be made")
        }
        let old = try self.summary(of: state)
        let entries = state.buffer.values.sorted { $0.hash < $1.hash }
        var new = old
        var changes: [PartitionFile.Change] = []
        changes.reserveCapacity(entries.count)
        for entry in entries {
            if entry.baseline == nil { try self.compareWithFile(entry, in: state) }
            let baseline = entry.baseline ?? .absent
            new.leaves.replace(baseline.digest, with: entry.digest(self.configuration.digester), at: entry.hash)
            new.tally -= baseline.tally
            new.tally += entry.tally
            new.hints?.bytes += entry.contentBytes - baseline.bytes
            let encoded = entry.record.isEmpty ? nil : entry.encoded()
            changes.append(
                PartitionFile.Change(rowID: baseline.rowID, hash: entry.hash, key: entry.key, encoded: encoded)
            )
        }
        if let hints = new.hints { new.hints = self.dated(hints, records: new.tally.records, in: state) }
        try file.write(changes, old: old, new: new, life: (state.actor, state.dropCount))
        state.summary = new
        state.fileDropCount = state.dropCount
        if state.store.isHints && new.tally.records == 0 { self.emptiedHints.insert(state.partition) }
    }

    private func dated(_ hints: HintTotals, records: Int, in state: StoreState) -> HintTotals {
        var hints = hints
        let since = state.totals?.sinceMilliseconds ?? hints.sinceMilliseconds ?? self.configuration.now()
        hints.records = records
        hints.sinceMilliseconds = records > 0 ? since : nil
        return hints
    }

    func checkpointIfLarge(_ state: StoreState) throws {
        guard self.seals[state.store] == nil, let file = self.files[state.store]?.file else { return }
        guard file.walBytes > self.configuration.checkpointBytes else { return }
        _ = try file.checkpoint(.passive)
    }

    /// After an error in the middle of a write nobody knows what the file holds: closes it, looks again later.
    private func flushFailed(_ error: any Error, _ state: StoreState) -> any Error {
        self.retryFlushAtMilliseconds = self.configuration.now() + self.configuration.retryMilliseconds
        if self.isDamage(error, isWriting: true) {
            return self.quarantineError(state, self.quarantine(state, error))
        }
        if self.seals[state.store] == nil { self.files[state.store] = nil }
        state.forgetFile()
        if let error = error as? SQLiteError {
            let message = error.isDiskFull ? "disk full: cannot flush; free some space" : "cannot flush"
            return StorageError(.inputOutput, message, cause: error.description, partition: state.partition)
        }
        return error
    }

    /// Does one piece of work that is due: flushes one partition, or lets segments go.
    ///
    /// - Returns: Whether there may be more.
    func maintain() -> Bool {
        let now = self.configuration.now()
        self.expireSeals(now: now)
        if now >= self.retryFlushAtMilliseconds, let partition = self.liveMerges.min() {
            do {
                try self.finishLiveMerge(of: self.state(of: .replica(partition)))
            } catch {
                // The former file is still there; it is tried again after a while.
                self.retryFlushAtMilliseconds = now + self.configuration.retryMilliseconds
            }
        }
        if now >= self.retryFlushAtMilliseconds, !self.emptiedHints.isEmpty {
            do {
                try self.removeEmptyHintFiles()
            } catch {
                // An empty file does no harm; it is tried again after a while.
                self.retryFlushAtMilliseconds = now + self.configuration.retryMilliseconds
            }
        }
        guard now >= self.retryFlushAtMilliseconds, let state = self.nextToFlush(now: now) else { return false }
        if state.quarantine != nil {
            // Its records cannot be flushed; moving them to the log's end lets old segments go.
            guard (try? self.rotateLog()) != nil else { return false }
        } else {
            // The failure is kept with the partition, or tried again at `retryFlushAtMilliseconds`.
            guard (try? self.flush(state)) != nil else { return false }
        }
        self.removeUnneededSegments()
        return true
    }

    func removeUnneededSegments() {
        let earliest = self.states.compactMap(\.earliestSegment).min() ?? self.log.sequence
        // A segment that stays too long costs only space; the next flush tries again.
        try? self.log.removeSegments(before: min(earliest, self.log.sequence))
    }

    private func nextToFlush(now: UInt64) -> StoreState? {
        if self.bufferedBytes > self.configuration.bufferBytesMax / 2, let state = self.largestBuffer() { return state }
        if self.hasFullPartition {
            let isFull = { (state: StoreState) in
                state.quarantine == nil && state.buffer.count > self.configuration.bufferedRecordsMax
            }
            if let state = self.states.first(where: isFull) { return state }
            self.hasFullPartition = false
        }
        if self.log.totalBytes > self.configuration.logBytesMax {
            let state = self.states.filter { $0.earliestSegment != nil }
                .min { $0.earliestSegment ?? 0 < $1.earliestSegment ?? 0 }
            if let state, state.earliestSegment ?? .max < self.log.sequence { return state }
        }
        guard now >= self.nextAgeCheckMilliseconds else { return nil }
        let aged = self.states.filter { state in
            !state.buffer.isEmpty && state.quarantine == nil
                && state.bufferedSinceMilliseconds + self.configuration.flushAgeMilliseconds <= now
        }
        if let oldest = aged.min(by: { $0.bufferedSinceMilliseconds < $1.bufferedSinceMilliseconds }) { return oldest }
        self.nextAgeCheckMilliseconds = now + min(250, self.configuration.flushAgeMilliseconds)
        return nil
    }

    // MARK: Damage

    /// Whether an error says that the file's content is wrong or unreadable.
    func isDamage(_ error: any Error, isWriting: Bool = false) -> Bool {
        if let error = error as? SQLiteError {
            return error.isCorruption || (error.isInputOutput && !isWriting)
        }
        guard let error = error as? StorageError else { return false }
        return error.code == .corruptFile || error.code == .foreignData
    }

    func quarantineError(_ state: StoreState, _ reason: String) -> StorageError {
        StorageError(
            .quarantined,
            "partition \(state.partition) is set aside until its data is fetched again",
            cause: reason,
            partition: state.partition
        )
    }

    /// Sets a damaged file aside. Its buffered records stay, for when the partition comes back.
    ///
    /// - Returns: The reason as it was recorded.
    func quarantine(_ state: StoreState, _ error: any Error) -> String {
        var reason = "\(error)"
        self.files[state.store] = nil
        self.seals[state.store] = nil
        do {
            let now = self.configuration.now()
            try self.directory.setAside(state.store, because: reason, atMilliseconds: now)
        } catch {
            // The partition stays set aside in memory; the next start meets the same file again.
            reason += "; it could not be moved: \(error)"
        }
        state.quarantine = reason
        state.hasFile = false
        state.actor = nil
        state.mayContinueActor = false
        state.forgetFile()
        if state.store.isHints {
            self.hintBytes -= state.totals?.bytes ?? 0
            state.totals = HintTotals()
        }
        return reason
    }

    /// Detaches the buffer of a quarantined store from the file in which its drops were decided: in whatever file comes
    /// next a row is no older than they are.
    ///
    /// The log is rewritten, so that its records carry the latest number, and count for a file of any age up to that.
    func forgetDrops(of state: StoreState) throws {
        guard state.quarantine != nil else { return }
        for entry in state.buffer.values {
            entry.drop = nil
            if entry.record.isEmpty { self.removeFromBuffer(entry, in: state) }
        }
        try self.rotateLog()
        self.removeUnneededSegments()
    }

    private func removeFromBuffer(_ entry: BufferedRecord, in state: StoreState) {
        state.buffer[entry.key] = nil
        entry.isBuffered = false
        state.bufferedBytes -= entry.accountedBytes
        self.bufferedBytes -= entry.accountedBytes
        if state.buffer.isEmpty { state.earliestSegment = nil }
    }

    /// Ends a quarantine: the store begins anew, empty but for its buffer, under a fresh actor.
    func endQuarantine(_ state: StoreState) throws {
        guard state.quarantine != nil else { return }
        try self.forgetDrops(of: state)
        try FileSystem.remove(self.directory.reason(of: state.store))
        try FileSystem.syncDirectory(self.directory.quarantine)
        state.quarantine = nil
        state.hasFile = FileSystem.exists(self.directory.file(of: state.store))
        if state.hasFile, try self.file(of: state) != nil, !state.buffer.isEmpty { try self.rotateLog() }
        try self.recount(state)
    }
}
