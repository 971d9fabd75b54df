import CSQLite
package import QuireCore

/// Does what is safe about the findings of an examination (`DirectoryRepairStep`), and nothing else.
///
/// - Precondition of `run`: The caller holds a `DirectoryLease`, from before the examination on.
package struct DirectoryRepair {
    /// What became of one step.
    package struct Outcome: Hashable, Sendable {
        /// Relative to the data directory.
        package let file: String
        package let isDone: Bool
        /// What was done, or why not.
        package let what: String

        package init(file: String, isDone: Bool, what: String) {
            self.file = file
            self.isDone = isDone
            self.what = what
        }
    }

    package let path: String
    package let now: UInt64
    package let digester: RecordDigester?
    package let scratchDirectory: String

    package init(path: String, scratchDirectory: String, digester: RecordDigester?, now: UInt64) {
        self.path = path
        self.now = now
        self.digester = digester
        self.scratchDirectory = scratchDirectory
    }

    private var directory: DataDirectory { DataDirectory(path: self.path) }

    /// - Parameter report: Of an examination that was not quick.
    package func run(_ report: DirectoryReport) -> [Outcome] {
        report.findings.compactMap { finding in
            finding.repair.map { self.perform($0, on: finding.file, in: report) }
        }
    }

    private func perform(_ step: DirectoryRepairStep, on file: String, in report: DirectoryReport) -> Outcome {
        do {
            switch step {
            case .remove(let relative):
                let path = "\(self.path)/\(relative)"
                try FileSystem.removeTree(path)
                try FileSystem.syncDirectory(Self.folder(of: path))
                return Outcome(file: file, isDone: true, what: "removed")
            case .setAside(let store, let reason):
                return try self.setAside(store, reason, file)
            case .rebuildIndex(let store, let reason):
                return try self.rebuildIndex(of: store, reason, file, in: report)
            }
        } catch {
            return Outcome(file: file, isDone: false, what: StoreExamination.words(error))
        }
    }

    /// - Parameter why: Why nothing better could be done.
    private func setAside(
        _ store: StoreID,
        _ reason: String,
        _ file: String,
        why: String = ""
    ) throws(StorageError) -> Outcome {
        // One line, as the node writes it.
        try FileSystem.makeDirectory(self.directory.quarantine)
        let line = (why.isEmpty ? reason : "\(reason); \(why)").replacing("\n", with: " ")
        try self.directory.setAside(store, because: line, atMilliseconds: self.now)
        try FileSystem.syncDirectory(self.directory.quarantine)
        let what = "set aside into quarantine/" + (why.isEmpty ? "" : ", for \(why)")
        return Outcome(file: file, isDone: true, what: what)
    }

    // MARK: Index

    /// Tries it on a copy first: on a damaged tree SQLite may free pages that are the table's. The rows are untouched, so
    /// the file is as good as before if they are unique and fit the leaves.
    private func rebuildIndex(
        of store: StoreID,
        _ reason: String,
        _ file: String,
        in report: DirectoryReport
    ) throws -> Outcome {
        guard let digester = self.digester, report.isKeyProven, let cluster = report.clusterID,
            let count = report.partitionCount
        else {
            let what =
                "left as it is: only with the cluster's key can it be proven that the rows are whole; add "
                + "--cluster-key-file FILE"
            return Outcome(file: file, isDone: false, what: what)
        }
        let identity = PartitionIdentity(
            clusterID: cluster,
            partition: store.partition,
            partitionCount: count,
            content: store.isHints ? .hints : .replica
        )
        let path = self.directory.file(of: store)
        let scratch = ScratchSpace(in: self.scratchDirectory)
        let trial: Result<Void, any Error> = Result {
            try scratch.withCompleteCopy(of: path) { copy in
                try Self.rebuildIndex(at: copy)
                try scratch.check(copy, identity, digester)
            }
        }
        if case .failure(let error) = trial {
            let why = "the index cannot be made anew: \(StoreExamination.words(error))"
            return try self.setAside(store, reason, file, why: why)
        }
        try Self.rebuildIndex(at: path)
        do {
            try scratch.withCompleteCopy(of: path) { try scratch.check($0, identity, digester) }
        } catch {
            let why = "it is damaged also with a new index: \(StoreExamination.words(error))"
            return try self.setAside(store, reason, file, why: why)
        }
        return Outcome(
            file: file,
            isDone: true,
            what: "its index was made anew from the rows, and the whole file checked"
        )
    }

    /// In one synced transaction; the result is in the WAL, where the node finds it.
    private static func rebuildIndex(at path: String) throws {
        let database = try SQLiteDatabase(path: path, mode: .existing)
        defer { database.close() }
        try database.setFlag(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        try database.setFlag(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        // Before anything reads the file: then its WAL needs no index beside it.
        try database.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL")
        guard try database.text("PRAGMA journal_mode=WAL") == "wal" else {
            throw StorageError(.inputOutput, "the file cannot be put into WAL mode", path: path)
        }
        try database.execute("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0")
        try database.transaction { try database.execute("REINDEX entries_hash") }
        try FileSystem.syncDirectory(self.folder(of: path))
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

extension ScratchSpace {
    /// Everything that is to be known of a complete copy: more than a node checks of an image, because a damaged index
    /// may have let a key in twice.
    fileprivate func check(_ copy: String, _ identity: PartitionIdentity, _ digester: RecordDigester) throws {
        try Self.complete(copy)
        let database = try SQLiteDatabase(path: copy, mode: .immutable)
        let verdict = try database.text("PRAGMA integrity_check(1)") ?? "no answer"
        guard verdict == "ok" else { throw StorageError(.corruptFile, verdict, path: copy) }
        let twice = "SELECT count(*) FROM (SELECT 1 FROM entries GROUP BY hash, key HAVING count(*) > 1)"
        guard try database.integer(twice) == 0 else {
            throw StorageError(.corruptFile, "a key has several rows", path: copy)
        }
        let reader = try PartitionImageReader(path: copy, expecting: identity)
        try reader.checkContent(digester: digester)
    }
}
