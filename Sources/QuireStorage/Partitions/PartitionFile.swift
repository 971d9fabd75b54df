import CSQLite
import QuireCore

/// The open file of one partition replica: the only connection to it, owned by one shard thread.
///
/// Settings, each for a reason that was paid for: `EXCLUSIVE` comes before the first access to the WAL; nothing
/// checkpoints but `checkpoint(_:)`; closing never checkpoints. Hence between two checkpoints the main file
/// does not change. Every `write` is synced when it returns (`synchronous=FULL` for its commit), so records
/// in it need the commit log no longer.
final class PartitionFile {
    /// A row as found by key.
    struct Row {
        let id: Int64
        let encoded: [UInt8]
    }

    /// A row to be written.
    struct Change {
        /// `nil` for a key that the file has not got.
        let rowID: Int64?
        let hash: KeyHash
        let key: Key
        /// `nil` deletes the row.
        let encoded: [UInt8]?
    }

    /// What the file says of its rows.
    struct Summary {
        var leaves = MerkleLeaves()
        var tally = RecordTally()
        /// Only of a hint file.
        var hints: HintTotals?
    }

    /// What a life under which versions are minted leaves behind.
    struct ActorState: Equatable {
        var actor: ActorID
        var counter: UInt64
        var lineage: UInt64
    }

    let identity: PartitionIdentity
    let path: String
    private let database: SQLiteDatabase
    private var lookupStatement: SQLiteStatement
    private var insertStatement: SQLiteStatement
    private var updateStatement: SQLiteStatement
    private var deleteStatement: SQLiteStatement
    private var metaStatement: SQLiteStatement
    private let isSynced: Bool
    private var needsDirectorySync: Bool

    /// Opens an existing file and checks that it is what it should be.
    ///
    /// - Parameter isSynced: `false` for a copy whose owner syncs it as a whole afterwards: no write is synced, and a
    ///   crash before that may leave it damaged.
    init(path: String, identity: PartitionIdentity, isSynced: Bool = true) throws {
        self.path = path
        self.identity = identity
        self.isSynced = isSynced
        self.needsDirectorySync = isSynced
        self.database = try SQLiteDatabase(path: path, mode: .existing)
        try Self.configure(self.database, isSynced: isSynced)
        let found = try PartitionSchema.identity(of: self.database)
        guard found == identity else {
            throw StorageError(
                .foreignData,
                "the file is \(found), not \(identity)",
                partition: identity.partition,
                path: path
            )
        }
        self.lookupStatement = try self.database.prepare("SELECT id, key, record FROM entries WHERE hash = ?1")
        self.insertStatement = try self.database.prepare("INSERT INTO entries(hash, key, record) VALUES(?1, ?2, ?3)")
        self.updateStatement = try self.database.prepare("UPDATE entries SET record = ?2 WHERE id = ?1")
        self.deleteStatement = try self.database.prepare("DELETE FROM entries WHERE id = ?1")
        self.metaStatement = try self.database.prepare("REPLACE INTO meta(name, value) VALUES(?1, ?2)")
    }

    /// Makes an empty file: complete and synced under `temporaryPath`, then renamed, so that a file with the
    /// final name always has its schema.
    static func create(path: String, temporaryPath: String, identity: PartitionIdentity) throws {
        try FileSystem.remove(temporaryPath)
        try FileSystem.removeCompanions(of: temporaryPath)
        let database = try SQLiteDatabase(path: temporaryPath, mode: .create)
        try database.execute("PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        try database.transaction {
            for statement in PartitionSchema.statements { try database.execute(statement) }
            let meta = try database.prepare("INSERT INTO meta(name, value) VALUES(?1, ?2)")
            let texts = [
                ("cluster_id", identity.clusterID), ("content", identity.content.rawValue),
                ("actor", ""), ("actor_lineage", ""),
            ]
            for (name, value) in texts {
                meta.bind(name, at: 1)
                meta.bind(value, at: 2)
                try meta.run()
            }
            let integers = [
                ("format_version", PartitionSchema.formatVersion),
                ("partition", Int64(identity.partition.rawValue)),
                ("partition_count", Int64(identity.partitionCount.rawValue)),
                ("actor_counter", 0), ("record_count", 0), ("live_count", 0), ("expiring_count", 0),
                ("drop_count", 0),
            ]
            for (name, value) in integers {
                meta.bind(name, at: 1)
                meta.bind(value, at: 2)
                try meta.run()
            }
        }
        // In WAL mode from the start: to change it later takes a rollback journal, and one whose end could not be synced
        // would take back, after a loss of power, what the file has got since.
        guard try database.text("PRAGMA journal_mode=WAL") == "wal" else {
            throw StorageError(.inputOutput, "a file cannot be put into WAL mode", path: temporaryPath)
        }
        database.close()
        try FileSystem.removeCompanions(of: temporaryPath)
        try FileSystem.syncFile(temporaryPath)
        try FileSystem.removeCompanions(of: path)
        try FileSystem.move(temporaryPath, to: path)
        try FileSystem.syncDirectory(Self.directory(of: path))
    }

