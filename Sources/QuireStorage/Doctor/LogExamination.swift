import QuireCore

/// Reads the segments of all shards as a start would (`LogReader`), without cutting or removing anything, and goes on
/// after damage to name all of it.
struct LogExamination {
    private typealias Header = (header: LogFormat.Header, seed: UInt32)

    let directory: DataDirectory
    let clusterID: String?
    let partitionCount: PartitionCount?
    private(set) var findings: [DirectoryFinding] = []
    private(set) var records = 0
    /// Of which the log has something to say; a start opens their files.
    private(set) var stores: Set<StoreID> = []

    static let refusal =
        "the node runs, but does not open its storage and serves nothing: what follows the damage may have been "
        + "acknowledged"
    static let replacement =
        "move the whole directory aside and replace this node (Ops/Runbooks/replace-a-dead-node.md), so that its peers "
        + "restore the data; with one replica, restore the last snapshot as well"

    static let owner = "find out whose log this is: a directory belongs to one node of one cluster"

    init(directory: DataDirectory, clusterID: String?, partitionCount: PartitionCount?) {
        self.directory = directory
        self.clusterID = clusterID
        self.partitionCount = partitionCount
    }

    /// - Parameter examined: Called with the bytes of each segment that was read.
    mutating func run(examined: (Int) -> Void) throws(StorageError) {
        guard FileSystem.exists(self.directory.log) else { return }
        let reader = LogReader(directory: self.directory.log, clusterID: self.clusterID)
        for (shard, sequences) in try reader.sequencesByShard().sorted(by: { $0.key < $1.key }) {
            self.examine(shard: shard, sequences, reader, examined)
        }
    }

    private mutating func examine(shard: Int, _ sequences: [UInt64], _ reader: LogReader, _ examined: (Int) -> Void) {
        let before = (findings: self.findings.count, records: self.records)
        let headers = sequences.map { sequence in
            self.header(shard, sequence, isLast: sequence == sequences.last, reader)
        }
        self.findGaps(shard, sequences, reader)
        for (index, found) in headers.enumerated() {
            if let found {
                let isLast = index == headers.count - 1 || (index == headers.count - 2 && headers[index + 1] == nil)
                let next = isLast ? nil : headers[index + 1]?.header
                // With a hole behind it, nobody knows where the segment ended.
                let isFollowed = isLast || next.map { $0.sequence == found.header.sequence + 1 } ?? false
                self.scan(found, next: isFollowed ? next : nil, isEndKnown: isFollowed, reader)
            }
            examined(FileSystem.sizeBytes(reader.path(shard, sequences[index])))
        }
        guard self.findings.count == before.findings else { return }
        let count = self.records - before.records
        self.findings.append(
            DirectoryFinding(
                .ok,
                .log,
                file: "log/\(shard)-*.log",
                "shard \(shard): \(Self.count(sequences.count, "segment")), \(Self.count(count, "record"))"
            ).with(next: count > 0 ? "they are merged into the partitions" : "")
        )
    }

    /// - Returns: `nil` when there is none to read by; that is a finding already.
    private mutating func header(_ shard: Int, _ sequence: UInt64, isLast: Bool, _ reader: LogReader) -> Header? {
        let path = reader.path(shard, sequence)
        do {
            if let found = try reader.header(shard: shard, sequence: sequence, isLast: isLast) { return found }
            let what = "a segment that was being created when the node ended: it is empty"
            self.findings.append(self.finding(.note, .logUnfinished, path, what).with(next: "it is removed"))
        } catch {
            self.findings.append(self.finding(of: error, path))
        }
        return nil
    }

    private func finding(of error: StorageError, _ path: String) -> DirectoryFinding {
        switch error.code {
        case .foreignData:
            self.finding(.damage, .logForeign, path, Self.first(error.message))
                .with(next: Self.refusal, remedy: Self.owner)
        case .corruptLog:
            self.finding(.damage, .logDamaged, path, Self.first(error.message) + ", at byte 0")
                .with(next: Self.refusal, remedy: Self.replacement)
        case .directoryInUse, .corruptFile, .inputOutput, .sealExpired, .sealHeld, .quarantined, .stopping:
            self.finding(.damage, .logDamaged, path, error.message)
                .with(next: Self.refusal, remedy: "see to it that the file can be read, then examine again")
        }
    }

    private mutating func findGaps(_ shard: Int, _ sequences: [UInt64], _ reader: LogReader) {
        for (earlier, later) in zip(sequences, sequences.dropFirst()) where later != earlier + 1 {
            let missing = later - earlier - 1
            let name = "log/" + LogReader.name(shard: shard, sequence: earlier + 1)
            let many = missing > 1 ? "\(missing) segments from this one on are missing" : "this segment is missing"
            self.findings.append(
                DirectoryFinding(.damage, .logGap, file: name, "\(many): those around it are there")
                    .with(next: Self.refusal, remedy: Self.replacement)
            )
        }
    }

    private mutating func scan(_ found: Header, next: LogFormat.Header?, isEndKnown: Bool, _ reader: LogReader) {
        let path = reader.path(found.header.shard, found.header.sequence)
        var named: Set<StoreID> = []
        let count = self.partitionCount?.rawValue ?? .max
        do {
            let scan = try reader.scan(found, next: next) { entry in
                named.insert(entry.store)
            }
            self.records += scan.records
            if scan.bytes < scan.limit, isEndKnown { self.ends(scan, isLast: next == nil, path) }
        } catch {
            let message = (error as? StorageError)?.message ?? "\(error)"
            self.findings.append(
                self.finding(.damage, .logDamaged, path, Self.first(message))
                    .with(next: Self.refusal, remedy: Self.replacement)
            )
        }
        self.stores.formUnion(named)
        if let stranger = named.map(\.partition).max(), stranger.rawValue >= count {
            let what = "it names partition \(stranger), the cluster has \(count)"
            self.findings.append(
                self.finding(.damage, .logForeign, path, what).with(next: Self.refusal, remedy: Self.owner)
            )
        }
    }

    private mutating func ends(_ scan: LogReader.Scan, isLast: Bool, _ path: String) {
        let rest = scan.limit - scan.bytes
        if scan.isDamaged {
            let reason = isLast ? "whole batches follow it" : "the segment after it says that it was synced"
            let what = "the record at byte \(scan.bytes) is damaged (\(scan.records) before it are whole): \(reason)"
            self.findings.append(
                self.finding(.damage, .logDamaged, path, what).with(next: Self.refusal, remedy: Self.replacement)
            )
        } else {
            let what =
                "torn tail: \(Self.count(rest, "byte")) from byte \(scan.bytes) on, after "
                + "\(Self.count(scan.records, "whole record")); that write had not been synced"
            self.findings.append(self.finding(.note, .logTornTail, path, what).with(next: "the tail is cut off"))
        }
    }

    private func finding(
        _ severity: DirectoryFinding.Severity,
        _ matter: DirectoryFinding.Matter,
        _ path: String,
        _ what: String
    ) -> DirectoryFinding {
        DirectoryFinding(severity, matter, file: self.directory.relative(path), what)
    }

    /// The remedy that the engine's error names is not the doctor's.
    private static func first(_ message: String) -> String {
        message.split(separator: ":").first.map(String.init) ?? message
    }

    static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
