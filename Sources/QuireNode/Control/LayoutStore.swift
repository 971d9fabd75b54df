import QuireCore
import QuireStorage

/// `layout.db`: every decided layout, and this node's vote on the next one.
///
/// ```
/// layouts(version INTEGER PRIMARY KEY, layout BLOB, adopted_ms INTEGER)
///                                                     decided layouts as JSON, and when this node stored them, in
///                                                     milliseconds since 1970; the greatest version counts
/// vote(id = 1, version, round, node, accepted_round, accepted_node, accepted)
///                                                     the vote on `version`; `accepted` NULL without one
/// ```
///
/// `synchronous=FULL`: when `save` returns, the state is on disk. Used by one thread at a time.
///
/// `@unchecked Sendable`: it owns a SQLite connection and is used through a serial queue only.
final class LayoutStore: @unchecked Sendable {
    private let database: SQLiteDatabase

    init(path: String) throws {
        self.database = try SQLiteDatabase(path: path, mode: .create)
        try self.database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        try self.database.execute(
            """
            CREATE TABLE IF NOT EXISTS layouts(
                version INTEGER PRIMARY KEY, layout BLOB NOT NULL, adopted_ms INTEGER NOT NULL DEFAULT 0
            );
            CREATE TABLE IF NOT EXISTS vote(
                id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,
                round TEXT NOT NULL, node TEXT NOT NULL,
                accepted_round TEXT, accepted_node TEXT, accepted BLOB
            );
            """
        )
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
            if let decided = state.decided {
                let insert = try self.database.prepare("INSERT OR IGNORE INTO layouts VALUES (?, ?, ?)")
                insert.bind(Int64(state.decidedVersion.rawValue), at: 1)
                try insert.bind(decided.layout, at: 2)
                insert.bind(Int64(MachineClock.wallMilliseconds), at: 3)
                _ = try insert.step()
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

    /// A change of capacity from its first layout to the last one that this node has stored of it.
    struct ChangeSpan: Sendable {
        let last: Layout
        let beganMilliseconds: Int
        let endedMilliseconds: Int
    }

    /// At most as many layouts are looked at, the latest ones: a change takes some dozens.
    private static let layoutsMax = 4096

    /// The latest first.
    func changes() throws -> [ChangeSpan] {
        let layouts = try self.database.prepare(
            "SELECT layout, adopted_ms FROM layouts ORDER BY version DESC LIMIT \(Self.layoutsMax)"
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