    /// The handle is unusable afterwards. The WAL stays: what it holds was synced by its commit.
    deinit {
        self.database.close()
    }

    var walBytes: Int { self.database.walBytes }

    func row(of key: Key, hash: KeyHash) throws -> Row? {
        self.lookupStatement.bind(PartitionSchema.column(hash), at: 1)
        defer { self.lookupStatement.reset() }
        while try self.lookupStatement.step() {
            if self.lookupStatement.column(1, equals: key.bytes) {
                return Row(id: self.lookupStatement.integer(0), encoded: self.lookupStatement.bytes(2))
            }
        }
        return nil
    }

    /// Writes rows with what describes them, in one synced transaction.
    ///
    /// - Parameters:
    ///   - changes: Best in the order of their hashes.
    ///   - old: What the file says now.
    ///   - new: The same with the changes.
    ///   - life: The life that minted last, `nil` keeps what the file says; and the number of the latest drop.
    func write(_ changes: [Change], old: Summary, new: Summary, life: (actor: ActorState?, dropCount: UInt64)) throws {
        try self.commit {
            for change in changes {
                try self.write(change)
            }
            try self.writeLeaves(new.leaves, changedFrom: old.leaves)
            try self.setMeta("record_count", Int64(new.tally.records))
            try self.setMeta("live_count", Int64(new.tally.live))
            try self.setMeta("expiring_count", Int64(new.tally.expiring))
            try self.setMeta("drop_count", Int64(bitPattern: life.dropCount))
            if let hints = new.hints {
                try self.setMeta("hint_bytes", Int64(hints.bytes))
                try self.setMeta("hints_since", Int64(hints.sinceMilliseconds ?? 0))
            }
            if let actor = life.actor { try self.setActor(actor) }
        }
    }

    /// Makes sure that nobody goes on under the actor that the file names.
    func forgetActor() throws {
        try self.commit { try self.clearActor() }
    }

    /// Makes an image of another node's file this store's own: its actor and its drops are not ours.
    func adopt(dropCount: UInt64) throws {
        try self.commit {
            try self.clearActor()
            try self.setMeta("drop_count", Int64(bitPattern: dropCount))
        }
    }

    private func clearActor() throws {
        try self.setMeta("actor", "")
        try self.setMeta("actor_lineage", "")
        try self.setMeta("actor_counter", 0)
    }

    /// `nil` when the file names none.
    func actor() throws -> ActorState? {
        guard let actor = UInt64(try PartitionSchema.text("actor", of: self.database) ?? "", radix: 16),
            let lineage = UInt64(try PartitionSchema.text("actor_lineage", of: self.database) ?? "", radix: 16)
        else { return nil }
        let counter = UInt64(bitPattern: try PartitionSchema.integer("actor_counter", of: self.database))
        return ActorState(actor: ActorID(rawValue: actor), counter: counter, lineage: lineage)
    }

    /// The number of the store's latest drop when the file was last written.
    func dropCount() throws -> UInt64 {
        UInt64(bitPattern: try PartitionSchema.optionalInteger("drop_count", of: self.database) ?? 0)
    }

    func summary() throws -> Summary {
        let tally = try PartitionSchema.tally(of: self.database)
        var summary = Summary(leaves: try PartitionSchema.leaves(of: self.database), tally: tally)
        if self.identity.content == .hints {
            let since = try PartitionSchema.optionalInteger("hints_since", of: self.database) ?? 0
            let bytes = try PartitionSchema.optionalInteger("hint_bytes", of: self.database) ?? 0
            summary.hints = HintTotals(
                records: tally.records,
                bytes: Int(bytes),
                sinceMilliseconds: since > 0 ? UInt64(since) : nil
            )
        }
        return summary
    }

    /// - Returns: Whether the main file now holds everything.
    func checkpoint(_ mode: SQLiteDatabase.CheckpointMode) throws -> Bool {
        try self.database.checkpoint(mode)
    }

