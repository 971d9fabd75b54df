import QuireCore

/// Holds partition files still while others read them.
extension ShardCore {
    /// Seals a partition as it is now.
    ///
    /// A partition that is sealed already is shared when nothing was written since; else the newer records
    /// could not be part of the image, and the caller must wait for the release (`sealHeld`).
    ///
    /// - Returns: `nil` when there is nothing to seal.
    func seal(_ partition: PartitionID) throws -> SealedImage? {
        let state = self.state(of: .replica(partition))
        if let reason = state.quarantine { throw self.quarantineError(state, reason) }
        self.expireSeals(now: self.configuration.now())
        if let hold = self.seals[state.store] {
            guard state.buffer.isEmpty, self.files[state.store]?.file.walBytes == 0 else {
                throw self.sealHeldError(partition)
            }
            return try self.addSeal(to: hold, of: state)
        }
        do {
            try self.finishLiveMerge(of: state)
            try self.flush(state)
            guard let file = try self.file(of: state) else { return nil }
            guard try file.checkpoint(.truncate) else { throw self.sealHeldError(partition) }
            let hold = SealHold(sealedAtMilliseconds: self.configuration.now(), images: [:])
            return try self.addSeal(to: hold, of: state)
        } catch {
            throw self.controlFailure(error, state)
        }
    }

    private func addSeal(to hold: SealHold, of state: StoreState) throws -> SealedImage? {
        guard let file = try self.file(of: state) else { return nil }
        let summary = try self.summary(of: state)
        let image = SealedImage(
            // The shard's index in the low bits leads a reader back to the shard.
            id: self.nextSealID * UInt64(self.configuration.shardCount) + UInt64(self.index),
            partition: state.partition,
            sizeBytes: try file.mainFileBytes(),
            leaves: summary.leaves,
            tally: summary.tally,
            sealedAtMilliseconds: hold.sealedAtMilliseconds
        )
        self.nextSealID += 1
        var hold = hold
        hold.images[image.id] = image
        self.seals[state.store] = hold
        return image
    }

    /// One block of a sealed image; its header says "no WAL", so that a copy opens everywhere.
    func readBlock(_ seal: SealedImage, index: Int) throws -> [UInt8] {
        let state = self.state(of: .replica(seal.partition))
        guard self.holds(seal), let file = try self.file(of: state) else { throw self.sealExpiredError(seal) }
        let image = seal
        guard index >= 0, index < image.blockCount else {
            throw StorageError(.inputOutput, "block \(index) of \(image.blockCount)", partition: seal.partition)
        }
        let start = index * SealedImage.blockBytes
        do {
            var bytes = try file.readMainFile(start..<min(start + SealedImage.blockBytes, image.sizeBytes))
            if index == 0, bytes.count > 19 {
                bytes[18] = 1
                bytes[19] = 1
            }
            return bytes
        } catch {
            throw self.controlFailure(error, state)
        }
    }

    /// The sealed file for readers on other threads; what they read is good as long as the seal is held.
    func open(_ seal: SealedImage) throws -> SealedFile {
        guard self.holds(seal), let file = try self.file(of: self.state(of: .replica(seal.partition))) else {
            throw self.sealExpiredError(seal)
        }
        return SealedFile(seal, of: try file.mainFile())
    }

    func holds(_ seal: SealedImage) -> Bool {
        self.expireSeals(now: self.configuration.now())
        return self.seals[.replica(seal.partition)]?.images[seal.id] != nil
    }

    private func sealExpiredError(_ seal: SealedImage) -> StorageError {
        StorageError(
            .sealExpired,
            "the seal \(seal.id) of partition \(seal.partition) is gone: seal it again",
            partition: seal.partition
        )
    }

    func unseal(_ seal: SealedImage) {
        guard var hold = self.seals[.replica(seal.partition)] else { return }
        hold.images[seal.id] = nil
        self.seals[.replica(seal.partition)] = hold.images.isEmpty ? nil : hold
    }

    /// Releases seals that are too old, or behind which the WAL has grown too large.
    func expireSeals(now: UInt64) {
        guard !self.seals.isEmpty else { return }
        self.seals = self.seals.filter { store, hold in
            let walBytes = self.files[store]?.file.walBytes ?? 0
            return now < hold.sealedAtMilliseconds + self.configuration.sealAgeMillisecondsMax
                && walBytes <= self.configuration.sealWALBytesMax
        }
    }

    func sealHeldError(_ partition: PartitionID) -> StorageError {
        StorageError(
            .sealHeld,
            "partition \(partition) is sealed by another reader: try again when it is released",
            partition: partition
        )
    }

    /// The error of a control call; damage sets the partition aside.
    func controlFailure(_ error: any Error, _ state: StoreState) -> any Error {
        if let reason = state.quarantine { return self.quarantineError(state, reason) }
        if self.isDamage(error) { return self.quarantineError(state, self.quarantine(state, error)) }
        guard let error = error as? SQLiteError else { return error }
        return StorageError(
            .inputOutput,
            "SQLite could not do it",
            cause: error.description,
            partition: state.partition
        )
    }
}
