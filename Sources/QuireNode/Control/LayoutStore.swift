import QuireCore
import QuireStorage

/// `layout.db`: decided layouts, and this node's vote on the next one.
///
/// ```
/// layouts(version INTEGER PRIMARY KEY, layout BLOB, adopted_ms, change_began, change_ended)
///     layout          a decided layout as `LayoutCoding` has it; empty once it is no longer needed. The greatest
///                     version counts
///     adopted_ms      when this node stored it, in milliseconds since 1970; 0 when that is not known
///     change_began    the version with which its change of capacity began; 0 without one, -1 when not looked up yet
///     change_ended    the version with which that change finished; 0 while it runs
/// vote(id = 1, version, round, node, accepted_round, accepted_node, accepted)
///     the vote on `version`; `accepted` NULL without one
/// ```
///
/// Kept whole are the newest layouts and, of the latest changes, the first and the last layout and the one with which
/// the change finished. Of all others only the time is kept.
///
/// `synchronous=FULL`: when `save` returns, the state is on disk. Used by one thread at a time.
///
/// `@unchecked Sendable`: it owns a SQLite connection and is used through a serial queue only.
final class LayoutStore: @unchecked Sendable {
    /// Layouts that are kept whole although they neither begin nor end a change.
    static let newestKept = 50
    static let changesKept = 200
    static let versionsKept = 5000

    private let database: SQLiteDatabase
    private let wallMilliseconds: @Sendable () -> UInt64

    init(
        path: String,
        wallMilliseconds: @escaping @Sendable () -> UInt64 = { MachineClock.wallMilliseconds }
    ) throws {
        self.wallMilliseconds = wallMilliseconds
        self.database = try SQLiteDatabase(path: path, mode: .create)
        try self.database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        try self.database.execute(
            """
            CREATE TABLE IF NOT EXISTS layouts(version INTEGER PRIMARY KEY, layout BLOB NOT NULL);
            CREATE TABLE IF NOT EXISTS vote(
                id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,
                round TEXT NOT NULL, node TEXT NOT NULL,
                accepted_round TEXT, accepted_node TEXT, accepted BLOB
            );
            """
        )
        try self.database.transaction { try self.addColumns() }
    }

    /// A file of an earlier version has layouts and no more.
    private func addColumns() throws {
        for (column, unknown) in [("adopted_ms", 0), ("change_began", -1), ("change_ended", 0)] {
            let count = try self.database.integer(
                "SELECT count(*) FROM pragma_table_info('layouts') WHERE name = '\(column)'"
            )
            guard count == 0 else { continue }
            try self.database.execute(
                "ALTER TABLE layouts ADD COLUMN \(column) INTEGER NOT NULL DEFAULT \(unknown)"
            )
        }
        // Finds what is kept without reading layouts.
        try self.database.execute(
            "CREATE INDEX IF NOT EXISTS layouts_by_change ON layouts(change_began, change_ended, version)"
        )
        var unknown: [(version: Int64, layout: [UInt8])] = []
        let layouts = try self.database.prepare("SELECT version, layout FROM layouts WHERE change_began < 0")
        while try layouts.step() {
            unknown.append((layouts.integer(0), layouts.bytes(1)))
        }
        for (version, bytes) in unknown {
            let change = LayoutCoding.decode(bytes)?.change
            let update = try self.database.prepare(
                "UPDATE layouts SET change_began = ?, change_ended = ? WHERE version = ?"
            )
            update.bind(Int64(change?.beganAt.rawValue ?? 0), at: 1)
            update.bind(Int64(change?.endedAt?.rawValue ?? 0), at: 2)
            update.bind(version, at: 3)
            _ = try update.step()
        }
    }

    func load() throws -> LayoutAcceptor.State {
        var state = LayoutAcceptor.State()
        let layouts = try self.database.prepare("SELECT version, layout FROM layouts ORDER BY version DESC LIMIT 1")
        if try layouts.step() {
            state.decidedVersion = LayoutVersion(Int(layouts.integer(0)))
            state.decided = AcceptedLayout(ballot: .none, layout: layouts.bytes(1))
        }
        let vote = try self.database.prepare(
            "SELECT version, round, node, accepted_round, accepted_node, accepted FROM vote"
        )
        if try vote.step() {
            state.voting = LayoutVersion(Int(vote.integer(0)))
            state.promised = Self.ballot(vote.text(1), vote.text(2)) ?? .none
            if let ballot = Self.ballot(vote.text(3), vote.text(4)) {
                state.accepted = AcceptedLayout(ballot: ballot, layout: vote.bytes(5))
            }
        }
        return state
    }

