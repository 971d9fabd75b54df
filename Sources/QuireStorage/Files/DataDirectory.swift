import Glibc
import QuireCore

/// The names in a node's data directory, as far as storage owns them.
///
/// ```
/// lock                      held while an engine runs
/// membership                by which layout the membership began that replicas and hints belong to:
///                           "quire membership since <version>\n"
/// clean                     exists only after a clean stop: "quire clean stop <lineage>\n"
/// log/                      see `LogFormat`
/// partitions/<p>.db         see `PartitionSchema`
/// hints/<p>.db              the same for what this node holds as a stand-in; only while there is something
/// incoming/                 downloads, files being made; emptied at start, but for what follows
/// incoming/<p>.db, <p>.note  an image that was not pulled completely, and what is known of it: the pull goes on
/// incoming/<name>.revive.db  the retired file <name>.db on its way back; goes back to retired/ at start
/// incoming/<p>.live.db      the former file of a partition that is being replaced by an image; kept until merged
/// retired/<p>-<v>-<unixms>.db  files of partitions that moved away, by layout version v; without `<v>-` in files of
///                           earlier releases
/// quarantine/<p>-<unixms>.db  damaged files (with their -wal), and <p>.reason: the partition is set aside;
///                           `hints-<p>` instead of `<p>` for a hint store
/// ```
struct DataDirectory: Sendable {
    let path: String

    var log: String { self.path + "/log" }
    var partitions: String { self.path + "/partitions" }
    var hints: String { self.path + "/hints" }
    var incoming: String { self.path + "/incoming" }
    var retired: String { self.path + "/retired" }
    var quarantine: String { self.path + "/quarantine" }
    var cleanMarker: String { self.path + "/clean" }
    var membershipMarker: String { self.path + "/membership" }

    /// Where the file of a store lies.
    func home(of store: StoreID) -> String { store.isHints ? self.hints : self.partitions }
    func file(of store: StoreID) -> String { "\(self.home(of: store))/\(store.partition).db" }
    func newFile(of store: StoreID) -> String { "\(self.incoming)/\(Self.name(of: store)).new.db" }
    func liveFile(of partition: PartitionID) -> String { "\(self.incoming)/\(partition).live.db" }
    func retiredFile(of partition: PartitionID, at version: LayoutVersion, milliseconds: UInt64) -> String {
        "\(self.retired)/\(partition)-\(version.rawValue)-\(milliseconds).db"
    }

    /// A path below the directory, without the directory.
    func relative(_ path: String) -> String {
        path.hasPrefix(self.path + "/") ? String(path.dropFirst(self.path.count + 1)) : path
    }

    static let revivingSuffix = ".revive.db"

    func revivingFile(of copy: RetiredCopy) -> String {
        "\(self.incoming)/\(copy.name)\(Self.revivingSuffix)"
    }

    func reason(of store: StoreID) -> String { "\(self.quarantine)/\(Self.name(of: store)).reason" }

    /// Where a damaged file is moved.
    func damagedFile(of store: StoreID, atMilliseconds now: UInt64) -> String {
        "\(self.quarantine)/\(Self.name(of: store))-\(now).db"
    }

    private static let hintsPrefix = "hints-"

    private static func name(of store: StoreID) -> String {
        (store.isHints ? Self.hintsPrefix : "") + "\(store.partition)"
    }

    func make() throws(StorageError) {
        try FileSystem.makeDirectory(self.path)
        for directory in [self.log, self.partitions, self.hints, self.incoming, self.retired, self.quarantine] {
            try FileSystem.makeDirectory(directory)
        }
        try FileSystem.syncDirectory(self.path)
    }

    /// - Returns: A descriptor that holds the directory for this process until it is closed.
    func acquire() throws(StorageError) -> Int32 {
        let descriptor = open(self.path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileSystem.failure("open", self.path + "/lock") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StorageError(
                .directoryInUse,
                "another process runs on this data directory: stop it, or use another directory",
                path: self.path
            )
        }
        return descriptor
    }

    /// The numbers `<p>` of the names `<p><suffix>` in a directory.
    func partitions(in directory: String, suffix: String) throws(StorageError) -> [PartitionID] {
        try FileSystem.list(directory).compactMap { name in
            name.hasSuffix(suffix) ? Int(name.dropLast(suffix.count)).map(PartitionID.init) : nil
        }
    }

    /// The stores that have a file.
    func existingStores() throws(StorageError) -> Set<StoreID> {
        let replicas = try self.partitions(in: self.partitions, suffix: ".db").map(StoreID.replica)
        let hints = try self.partitions(in: self.hints, suffix: ".db").map(StoreID.hints)
        return Set(replicas + hints)
    }

