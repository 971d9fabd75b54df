import QuireCore

/// Moves records from the write buffer into partition files, and lets log segments go.
extension ShardCore {
    /// Writes all buffered records of a partition into its file, synced when this returns.
    ///
    /// When it throws, the buffer still has everything; the file's state is then looked up anew.
    func flush(_ state: PartitionState) throws {
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

    private func write(_ state: PartitionState) throws {
        if let number = self.configuration.faults?.flushError {
            throw FileSystem.failure("flush", self.directory.file(of: state.partition), number: number)
        }
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
            new.tally += RecordTally(of: entry.record)
            changes.append(
                PartitionFile.Change(rowID: baseline.rowID, hash: entry.hash, key: entry.key, encoded: entry.encoded())
            )
        }
        try file.write(changes, leaves: (old.leaves, new.leaves), tally: new.tally, actor: state.actor)
        state.summary = new
    }

    func checkpointIfLarge(_ state: PartitionState) throws {
        guard self.seals[state.partition] == nil, let file = self.files[state.partition]?.file else { return }
        guard file.walBytes > self.configuration.checkpointBytes else { return }
        _ = try file.checkpoint(.passive)
    }

    /// After an error in the middle of a write nobody knows what the file holds: closes it, looks again later.
    private func flushFailed(_ error: any Error, _ state: PartitionState) -> any Error {
        self.retryFlushAtMilliseconds = self.configuration.now() + self.configuration.retryMilliseconds
        if self.isDamage(error, isWriting: true) {
            return self.quarantineError(state, self.quarantine(state, error))
        }
        if self.seals[state.partition] == nil { self.files[state.partition] = nil }
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
                try self.finishLiveMerge(of: self.state(of: partition))
            } catch {
                // The former file is still there; it is tried again after a while.
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

    private func nextToFlush(now: UInt64) -> PartitionState? {
        if self.bufferedBytes > self.configuration.bufferBytesMax / 2, let state = self.largestBuffer() { return state }
        if self.hasFullPartition {
            let isFull = { (state: PartitionState) in
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

    func quarantineError(_ state: PartitionState, _ reason: String) -> StorageError {
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
    func quarantine(_ state: PartitionState, _ error: any Error) -> String {
        var reason = "\(error)"
        self.files[state.partition] = nil
        self.seals[state.partition] = nil
        let path = self.directory.file(of: state.partition)
        let target = "\(self.directory.quarantine)/\(state.partition)-\(self.configuration.now()).db"
        do {
            try FileSystem.write(reason + "\n", to: self.directory.reason(of: state.partition))
            try FileSystem.syncDirectory(self.directory.quarantine)
            if FileSystem.exists(path) { try FileSystem.move(path, to: target) }
            if FileSystem.exists(path + "-wal") { try FileSystem.move(path + "-wal", to: target + "-wal") }
            try FileSystem.syncDirectory(self.directory.partitions)
        } catch {
            // The partition stays set aside in memory; the next start meets the same file again.
            reason += "; it could not be moved: \(error)"
        }
        state.quarantine = reason
        state.hasFile = false
        state.actor = nil
        state.mayContinueActor = false
        state.forgetFile()
        return reason
    }

    /// Ends a quarantine: the partition begins anew, empty but for its buffer, under a fresh actor.
    func endQuarantine(_ state: PartitionState) throws {
        guard state.quarantine != nil else { return }
        try FileSystem.remove(self.directory.reason(of: state.partition))
        try FileSystem.syncDirectory(self.directory.quarantine)
        state.quarantine = nil
        state.hasFile = FileSystem.exists(self.directory.file(of: state.partition))
    }
}
