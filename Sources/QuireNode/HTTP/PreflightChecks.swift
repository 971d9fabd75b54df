import QuireCore
import QuireWire

/// What a commit looks at before it begins: each check has a name, and can be overridden by that name only.
///
/// A check that cannot be made is `unknown`: it is told, and refuses nothing.
struct PreflightChecks: Sendable {
    struct Node: Sendable {
        let id: NodeID
        let name: String
        /// Whether it has answered just now.
        let isAnswering: Bool
        /// `nil` when the node has not told.
        var freeBytes: Int?
        var hints = 0
        /// For how long the oldest of them has waited; `nil` when the node has not told.
        var hintAgeSeconds: Int?
        var quarantined = 0
        /// Comparisons with other replicas that are due since an absence.
        var uncompared = 0

        init(id: NodeID, name: String, isAnswering: Bool) {
            self.id = id
            self.name = name
            self.isAnswering = isAnswering
        }
    }

    static let names = ["no-other-change", "nodes-up", "space", "in-sync", "snapshot-age"]
    static let snapshotAgeMaxDefault = 7 * 24 * 3600
    /// Younger hints are on their way: under load there is always a late answer for which somebody stands in.
    static let hintAgeMaxSeconds = 10

    /// What must stay free beside what is received: 64 MiB and a tenth, for logs and for writes meanwhile.
    static func slackBytes(beside incoming: Int) -> Int { 64 << 20 + incoming / 10 }

    /// Members and those that join.
    let nodes: [Node]
    /// Members that are declared lost in the plan.
    let lost: Set<NodeID>
    /// Bytes that each node will receive; `nil` when the sizes are not known.
    let incomingBytes: [NodeID: Int]?
    /// The change that runs, if one does.
    let running: (planID: String, movesLeft: Int)?
    /// Since the last snapshot that is known here; `nil` when none is.
    var snapshotAgeSeconds: Int?
    var snapshotAgeMaxSeconds = Self.snapshotAgeMaxDefault

    func results() -> [OperationsAPI.Check] {
        [self.noOtherChange, self.nodesUp, self.space, self.inSync, self.snapshotAge]
    }

    /// The commit is refused for these.
    static func failures(_ checks: [OperationsAPI.Check], skipping skipped: Set<String>) -> [OperationsAPI.Check] {
        checks.filter { $0.result == .failed && !skipped.contains($0.name) }
    }

    private var awaited: [Node] { self.nodes.filter { !self.lost.contains($0.id) } }

    private var noOtherChange: OperationsAPI.Check {
        guard let running = self.running else { return .init("no-other-change", .passed, "no change is running") }
        return .init(
            "no-other-change",
            .failed,
            "change \(running.planID) is running, \(running.movesLeft) partitions still move",
            remedy: "wait for it with `quire cluster watch`, or take it back with `quire cluster abort`"
        )
    }

    private var nodesUp: OperationsAPI.Check {
        let down = self.awaited.filter { !$0.isAnswering }.map(\.name).sorted()
        guard !down.isEmpty else {
            let lost = self.nodes.count - self.awaited.count
            let besides = lost > 0 ? ", \(lost) given up for lost" : ""
            return .init("nodes-up", .passed, "all \(self.awaited.count) nodes answer\(besides)")
        }
        return .init(
            "nodes-up",
            .failed,
            "\(down.joined(separator: ", ")) \(down.count == 1 ? "does" : "do") not answer",
            remedy: "start \(down.count == 1 ? "it" : "them"); one that is gone for good is replaced in this plan: "
                + "`quire cluster replace NAME --with HOST:PORT --lost`"
        )
    }

    private var space: OperationsAPI.Check {
        guard let incoming = self.incomingBytes else {
            return .init(
                "space",
                .unknown,
                "no holder of some partitions has told how large they are",
                remedy: "start the members that do not answer"
            )
        }
        var short: [String] = []
        var silent: [String] = []
        var tightest: (free: Int, text: String)?
        for node in self.awaited {
            guard let needed = incoming[node.id], needed > 0 else { continue }
            guard let free = node.freeBytes else {
                silent.append(node.name)
                continue
            }
            let rest = free - needed - Self.slackBytes(beside: needed)
            let text = "\(node.name) receives \(ByteText.of(needed)) and has \(ByteText.of(free)) free"
            if rest < 0 { short.append(text) }
            if tightest.map({ rest < $0.free }) ?? true { tightest = (rest, text) }
        }
        guard short.isEmpty else {
            return .init(
                "space",
                .failed,
                short.joined(separator: "; ")
                    + " (\(ByteText.of(Self.slackBytes(beside: 0))) and a tenth must be left)",
                remedy: "free space there, or give it less: `quire cluster set-weight NAME WEIGHT`"
            )
        }
        guard silent.isEmpty else {
            let names = silent.sorted().joined(separator: ", ")
            return .init("space", .unknown, "\(names) has not told what is free", remedy: "start it")
        }
        return .init("space", .passed, tightest?.text ?? "nothing is received")
    }

    private var inSync: OperationsAPI.Check {
        let answering = self.awaited.filter(\.isAnswering)
        let quarantined = answering.filter { $0.quarantined > 0 }.map {
            "\($0.name) has \($0.quarantined) quarantined partitions"
        }
        // What is held for a node that is given up for lost goes to its successors, by the change itself.
        let hints = self.lost.isEmpty ? answering.filter { $0.hints > 0 } : []
        let waiting = hints.filter { $0.hintAgeSeconds ?? .max >= Self.hintAgeMaxSeconds }
        let held = waiting.map { "\($0.name) holds \($0.hints) hints for others" }
        guard quarantined.isEmpty, held.isEmpty else {
            return .init(
                "in-sync",
                .failed,
                (quarantined + held).joined(separator: "; "),
                remedy: "let replicas converge: `quire cluster repair`"
            )
        }
        let uncompared = answering.filter { $0.uncompared > 0 }.map { "\($0.uncompared) at \($0.name)" }
        guard uncompared.isEmpty else {
            return .init(
                "in-sync",
                .unknown,
                "comparisons of replicas are due since an absence: \(uncompared.joined(separator: ", "))",
                remedy: "wait for them with `quire cluster repair`"
            )
        }
        guard answering.count == self.awaited.count else {
            return .init("in-sync", .unknown, "not all nodes answer", remedy: "start them")
        }
        if !hints.isEmpty {
            let held = hints.map { "\($0.hints) hints at \($0.name)" }.joined(separator: ", ")
            return .init("in-sync", .unknown, "\(held), all younger than \(Self.hintAgeMaxSeconds) s, are on their way")
        }
        return .init("in-sync", .passed, "no hint waits, no partition is quarantined, no comparison is due")
    }

    private var snapshotAge: OperationsAPI.Check {
        let allowed = AgeText.of(seconds: self.snapshotAgeMaxSeconds)
        guard let age = self.snapshotAgeSeconds else {
            return .init(
                "snapshot-age",
                .unknown,
                "the cluster knows of no snapshot",
                remedy: "make one with `quire snapshot create --repository DIR`"
            )
        }
        guard age <= self.snapshotAgeMaxSeconds else {
            return .init(
                "snapshot-age",
                .failed,
                "the last snapshot is \(AgeText.of(seconds: age)) old, older than \(allowed)",
                remedy: "make one with `quire snapshot create --repository DIR`, or allow more with --snapshot-age-max"
            )
        }
        return .init("snapshot-age", .passed, "the last snapshot is \(AgeText.of(seconds: age)) old")
    }
}
