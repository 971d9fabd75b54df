import QuireCore

/// Takes the log back into the write buffers after a stop or a crash.
///
/// Without drops replay is merge: the log has whole records, so their order, their number, and what the file holds
/// already do not matter. A drop makes order matter, because a record of the log or a row of the file from before it
/// must not come back, and nothing from after it may be lost with it. Two facts decide each case:
///
/// - A flush writes the *whole* buffer of a store, and in the same transaction `drop_count`, the number of the
///   store's latest drop at that moment: f. So what a log record with d < f says had reached the buffer before drop
///   d + 1 ≤ f was decided, hence before that flush: the file has it, or has it dropped. Such records are skipped.
///   The same holds for a drop with d ≤ f. Neither can revive what was dropped, nor drop what came later.
/// - The drop d > f was decided after the file was last flushed. So the row of its key, if there is one, is from before
///   it and counts for nothing (`BufferedRecord.drop`); the records of the key that replay has met earlier in the
///   log are from before it as well, because within a batch drops are written first, and go; those that follow
///   are from after it and are complete by themselves, because the log has whole records.
///
/// A record with d ≥ f may be in the file or not: merging is right either way, as no drop of its key lies between
/// it and the flush (that drop would have a number above d; if it were ≤ f, then d < f). Mid-replay flushes,
/// when the buffer is full, write f as replay has met it so far; drops stand in the log in ascending order, each before
/// all records that carry its number or a greater one, so a second crash finds the same situation at another f.
///
/// Segments go oldest first and only when everything in them is in files: a drop never goes before the records
/// of its key that it must hold down. A drop that was flushed before it was logged (a scan in the same batch) is
/// protected by f, and is logged nevertheless, before it is acknowledged: for f goes when the file goes.
/// When a log fails, `unloggedDrops` and the `drop` of buffered entries go into the next segment first.
///
/// An emptied hint file is removed after a record of type 2, numbered like a drop, which voids all that earlier
/// records say of the store; if the crash came between the two, or replay has made a file out of records from before,
/// replay removes the file. An installed image bears the receiving store's `drop_count`, from before it bears its name.
extension ShardCore {
    func replay(_ logged: LogFormat.Entry, segment: UInt64) throws {
        let state = self.state(of: logged.store)
        let applied = try self.dropsInFile(of: state)
        switch logged.change {
        case .retired:
            self.discardBuffer(of: state)
            state.dropCount = max(state.dropCount, logged.drop)
            if logged.store.isHints && logged.drop > applied { try self.removeFile(of: state) }
            return
        case .record(let key, let encoded):
            guard logged.drop >= applied else { return }
            let record = try self.decode(encoded, in: state)
            self.replayed(key, in: state) { $0.merge(record) }
        case .dropped(let key):
            guard logged.drop > applied else { return }
            state.dropCount = max(state.dropCount, logged.drop)
            let entry = self.replayed(key, in: state) { $0 = Record() }
            entry.drop = logged.drop
            entry.baseline = nil
        }
        state.earliestSegment = state.earliestSegment ?? segment
        try self.shrinkBuffer()
    }

    @discardableResult
    private func replayed(_ key: Key, in state: StoreState, _ body: (inout Record) -> Void) -> BufferedRecord {
        let entry: BufferedRecord
        if let buffered = state.buffer[key] {
            entry = buffered
        } else {
            // The file is compared later.
            entry = BufferedRecord(key: key, hash: key.hash, store: state.store, record: Record(), baseline: nil)
            entry.isBuffered = false
            self.addToBuffer(entry, in: state)
        }
        entry.update(body)
        self.account(for: entry, in: state)
        return entry
    }

    /// A file that proves damaged is set aside, as it would be later.
    private func dropsInFile(of state: StoreState) throws -> UInt64 {
        if let count = state.fileDropCount { return count }
        guard state.hasFile, state.quarantine == nil else { return 0 }
        do {
            _ = try self.file(of: state)
        } catch {
            guard self.isDamage(error) else { throw error }
            _ = self.quarantine(state, error)
        }
        return state.fileDropCount ?? 0
    }

    private func shrinkBuffer() throws {
        guard self.bufferedBytes > self.configuration.bufferBytesMax, let largest = self.largestBuffer() else { return }
        do {
            try self.flush(largest)
        } catch {
            guard largest.quarantine != nil else { throw error }
        }
    }

    /// After the replay: counts what the hint stores hold.
    func finishRecovery() throws {
        for state in self.hints {
            do {
                try self.recount(state)
            } catch {
                guard self.isDamage(error) else { throw error }
                _ = self.quarantine(state, error)
            }
        }
        self.endRecovery()
    }
}