    func save(_ state: LayoutAcceptor.State) throws {
        try self.database.transaction {
            if let decided = state.decided, try !self.isStored(state.decidedVersion) {
                try self.insert(decided.layout, state.decidedVersion)
                try self.prune()
            }
            let vote = try self.database.prepare("INSERT OR REPLACE INTO vote VALUES (1, ?, ?, ?, ?, ?, ?)")
            vote.bind(Int64(state.voting.rawValue), at: 1)
            vote.bind(String(state.promised.round), at: 2)
            vote.bind(state.promised.node.description, at: 3)
            if let accepted = state.accepted {
                vote.bind(String(accepted.ballot.round), at: 4)
                vote.bind(accepted.ballot.node.description, at: 5)
                try vote.bind(accepted.layout, at: 6)
            }
            _ = try vote.step()
        }
    }

    private func isStored(_ version: LayoutVersion) throws -> Bool {
        try self.database.integer("SELECT count(*) FROM layouts WHERE version = \(version.rawValue)") != 0
    }

    private func insert(_ layout: [UInt8], _ version: LayoutVersion) throws {
        let change = LayoutCoding.decode(layout)?.change
        let insert = try self.database.prepare(
            """
            INSERT INTO layouts(version, layout, adopted_ms, change_began, change_ended) VALUES (?, ?, ?, ?, ?)
            """
        )
        insert.bind(Int64(version.rawValue), at: 1)
        try insert.bind(layout, at: 2)
        insert.bind(Int64(self.wallMilliseconds()), at: 3)
        insert.bind(Int64(change?.beganAt.rawValue ?? 0), at: 4)
        insert.bind(Int64(change?.endedAt?.rawValue ?? 0), at: 5)
        _ = try insert.step()
    }

    /// The newest layout is never touched.
    private func prune() throws {
        try self.database.execute(
            """
            UPDATE layouts SET layout = x'' WHERE length(layout) > 0
                AND version NOT IN (SELECT version FROM layouts ORDER BY version DESC LIMIT \(Self.newestKept))
                AND (change_began <= 0
                    OR change_began NOT IN (
                        SELECT DISTINCT change_began FROM layouts ORDER BY change_began DESC LIMIT \(Self.changesKept))
                    OR version NOT IN (
                        SELECT min(version) FROM layouts GROUP BY change_began
                        UNION ALL SELECT max(version) FROM layouts GROUP BY change_began
                        UNION ALL SELECT min(version) FROM layouts WHERE change_ended > 0 GROUP BY change_began));
            DELETE FROM layouts WHERE length(layout) = 0 AND version NOT IN (
                SELECT version FROM layouts ORDER BY version DESC LIMIT \(Self.versionsKept));
            """
        )
    }

    /// A change of capacity from its first layout to the last one that this node has stored of it.
    struct ChangeSpan: Sendable {
        let last: Layout
        let beganMilliseconds: Int
        let endedMilliseconds: Int
    }

    /// The latest first; of those that are kept.
    func changes() throws -> [ChangeSpan] {
        let layouts = try self.database.prepare(
            "SELECT layout, adopted_ms FROM layouts WHERE length(layout) > 0 ORDER BY version DESC"
        )
        var spans: [ChangeSpan] = []
        while try layouts.step() {
            guard let layout = LayoutCoding.decode(layouts.bytes(0)), let change = layout.change else { continue }
            let milliseconds = Int(layouts.integer(1))
            if let later = spans.last, let own = later.last.change, own.planID == change.planID,
                own.beganAt == change.beganAt
            {
                // What is staged or limited after the end belongs to no change.
                let isAfterwards = change.isFinished
                spans[spans.count - 1] = ChangeSpan(
                    last: later.last,
                    beganMilliseconds: milliseconds,
                    endedMilliseconds: isAfterwards ? milliseconds : later.endedMilliseconds
                )
            } else {
                spans.append(
                    ChangeSpan(last: layout, beganMilliseconds: milliseconds, endedMilliseconds: milliseconds)
                )
            }
        }
        return spans
    }

    /// When this node stored each of its layouts from `version` on; milliseconds since 1970.
    func adoptionTimes(from version: LayoutVersion) throws -> [LayoutVersion: Int] {
        let layouts = try self.database.prepare("SELECT version, adopted_ms FROM layouts WHERE version >= ?")
        layouts.bind(Int64(version.rawValue), at: 1)
        var times: [LayoutVersion: Int] = [:]
        while try layouts.step() {
            times[LayoutVersion(Int(layouts.integer(0)))] = Int(layouts.integer(1))
        }
        return times
    }

    func close() {
        self.database.close()
    }

    private static func ballot(_ round: String?, _ node: String?) -> Ballot? {
        guard let round = round.flatMap({ UInt64($0) }), let node = node.flatMap({ NodeID($0) }) else { return nil }
        return Ballot(round: round, node: node)
    }
}
