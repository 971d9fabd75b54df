import QuireCore

/// Looks at what lies in a data directory besides log and stores: unfinished downloads, copies that moved away, what was
/// set aside, and what no node has put there.
struct LeftoverExamination {
    private static let rootFiles: Set<String> = [
        "lock", "node.lock", "node.json", "ports.json", "membership", "clean", "layout.db", "layout.db-wal",
        "layout.db-shm", "layout.db-journal",
    ]
    private static let rootDirectories: Set<String> = [
        "log", "partitions", "hints", "incoming", "retired", "quarantine",
    ]
    private static let databaseSuffixes = ["-wal", "-shm", "-journal"]

    let directory: DataDirectory
    /// `nil` while it is not known how many partitions there are.
    let partitionCount: PartitionCount?
    /// Milliseconds since 1970.
    let now: UInt64
    /// Of the former files that wait to be merged.
    let verdict: (_ path: String, _ store: StoreID) -> StoreExamination.Verdict
    private(set) var findings: [DirectoryFinding] = []

    init(
        directory: DataDirectory,
        partitionCount: PartitionCount?,
        now: UInt64,
        verdict: @escaping (String, StoreID) -> StoreExamination.Verdict
    ) {
        self.directory = directory
        self.partitionCount = partitionCount
        self.now = now
        self.verdict = verdict
    }

    mutating func run() throws(StorageError) {
        try self.findUnknownFiles()
        try self.findCompanions()
        try self.examineIncoming()
        try self.examineRetired()
        try self.examineQuarantine()
    }

    // MARK: incoming

    private mutating func examineIncoming() throws(StorageError) {
        let names = try self.directory.entries(of: self.directory.incoming)
        let partial = self.partialImages(names)
        for name in names where !partial.contains(name) {
            let path = "incoming/\(name)"
            if let number = Self.number(name, suffix: ".live.db"), self.isKnown(number) {
                self.examineLiveFile(PartitionID(number), path)
            } else if name.hasSuffix(".live.db") {
                self.addUnknown(path)
            } else if name.hasSuffix(DataDirectory.revivingSuffix)
                || name.hasSuffix("\(DataDirectory.revivingSuffix)-wal")
            {
                let what = "a retired file that was on its way back when the node ended"
                self.findings.append(
                    .init(.note, .incomingReviving, file: path, what).with(next: "it goes back to retired/")
                )
            } else {
                var finding = DirectoryFinding(
                    .note,
                    .incomingLeftover,
                    file: path,
                    "left by work that was interrupted"
                )
                .with(next: "it is removed")
                finding.repair = .remove(path)
                self.findings.append(finding)
            }
        }
        for name in partial.sorted() where name.hasSuffix(".db") {
            let bytes = FileSystem.sizeBytes("\(self.directory.incoming)/\(name)")
            var finding = DirectoryFinding(
                .note,
                .incomingPartial,
                file: "incoming/\(name)",
                "an image of \(bytes) bytes that was not pulled completely"
            ).with(next: "the pull goes on with it if the partition is still wanted here")
            finding.partition = Self.number(name, suffix: ".db").map(PartitionID.init)
            self.findings.append(finding)
        }
    }

    private func partialImages(_ names: [String]) -> Set<String> {
        let known = Set(names)
        let numbers = names.compactMap { Self.number($0, suffix: ".note") }
        let complete = numbers.filter { known.contains("\($0).db") && self.isKnown($0) }
        return Set(complete.flatMap { ["\($0).db", "\($0).note"] })
    }

    private mutating func examineLiveFile(_ partition: PartitionID, _ path: String) {
        let isReplaced = FileSystem.exists(self.directory.file(of: .replica(partition)))
        let isSetAside = FileSystem.exists(self.directory.reason(of: .replica(partition)))
        let next =
            isSetAside
            ? "it waits until the partition, which is set aside, has an image"
            : isReplaced
                ? "its rows are merged into the partition's present file" : "it becomes the partition's file again"
        let full = "\(self.directory.path)/\(path)"
        let problem: String? =
            switch self.verdict(full, .replica(partition)) {
            case .sound, .strangeLeaves, .damagedIndex: nil
            case .damaged(let what), .foreign(let what), .newer(let what), .notChecked(let what): what
            }
        let what = "the former file of a partition whose exchange for an image was interrupted"
        var finding: DirectoryFinding
        if let problem {
            finding = DirectoryFinding(.damage, .incomingLive, file: path, "\(what); it cannot be used: \(problem)")
                .with(
                    next: isReplaced && !isSetAside
                        ? "the node runs, but does not open its storage, for it cannot merge the rows" : next,
                    remedy: "move this file out of the directory and keep it; then `quire cluster repair` brings the "
                        + "partition up to date from its other replicas"
                )
        } else {
            finding = DirectoryFinding(.note, .incomingLive, file: path, what).with(next: next)
        }
        finding.partition = partition
        self.findings.append(finding)
    }

    // MARK: retired and quarantine

    private mutating func examineRetired() throws(StorageError) {
        let names = try self.directory.entries(of: self.directory.retired)
        var copies: [RetiredCopy] = []
        for name in names {
            if let copy = RetiredCopy(name: name, in: self.directory.retired) {
                copies.append(copy)
            } else if !Self.databaseSuffixes.contains(where: { name.hasSuffix(".db\($0)") }) {
                self.addUnknown("retired/\(name)")
            }
        }
        guard let oldest = copies.map(\.retiredMilliseconds).min(), let least = copies.map(\.version).min(),
            let greatest = copies.map(\.version).max()
        else { return }
        let bytes = copies.reduce(0) { $0 + FileSystem.sizeBytes($1.path) }
        let versions = least == greatest ? "layout \(least)" : "layouts \(least) to \(greatest)"
        let hours = (self.now - min(oldest, self.now)) / 3_600_000
        self.findings.append(
            DirectoryFinding(
                .note,
                .retired,
                file: "retired",
                "\(LogExamination.count(copies.count, "file")) of partitions that moved away by \(versions), \(bytes) bytes, "
                    + "the oldest \(LogExamination.count(Int(hours), "hour")) old; their content was not checked"
            ).with(next: "each is removed once its grace period is over and the change cannot be undone any more")
        )
    }

