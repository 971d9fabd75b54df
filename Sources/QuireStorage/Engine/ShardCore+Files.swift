import QuireCore

/// Exchanges, retires and finishes whole partition files.
extension ShardCore {
    // MARK: Install

    /// Makes a verified image the partition's file, and merges into it what the replica has written meanwhile.
    ///
    /// Steps, each durable before the next, so that a start after a crash can go on from any of them
    /// (`StorageRecovery`, `resumeInstalls`): 1. the live file is complete and closed; 2. the image names no actor,
    /// and the replica's latest drop; 3. the live file bears the name of `incoming/<p>.live.db`; 4. the image bears
    /// the name of the partition's file; 5. the rows of the former file are merged; 6. the former file is gone.
    ///
    /// - Parameter isSpare: Whether the image can be had again: then its own steps are synced as one, and a crash before
    ///   it has its place may leave it damaged.
    func install(_ partition: PartitionID, imagePath: String, isSpare: Bool) throws {
        let state = self.state(of: .replica(partition))
        guard self.seals[state.store] == nil else { throw self.sealHeldError(partition) }
        try self.finishLiveMerge(of: state)
        try self.flushAndClose(state)
        try self.adopt(imageAt: imagePath, for: state, isSpare: isSpare)
        try self.exchangeFiles(of: state, for: imagePath)
        try self.endQuarantine(state)
        state.hasFile = true
        state.actor = nil
        state.mayContinueActor = false
        state.forgetFile()
        do {
            try self.finishLiveMerge(of: state)
        } catch {
            throw self.controlFailure(error, state)
        }
    }

    private func adopt(imageAt path: String, for state: StoreState, isSpare: Bool) throws {
        try self.forgetDrops(of: state)
        do {
            let identity = self.configuration.identity(of: state.store)
            let file = try PartitionFile(path: path, identity: identity, isSynced: !isSpare)
            try file.adopt(dropCount: state.dropCount)
            guard try file.checkpoint(.truncate) else {
                throw StorageError(.inputOutput, "a checkpoint is not complete", partition: state.partition, path: path)
            }
        } catch let error as SQLiteError {
            throw StorageError(.inputOutput, "the image cannot be adopted", cause: error.description, path: path)
        }
        try FileSystem.removeCompanions(of: path)
        try FileSystem.syncFile(path)
    }

    private func flushAndClose(_ state: StoreState) throws {
        guard state.quarantine == nil else { return }
        do {
            try self.flush(state)
            try self.completeAndClose(state)
        } catch {
            throw self.controlFailure(error, state)
        }
    }

    private func exchangeFiles(of state: StoreState, for imagePath: String) throws {
        let path = self.directory.file(of: state.store)
        let live = self.directory.liveFile(of: state.partition)
        if state.hasFile {
            try FileSystem.move(path, to: live)
            self.liveMerges.insert(state.partition)
        }
        do {
            let isClear = !state.hasFile && !FileSystem.hasCompanions(path)
            try FileSystem.removeCompanions(of: path)
            if !isClear {
                try FileSystem.syncDirectory(self.directory.incoming)
                try FileSystem.syncDirectory(self.directory.partitions)
            }
            try FileSystem.move(imagePath, to: path)
        } catch {
            if state.hasFile {
                try FileSystem.move(live, to: path)
                self.liveMerges.remove(state.partition)
            }
            throw error
        }
        try FileSystem.syncDirectory(self.directory.partitions)
        try FileSystem.syncDirectory(self.directory.incoming)
    }

    /// At start: goes on with installs that a crash has interrupted after the image got its place.
    func resumeInstalls(of partitions: [PartitionID]) throws {
        for partition in partitions {
            let state = self.state(of: .replica(partition))
            self.liveMerges.insert(partition)
            guard state.quarantine == nil else { continue }
            state.mayContinueActor = false
            try self.file(of: state)?.forgetActor()
            try self.finishLiveMerge(of: state)
        }
    }