    func mainFileBytes() throws -> Int { try self.database.mainFileBytes() }

    func mainFile() throws -> MainFile { try self.database.mainFile() }

    func readMainFile(_ range: Range<Int>) throws -> [UInt8] { try self.database.readMainFile(range) }

    /// A page of records in scan order.
    func page(
        after position: ScanPosition?,
        leaf: Int? = nil,
        limit: PageLimit
    ) throws -> (
        records: [KeyedRecord], isLast: Bool
    ) {
        let page = try PartitionRows.page(of: self.database, after: position, leaf: leaf, limit: limit)
        return (page.rows.map { KeyedRecord(key: $0.key, record: $0.record) }, page.isLast)
    }

    func statement(_ text: String) throws -> SQLiteStatement { try self.database.prepare(text) }

    /// All rows of one hash, by key.
    func rows(of hash: KeyHash) throws -> [PartitionRow] {
        try PartitionRows.rows(of: hash, in: self.database)
    }

    private func commit(_ body: () throws -> Void) throws {
        guard self.isSynced else { return try self.database.transaction(body) }
        try self.database.execute("PRAGMA synchronous=FULL")
        try self.database.transaction(body)
        try self.database.execute("PRAGMA synchronous=NORMAL")
        if self.needsDirectorySync {
            try FileSystem.syncDirectory(Self.directory(of: self.path))
            self.needsDirectorySync = false
        }
    }

    private func write(_ change: Change) throws {
        guard let encoded = change.encoded else {
            guard let rowID = change.rowID else { return }
            self.deleteStatement.bind(rowID, at: 1)
            try self.deleteStatement.run()
            return
        }
        if let rowID = change.rowID {
            self.updateStatement.bind(rowID, at: 1)
            try self.updateStatement.bind(encoded, at: 2)
            try self.updateStatement.run()
        } else {
            self.insertStatement.bind(PartitionSchema.column(change.hash), at: 1)
            try self.insertStatement.bind(change.key.bytes, at: 2)
            try self.insertStatement.bind(encoded, at: 3)
            try self.insertStatement.run()
        }
    }

    private func writeLeaves(_ new: MerkleLeaves, changedFrom old: MerkleLeaves) throws {
        let replace = try self.database.prepare("REPLACE INTO leaves(leaf, sum) VALUES(?1, ?2)")
        let delete = try self.database.prepare("DELETE FROM leaves WHERE leaf = ?1")
        for leaf in new.differences(from: old) {
            let sum = new.sums[leaf]
            let statement = sum == 0 ? delete : replace
            statement.bind(Int64(leaf), at: 1)
            if sum != 0 { try statement.bind(withUnsafeBytes(of: sum.bigEndian) { Array($0) }, at: 2) }
            try statement.run()
        }
    }

    private func setActor(_ state: ActorState) throws {
        try self.setMeta("actor", PartitionSchema.hexadecimal(state.actor.rawValue))
        try self.setMeta("actor_lineage", PartitionSchema.hexadecimal(state.lineage))
        try self.setMeta("actor_counter", Int64(bitPattern: state.counter))
    }

    private func setMeta(_ name: String, _ value: Int64) throws {
        self.metaStatement.bind(name, at: 1)
        self.metaStatement.bind(value, at: 2)
        try self.metaStatement.run()
    }

    private func setMeta(_ name: String, _ value: String) throws {
        self.metaStatement.bind(name, at: 1)
        self.metaStatement.bind(value, at: 2)
        try self.metaStatement.run()
    }

    private static func configure(_ database: SQLiteDatabase, isSynced: Bool) throws {
        let level = isSynced ? "NORMAL" : "OFF"
        // First of all: whatever reads the schema opens the WAL, and would share its index in a `-shm` file.
        try database.execute("PRAGMA locking_mode=EXCLUSIVE")
        // Before the change into WAL mode, which is a write, too.
        try database.execute("PRAGMA synchronous=\(level)")
        try database.setFlag(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        try database.setFlag(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        try database.setFlag(SQLITE_DBCONFIG_DEFENSIVE, true)
        try database.execute("PRAGMA cell_size_check=ON")
        guard try database.text("PRAGMA journal_mode=WAL") == "wal" else {
            throw StorageError(.inputOutput, "the file cannot be put into WAL mode", path: database.path)
        }
        try database.execute("PRAGMA synchronous=\(level); PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-256")
        database.watchWAL()
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}