    private mutating func examineQuarantine() throws(StorageError) {
        guard FileSystem.exists(self.directory.quarantine) else { return }
        let reasons = try self.directory.quarantinedStores()
        let order = { (store: StoreID) in (store.isHints ? 1 : 0, store.partition) }
        for (store, reason) in reasons.sorted(by: { order($0.key) < order($1.key) }) {
            let name =
                store.isHints ? "the hints for partition \(store.partition) are" : "partition \(store.partition) is"
            var finding = DirectoryFinding(
                .warning,
                .quarantined,
                file: self.directory.relative(self.directory.reason(of: store)),
                "\(name) set aside: \(reason)"
            ).with(
                next: store.isHints
                    ? "no hint is taken or delivered for it" : "the node answers nothing for it; its other replicas do",
                remedy: Self.quarantineRemedy(store)
            )
            finding.partition = store.partition
            self.findings.append(finding)
        }
        let damaged = try self.directory.entries(of: self.directory.quarantine).filter { !$0.hasSuffix(".reason") }
        guard !damaged.isEmpty else { return }
        let bytes = damaged.reduce(0) { $0 + FileSystem.sizeBytes("\(self.directory.quarantine)/\($1)") }
        self.findings.append(
            DirectoryFinding(
                .note,
                .quarantined,
                file: "quarantine",
                "\(LogExamination.count(damaged.count, "damaged file")) kept, \(bytes) bytes"
            ).with(remedy: "remove the .db and -wal files once the partitions are whole again; nothing reads them")
        )
    }

    static func quarantineRemedy(_ store: StoreID) -> String {
        store.isHints
            ? "`quire cluster repair` compares the replicas, which have what the hints held unless the owner was down "
                + "for all other copies; keep the file"
            : "it needs its data from the other replicas, and `quire cluster status` names it until it has them; if that "
                + "lasts, replace the node (Ops/Runbooks/replace-a-dead-node.md)"
    }

    // MARK: Names

    private mutating func findUnknownFiles() throws(StorageError) {
        for name in try self.directory.entries(of: self.directory.path)
        where !Self.rootFiles.contains(name) && !Self.rootDirectories.contains(name) {
            if name == "membership.new" {
                self.findings.append(
                    .init(.note, .unknownFile, file: name, "a marker that was being written when the node ended")
                        .with(next: "it is written anew when it is needed")
                )
            } else {
                self.addUnknown(name)
            }
        }
        for name in try self.directory.entries(of: self.directory.log) where LogReader.parse(name: name) == nil {
            self.addUnknown("log/\(name)")
        }
        for folder in ["partitions", "hints"] {
            for name in try self.directory.entries(of: "\(self.directory.path)/\(folder)") {
                let base = Self.databaseSuffixes.first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) }
                guard let number = Self.number(base ?? name, suffix: ".db") else {
                    self.addUnknown("\(folder)/\(name)")
                    continue
                }
                if base == nil, !self.isKnown(number) {
                    let count = self.partitionCount?.rawValue ?? 0
                    self.findings.append(
                        .init(
                            .warning,
                            .fileUnexpected,
                            file: "\(folder)/\(name)",
                            "the cluster has \(count) partitions"
                        )
                        .with(remedy: "find out where it comes from; the node leaves it alone")
                    )
                }
            }
        }
    }

    /// WALs whose file is gone. A partition's is dropped when a file of that name is made, a hint store's at start.
    private mutating func findCompanions() throws(StorageError) {
        for folder in ["partitions", "hints"] {
            let names = try self.directory.entries(of: "\(self.directory.path)/\(folder)")
            for name in names {
                guard let end = name.lastIndex(of: "-"), name[..<end].hasSuffix(".db") else { continue }
                guard !names.contains(String(name[..<end])) else { continue }
                let path = "\(folder)/\(name)"
                let bytes = FileSystem.sizeBytes("\(self.directory.path)/\(path)")
                let isHints = folder == "hints"
                let isLoss = !isHints && bytes > 0
                let what = isLoss ? "\(bytes) bytes of rows whose file is gone" : "left by a file that was removed"
                var finding = DirectoryFinding(isLoss ? .warning : .note, .companion, file: path, what).with(
                    next: isHints ? "it is removed" : "it is removed when a file of that name is made",
                    remedy: isLoss ? "if the file was moved, put it back beside its WAL before the node starts" : ""
                )
                if isHints { finding.repair = .remove(path) }
                self.findings.append(finding)
            }
        }
    }

    private mutating func addUnknown(_ path: String) {
        self.findings.append(
            .init(.note, .unknownFile, file: path, "no node of this version writes such a file")
                .with(remedy: "the node leaves it alone; move it away if you do not need it")
        )
    }

    private func isKnown(_ partition: Int) -> Bool {
        partition >= 0 && partition < self.partitionCount?.rawValue ?? .max
    }

    static func number(_ name: String, suffix: String) -> Int? {
        name.hasSuffix(suffix) ? Int(name.dropLast(suffix.count)) : nil
    }
}

extension DataDirectory {
    /// Names in one of the directories; none when it is not there.
    func entries(of path: String) throws(StorageError) -> [String] {
        FileSystem.exists(path) ? try FileSystem.list(path) : []
    }
}