    /// Merges the former file of the partition, if there is one, into its present one, then removes it.
    ///
    /// When it throws, the former file is still there, and `maintain` tries again.
    func finishLiveMerge(of state: StoreState) throws {
        guard self.liveMerges.contains(state.partition), state.quarantine == nil else { return }
        let live = self.directory.liveFile(of: state.partition)
        let reader = try PartitionImageReader(path: live, expecting: self.configuration.identity(of: state.store))
        var position: ScanPosition?
        var isLast = false
        while !isLast {
            let page = try reader.page(after: position, limit: PageLimit(records: 2048, bytes: 8 << 20))
            for row in page.rows {
                _ = try self.merge(row.record, into: row.key, in: state)
            }
            // Not through the log: the former file stays until the flush has synced them.
            try self.flush(state)
            position = page.rows.last.map { ScanPosition(key: $0.key) }
            isLast = page.isLast
        }
        self.liveMerges.remove(state.partition)
        try FileSystem.remove(live)
        try FileSystem.removeCompanions(of: live)
        try FileSystem.syncDirectory(self.directory.incoming)
    }

    // MARK: Retire

    /// Moves the complete file of a partition aside; the log no longer brings its records back.
    ///
    /// - Parameter version: The layout by which the partition belongs elsewhere.
    /// - Returns: Where the file is now; `nil` when there was none.
    func retire(_ partition: PartitionID, at version: LayoutVersion) throws -> String? {
        let state = self.state(of: .replica(partition))
        if let reason = state.quarantine { throw self.quarantineError(state, reason) }
        guard self.seals[state.store] == nil else { throw self.sealHeldError(partition) }
        // Else `maintain` would make a new file out of the former one.
        try self.finishLiveMerge(of: state)
        try self.flush(state)
        guard state.hasFile else { return nil }
        do {
            try self.completeAndClose(state)
        } catch {
            throw self.controlFailure(error, state)
        }
        // First the log, then the name: what the log forgets is in the file, wherever a crash leaves it.
        try self.logRetirement(of: state)
        let path = self.directory.file(of: state.store)
        let target = self.directory.retiredFile(of: partition, at: version, milliseconds: self.configuration.now())
        try FileSystem.move(path, to: target)
        try FileSystem.removeCompanions(of: path)
        try FileSystem.syncDirectory(self.directory.retired)
        try FileSystem.syncDirectory(self.directory.partitions)
        state.hasFile = false
        state.actor = nil
        state.mayContinueActor = false
        state.forgetFile()
        return target
    }

    // MARK: Stop

    /// Brings every record into complete files.
    ///
    /// Each flush has written the actor and its counter, and whatever is minted later is in the buffer: so an
    /// empty buffer means that the file knows its actor's last dot.
    func finish() throws {
        self.seals = [:]
        for state in self.states where state.quarantine == nil {
            try self.flush(state)
            try self.completeAndClose(state)
        }
        // An empty file does no harm: the next start removes it.
        try? self.removeEmptyHintFiles()
        try self.rotateLog()
        self.removeUnneededSegments()
        self.close()
    }

    /// Lets go of everything without writing anything.
    func close() {
        self.files = [:]
        self.log.close()
    }

    /// Copies the WAL into the main file, closes both, and removes the WAL.
    private func completeAndClose(_ state: StoreState) throws {
        guard state.hasFile else { return }
        let path = self.directory.file(of: state.store)
        if self.files[state.store] != nil || FileSystem.sizeBytes(path + "-wal") > 0 {
            guard let file = try self.file(of: state), try file.checkpoint(.truncate) else {
                throw StorageError(.inputOutput, "a checkpoint is not complete", partition: state.partition, path: path)
            }
        }
        self.files[state.store] = nil
        try FileSystem.removeCompanions(of: path)
    }

    // MARK: Statistics

    func addStatistics(to statistics: inout StorageStatistics) {
        for state in self.replicas where state.hasFile || !state.buffer.isEmpty {
            statistics.partitions.append(
                StorageStatistics.Partition(
                    partition: state.partition,
                    tally: state.summary?.tally,
                    bytes: self.sizeBytes(of: state)
                )
            )
        }
        for state in self.replicas {
            if let reason = state.quarantine { statistics.quarantined[state.partition] = reason }
        }
        statistics.hints.formUnion(self.hintStatistics())
        statistics.bufferBytes += self.bufferedBytes
        statistics.logBytes += self.log.totalBytes
        statistics.openFiles += self.files.count
        if let failure = self.log.failure { statistics.logFailures[self.index] = failure }
    }
}