    /// The stores that are set aside, and why.
    func quarantinedStores() throws(StorageError) -> [StoreID: String] {
        var reasons: [StoreID: String] = [:]
        for file in try FileSystem.list(self.quarantine) where file.hasSuffix(".reason") {
            let name = file.dropLast(".reason".count)
            let isHints = name.hasPrefix(Self.hintsPrefix)
            guard let number = Int(isHints ? name.dropFirst(Self.hintsPrefix.count) : name) else { continue }
            let store: StoreID = isHints ? .hints(PartitionID(number)) : .replica(PartitionID(number))
            let reason = try FileSystem.read(self.reason(of: store))
            reasons[store] = String(decoding: reason.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
        return reasons
    }

    /// Sets the file of a store aside as damaged, durably: first the reason, then the file with its WAL.
    func setAside(_ store: StoreID, because reason: String, atMilliseconds now: UInt64) throws(StorageError) {
        let path = self.file(of: store)
        let target = self.damagedFile(of: store, atMilliseconds: now)
        try FileSystem.write(reason + "\n", to: self.reason(of: store))
        try FileSystem.syncDirectory(self.quarantine)
        if FileSystem.exists(path) { try FileSystem.move(path, to: target) }
        if FileSystem.exists(path + "-wal") { try FileSystem.move(path + "-wal", to: target + "-wal") }
        try FileSystem.syncDirectory(self.home(of: store))
    }

    /// Removes the companions of hint files that were removed just before a crash.
    func cleanHints() throws(StorageError) {
        for name in try FileSystem.list(self.hints) {
            guard let end = name.lastIndex(of: "-"), name[..<end].hasSuffix(".db") else { continue }
            if !FileSystem.exists("\(self.hints)/\(name[..<end])") { try FileSystem.remove("\(self.hints)/\(name)") }
        }
    }

    // MARK: Membership

    private static let membershipPrefix = "quire membership since "

    /// - Returns: `nil` when the directory says nothing.
    func membership() throws(StorageError) -> LayoutVersion? {
        guard FileSystem.exists(self.membershipMarker) else { return nil }
        let text = String(decoding: try FileSystem.read(self.membershipMarker), as: UTF8.self)
        guard text.hasPrefix(Self.membershipPrefix), text.hasSuffix("\n"),
            let version = Int(text.dropFirst(Self.membershipPrefix.count).dropLast()), version >= 0
        else {
            throw StorageError(
                .corruptFile,
                "the marker of the membership cannot be read: let the node leave, and join with an empty directory",
                path: self.membershipMarker
            )
        }
        return LayoutVersion(version)
    }

    func putMembership(_ version: LayoutVersion) throws(StorageError) {
        let new = self.membershipMarker + ".new"
        try FileSystem.write("\(Self.membershipPrefix)\(version.rawValue)\n", to: new)
        try FileSystem.move(new, to: self.membershipMarker)
        try FileSystem.syncDirectory(self.path)
    }

    /// Removes images that were not pulled completely.
    func discardPartialImages() throws(StorageError) {
        for partition in try self.partitions(in: self.incoming, suffix: ".note") {
            for name in ["\(partition).note", "\(partition).db"] where FileSystem.exists("\(self.incoming)/\(name)") {
                try FileSystem.remove("\(self.incoming)/\(name)")
            }
        }
        try FileSystem.syncDirectory(self.incoming)
    }

    // MARK: Clean stops

    private static let cleanPrefix = "quire clean stop "

    /// Takes the marker of a clean stop away, durably, before anything else happens.
    ///
    /// - Returns: The lineage of an unbroken run of clean stops; `nil` after any other end.
    func takeCleanMarker() throws(StorageError) -> UInt64? {
        guard FileSystem.exists(self.cleanMarker) else { return nil }
        let lineage = try self.cleanLineage()
        try FileSystem.remove(self.cleanMarker)
        try FileSystem.syncDirectory(self.path)
        return lineage
    }

    /// What the marker says, which stays where it is; `nil` without a marker that can be read.
    func cleanLineage() throws(StorageError) -> UInt64? {
        guard FileSystem.exists(self.cleanMarker) else { return nil }
        let text = String(decoding: try FileSystem.read(self.cleanMarker), as: UTF8.self)
        guard text.hasPrefix(Self.cleanPrefix), text.hasSuffix("\n") else { return nil }
        return UInt64(text.dropFirst(Self.cleanPrefix.count).dropLast(), radix: 16)
    }

    func putCleanMarker(lineage: UInt64) throws(StorageError) {
        try FileSystem.write("\(Self.cleanPrefix)\(PartitionSchema.hexadecimal(lineage))\n", to: self.cleanMarker)
        try FileSystem.syncDirectory(self.path)
    }
}
