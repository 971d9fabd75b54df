package import QuireCore

/// Explains a data directory while no node runs on it, and changes nothing in it, not even a `-wal` or `-shm`.
///
/// A file without a WAL is read where it lies, as an immutable one; a file with a WAL, which is normal after anything but
/// a clean stop, from a copy in a temporary directory (`ScratchSpace`). What a start would do is told by the rules of
/// `StorageRecovery`, `LogReader` and `ShardCore.replay`.
///
/// - Precondition of `run`: The caller holds a `DirectoryLease`.
package struct DirectoryExamination {
    package let path: String
    /// Milliseconds since 1970.
    package let now: UInt64
    /// What the directory belongs to; `nil` takes what most of its files say.
    package var cluster: (id: String, partitionCount: PartitionCount)?
    /// Partitions of which the layout gives this node a replica; `nil` when that is not known.
    package var held: Set<PartitionID>?
    /// Without the cluster's key the Merkle leaves cannot be compared with the rows.
    package var digester: RecordDigester?
    /// Reads no rows, but checks the structure of every file.
    package var isQuick = false
    /// Where copies are made.
    package var scratchDirectory: String

    package init(path: String, scratchDirectory: String, now: UInt64) {
        self.path = path
        self.scratchDirectory = scratchDirectory
        self.now = now
    }

    private var directory: DataDirectory { DataDirectory(path: self.path) }

    /// Whether storage was ever opened here.
    package static func hasStorage(at path: String) -> Bool {
        FileSystem.exists(path + "/log") || FileSystem.exists(path + "/partitions")
    }

    package func run(_ progress: (ExaminationProgress) -> Void = { _ in }) throws(StorageError) -> DirectoryReport {
        var report = DirectoryReport()
        report.sizes = try self.sizes()
        report.freeBytes = FileSystem.freeBytes(self.path)
        self.examineDisk(&report)
        guard Self.hasStorage(at: self.path) else {
            report.findings.append(
                DirectoryFinding(.ok, .lastStop, file: ".", "no storage was opened here yet: there are no records")
            )
            return report
        }
        self.examineDirectories(&report)
        let stores = try self.stores()
        let cluster = self.cluster ?? self.clusterOfMost(stores)
        report.clusterID = cluster?.id
        report.partitionCount = cluster?.partitionCount
        try self.examineMarkers(&report)
        var moment = ExaminationProgress(totalBytes: report.sizes.log + report.sizes.partitions + report.sizes.hints)
        var log = LogExamination(
            directory: self.directory,
            clusterID: cluster?.id,
            partitionCount: cluster?.partitionCount
        )
        try log.run { bytes in
            moment.doneBytes += bytes
            progress(moment)
        }
        report.findings += log.findings
        report.logRecords = log.records
        var files = StoresExamination(
            directory: self.directory,
            cluster: cluster,
            isClusterKnown: self.cluster != nil,
            digester: self.digester,
            isQuick: self.isQuick,
            scratch: ScratchSpace(in: self.scratchDirectory)
        )
        files.replayed = log.stores
        files.run(stores) { bytes in
            moment.doneBytes += bytes
            moment.files += 1
            progress(moment)
        }
        report.add(files)
        self.summarise(&report)
        let isEmpty = !FileSystem.exists(self.directory.quarantine)
        let quarantined = isEmpty ? [:] : try self.directory.quarantinedStores()
        report.quarantined = quarantined.count
        self.examineAbsent(quarantined, &report)
        var leftovers = LeftoverExamination(
            directory: self.directory,
            partitionCount: cluster?.partitionCount,
            now: self.now
        ) { files.examination(of: $1).verdict(on: $0) }
        try leftovers.run()
        report.findings += leftovers.findings
        return report
    }

    // MARK: Stores

    private func stores() throws(StorageError) -> Set<StoreID> {
        var stores: Set<StoreID> = []
        if FileSystem.exists(self.directory.partitions) {
            stores.formUnion(
                try self.directory.partitions(in: self.directory.partitions, suffix: ".db").map(StoreID.replica)
            )
        }
        if FileSystem.exists(self.directory.hints) {
            stores.formUnion(try self.directory.partitions(in: self.directory.hints, suffix: ".db").map(StoreID.hints))
        }
        return stores
    }

    private func summarise(_ report: inout DirectoryReport) {
        for (stores, folder, noun) in [
            (report.replicas, "partitions", "partition file"), (report.hints, "hints", "hint file"),
        ] where stores.files > 0 {
            let depth = self.isQuick ? "their structure is sound (rows were not read)" : "sound to the last row"
            report.findings.append(
                DirectoryFinding(
                    .ok,
                    .partitions,
                    file: folder,
                    "\(stores.sound) of \(LogExamination.count(stores.files, noun)): \(depth)"
                )
            )
        }
        if self.digester == nil, !self.isQuick, report.replicas.files + report.hints.files > 0 {
            report.findings.append(
                DirectoryFinding(
                    .note,
                    .leavesNotCompared,
                    file: ".",
                    "Merkle leaves were not compared with the rows: they are keyed with the cluster's key, and without them "
                        + "a changed byte within a value goes unnoticed"
                ).with(remedy: "add --cluster-key-file FILE")
            )
        }
    }

    private func examineAbsent(_ quarantined: [StoreID: String], _ report: inout DirectoryReport) {
        guard let held = self.held else { return }
        // A directory that was listed a moment ago; without it nothing is absent that could be told.
        let present = Set((try? self.directory.partitions(in: self.directory.partitions, suffix: ".db")) ?? [])
        let absent = held.subtracting(present).filter { quarantined[.replica($0)] == nil }
        guard !absent.isEmpty else { return }
        report.findings.append(
            DirectoryFinding(
                .note,
                .partitionsAbsent,
                file: "partitions",
                "\(absent.count) of the \(held.count) partitions that the layout gives to this node have no file: files "
                    + "are made at the first flush, so this alone is no damage"
            ).with(
                next: "they are empty but for what the log holds",
                remedy: "if files were removed by hand, `quire cluster repair` fills them from the other replicas"
            )
        )
    }

    /// What most files say that they belong to; of equally many the first by name.
    private func clusterOfMost(_ stores: Set<StoreID>) -> (id: String, partitionCount: PartitionCount)? {
        var votes: [PartitionIdentity: Int] = [:]
        for store in stores {
            // A file that cannot be read has no voice; it is found damaged later.
            guard let database = try? SQLiteDatabase(path: self.directory.file(of: store), mode: .immutable),
                let identity = try? PartitionSchema.identity(of: database)
            else { continue }
            let cluster = PartitionIdentity(
                clusterID: identity.clusterID,
                partition: PartitionID(0),
                partitionCount: identity.partitionCount
            )
            votes[cluster, default: 0] += 1
        }
        let order = { (cluster: PartitionIdentity) in (cluster.clusterID, cluster.partitionCount.rawValue) }
        let winner = votes.max { left, right in
            left.value == right.value ? order(right.key) < order(left.key) : left.value < right.value
        }
        return winner.map { ($0.key.clusterID, $0.key.partitionCount) }
    }
}
