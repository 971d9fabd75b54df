import QuireCore

/// Brings a data directory from whatever end its last engine met to a set of shards that can take commands.
///
/// Order: the marker of a clean stop goes first; then each file gets its place back that an interrupted install has taken
/// away; then the log is replayed into write buffers (`ShardCore.replay`); then each shard begins a new segment; then
/// interrupted installs are finished, and hints counted.
struct StorageRecovery {
    let configuration: StorageConfiguration
    let directory: DataDirectory

    func run() throws -> (cores: [ShardCore], lineage: UInt64) {
        let previous = try self.directory.takeCleanMarker()
        let lineage = previous ?? self.configuration.random()
        let liveFiles = try self.cleanIncoming()
        let cores = try self.makeCores(lineage: lineage, isContinued: previous != nil)
        let shardCount = self.configuration.shardCount
        try self.replayLogs(into: cores)
        for core in cores {
            try core.resumeInstalls(of: liveFiles.filter { $0.rawValue % shardCount == core.index })
            try core.finishRecovery()
        }
        return (cores, lineage)
    }

    /// Removes what downloads and restores left behind; puts a live file back for which no image has come.
    ///
    /// - Returns: Partitions whose former file waits to be merged.
    private func cleanIncoming() throws -> [PartitionID] {
        let suffix = ".live.db"
        try self.returnReviving()
        let partial = try self.partialImages()
        for name in try FileSystem.list(self.directory.incoming)
        where !name.hasSuffix(suffix) && !partial.contains(name) {
            try FileSystem.removeTree("\(self.directory.incoming)/\(name)")
        }
        try self.directory.cleanHints()
        let partitions = try self.directory.partitions(in: self.directory.incoming, suffix: suffix).filter(self.isKnown)
        return try partitions.filter { try !self.restoreLiveFile(of: $0) }
    }

    /// Names of images, and of the notes beside them, with which an interrupted pull can go on.
    private func partialImages() throws(StorageError) -> Set<String> {
        let names = Set(try FileSystem.list(self.directory.incoming))
        let notes = try self.directory.partitions(in: self.directory.incoming, suffix: ".note").filter(self.isKnown)
        let complete = notes.filter { names.contains("\($0).db") }
        return Set(complete.flatMap { ["\($0).db", "\($0).note"] })
    }

    /// Puts retired files back that did not become live, each with the WAL that may complete it.
    private func returnReviving() throws(StorageError) {
        let suffix = DataDirectory.revivingSuffix
        for name in try FileSystem.list(self.directory.incoming) where name.hasSuffix(suffix) {
            let path = "\(self.directory.incoming)/\(name)"
            let retired = "\(self.directory.retired)/\(name.dropLast(suffix.count)).db"
            // The WAL first: a file without it may be half a checkpoint.
            if FileSystem.exists(path + "-wal") { try FileSystem.move(path + "-wal", to: retired + "-wal") }
            try FileSystem.move(path, to: retired)
            try FileSystem.syncDirectory(self.directory.retired)
        }
    }

    private func restoreLiveFile(of partition: PartitionID) throws -> Bool {
        let path = self.directory.file(of: .replica(partition))
        let isQuarantined = FileSystem.exists(self.directory.reason(of: .replica(partition)))
        guard !isQuarantined && !FileSystem.exists(path) else { return false }
        try FileSystem.removeCompanions(of: path)
        try FileSystem.move(self.directory.liveFile(of: partition), to: path)
        try FileSystem.syncDirectory(self.directory.partitions)
        try FileSystem.syncDirectory(self.directory.incoming)
        return true
    }

    private func makeCores(lineage: UInt64, isContinued: Bool) throws -> [ShardCore] {
        let existing = try self.directory.existingStores()
        let quarantined = try self.directory.quarantinedStores()
        return (0..<self.configuration.shardCount).map { index in
            ShardCore(
                configuration: self.configuration,
                directory: self.directory,
                index: index,
                lineage: lineage,
                isContinued: isContinued,
                existing: existing,
                quarantined: quarantined
            )
        }
    }

    private func replayLogs(into cores: [ShardCore]) throws {
        let reader = LogReader(directory: self.directory.log, clusterID: self.configuration.clusterID)
        let sequences = try reader.sequencesByShard()
        var segments: [Int: [LogReader.Segment]] = [:]
        for (shard, found) in sequences.sorted(by: { $0.key < $1.key }) {
            segments[shard] = try reader.read(shard: shard, sequences: found) { entry, sequence in
                try cores[self.shard(of: entry)].replay(entry, segment: sequence)
            }
        }
        let isRearranged = segments.contains { shard, found in
            found.contains { $0.header.shardCount != cores.count || shard >= cores.count }
        }
        for core in cores {
            let own = segments[core.index] ?? []
            core.log = CommitLog(
                configuration: self.configuration,
                directory: self.directory.log,
                shard: core.index,
                segments: own
            )
            // With another number of shards, sequences mean something else: the new segment takes everything.
            try isRearranged ? core.rotateLog() : core.log.begin()
        }
        guard isRearranged else { return }
        for core in cores {
            // Must succeed: of a partition that has moved, the old log would be read after the new one.
            try core.log.removeSegments(before: core.log.sequence)
        }
        for (shard, found) in segments.sorted(by: { $0.key < $1.key }) where shard >= cores.count {
            for segment in found {
                try FileSystem.remove(segment.path)
                try FileSystem.syncDirectory(self.directory.log)
            }
        }
    }

    private func shard(of entry: LogFormat.Entry) throws(StorageError) -> Int {
        let partition = entry.store.partition
        guard self.isKnown(partition) else {
            throw StorageError(
                .foreignData,
                "the log names partition \(partition), the cluster has \(self.configuration.partitionCount.rawValue)",
                partition: partition
            )
        }
        return partition.rawValue % self.configuration.shardCount
    }

    private func isKnown(_ partition: PartitionID) -> Bool {
        (0..<self.configuration.partitionCount.rawValue).contains(partition.rawValue)
    }
}
