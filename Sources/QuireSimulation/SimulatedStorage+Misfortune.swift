import QuireCore

/// What a disk and a power supply may do.
extension SimulatedStorage {
    mutating func crashed() {
        if self.mutation == .keepsHintsInMemory {
            self.synced = self.synced.filter { $0.key != .hints($0.key.partition) }
        }
        self.live = self.synced
        self.digests = [:]
        self.waiting = []
        self.syncing = nil
        self.minted = [:]
        if self.mutation == .reusesActorAfterCrash {
            for store in self.actors.keys {
                self.recountActor(of: store)
            }
        } else {
            self.actors = [:]
        }
    }

    /// The mistake: to read off one's own records how far one had counted.
    private mutating func recountActor(of store: StoreID) {
        guard let actor = self.actors[store] else { return }
        let vectors = (self.live[store] ?? [:]).values.map(\.vector)
        self.actors[store]?.counter = vectors.map { $0.counter(of: actor.id) }.max() ?? 0
    }

    /// The replica's file is damaged: everything in it is gone.
    mutating func damaged(_ partition: PartitionID) {
        let store = StoreID.replica(partition)
        if self.mutation == .servesDamagedRecords {
            let hollow = (self.synced[store] ?? [:]).mapValues { Record(vector: $0.vector, siblings: []) ?? $0 }
            self.live[store] = hollow
            self.synced[store] = hollow
            self.digests[store] = nil
            return
        }
        let failure = StorageOutcome.failed(.quarantined(partition, "simulated damage"))
        self.live[store] = nil
        self.synced[store] = nil
        self.digests[store] = nil
        self.waiting = self.waiting.map { answer, write in
            guard write.store == store else { return (answer, write) }
            return (Answer(token: answer.token, outcome: failure), Write(store: store, keys: []))
        }
        if let (answers, image) = self.syncing {
            let told = answers.map { answer, from in
                (from == store ? Answer(token: answer.token, outcome: failure) : answer, from)
            }
            self.syncing = (told, image.filter { $0.store != store })
        }
        if self.mutation != .reusesActorAfterLostDisk {
            self.actors[.replica(partition)] = nil
        }
        if self.mutation != .countsBeforeItIsWhole {
            self.quarantined.insert(partition)
        }
    }

    /// Everything is gone, hints included.
    mutating func lost(_ partitions: [PartitionID]) {
        for partition in partitions {
            self.damaged(partition)
        }
        self.live = [:]
        self.synced = [:]
        self.retired = [:]
        self.digests = [:]
        self.waiting = []
        self.syncing = nil
        self.minted = [:]
        if self.mutation != .reusesActorAfterLostDisk {
            self.actors = [:]
        }
    }

    /// Nobody will ever ask for any of it.
    mutating func destroyed() {
        self.lost([])
        self.quarantined = []
    }

    /// The mistake: to make a tombstone of what has expired when somebody reads it.
    mutating func rewriteExpired(_ command: StorageCommand, now: UInt64) {
        guard case .read(let store, let key) = command, let record = self.live[store]?[key] else { return }
        let siblings = record.siblings.map { version in
            guard let expiry = version.expiryMilliseconds, expiry <= now else { return version }
            return Version(dot: version.dot, timestamp: version.timestamp, request: version.request, value: nil)
        }
        guard siblings != record.siblings, let rewritten = Record(vector: record.vector, siblings: siblings) else {
            return
        }
        self.live[store]?[key] = rewritten
        self.digests[store]?[key] = nil
    }

    /// The replica holds again what its fellows hold.
    mutating func refetched(_ partition: PartitionID) {
        self.quarantined.remove(partition)
        if self.mutation == .reusesActorAfterLostDisk {
            self.recountActor(of: .replica(partition))
        } else {
            self.actors[.replica(partition)] = nil
        }
    }
}
