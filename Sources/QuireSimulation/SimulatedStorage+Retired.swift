import QuireCore

/// Files of partitions that have moved away: they are kept for a while, so that a change can be taken back.
extension SimulatedStorage {
    struct Retired {
        /// The layout by which it was no longer held.
        let version: LayoutVersion
        let records: [Key: Record]
    }

    /// What a partition's file held when it was retired comes back, under what was written meanwhile.
    ///
    /// - Parameter version: Nothing older is of use: the node was no member for some time after it.
    /// - Returns: whether there was such a file.
    mutating func revive(_ partition: PartitionID, since version: LayoutVersion) -> Bool {
        let isBlind = self.mutation == .keepsFilesOfEarlierMembership
        guard let file = self.retired[partition], file.version >= version || isBlind else { return false }
        self.retired[partition] = nil
        let entries = file.records.map { KeyedRecord(key: $0.key, record: $0.value) }
        self.install(entries.sorted { self.order.place(of: $0.key) < self.order.place(of: $1.key) }, in: partition)
        return true
    }

    /// Nobody will take the change back that made them.
    mutating func forgetRetired() {
        if self.mutation != .keepsFilesOfEarlierMembership { self.retired = [:] }
    }

    /// - Returns: partitions of which there is a file here that belongs elsewhere.
    func partitionsToRetire(keeping partitions: [PartitionID]) -> [PartitionID] {
        self.synced.keys.filter { $0 == .replica($0.partition) && !partitions.contains($0.partition) }
            .map(\.partition).sorted()
    }

    /// Retires what belongs elsewhere.
    mutating func keepOnly(_ partitions: [PartitionID], by version: LayoutVersion) {
        for partition in self.partitionsToRetire(keeping: partitions) {
            let records = self.synced[.replica(partition)] ?? [:]
            self.retired[partition] = Retired(version: version, records: records)
        }
        self.keepOnly { $0 == .hints($0.partition) || partitions.contains($0.partition) }
        self.quarantined.formIntersection(partitions)
    }

    /// What was kept for others is of no use any more.
    mutating func forgetHints() {
        self.keepOnly { $0 != .hints($0.partition) }
    }

    private mutating func keepOnly(_ isKept: (StoreID) -> Bool) {
        for store in self.synced.keys.filter({ !isKept($0) }).sorted(by: { $0.partition < $1.partition }) {
            let records = self.synced[store] ?? [:]
            for key in records.keys.sorted(by: { self.order.place(of: $0) < self.order.place(of: $1) }) {
                self.notes.append(.dropped(store, key, records[key] ?? Record()))
            }
        }
        // What waits for its sync goes with the file: its acknowledgement is on its way, and nothing of it comes back.
        self.waiting = self.waiting.map { ($0, isKept($1.store) ? $1 : Write(store: $1.store, keys: [])) }
        if let (answers, image) = self.syncing {
            self.syncing = (answers, image.filter { isKept($0.store) })
        }
        self.live = self.live.filter { isKept($0.key) }
        self.digests = [:]
        self.synced = self.synced.filter { isKept($0.key) }
        self.actors = self.actors.filter { isKept($0.key) }
    }
}
