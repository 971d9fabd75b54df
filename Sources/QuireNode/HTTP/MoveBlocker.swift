import QuireCore
import QuireWire

/// Why a partition in motion does not go on, and the one command that resolves it.
///
/// Derived from what one node sees: it states no more than that. What passes by itself needs no action.
struct MoveBlocker: Equatable, Sendable {
    enum Cause: String, Sendable {
        case paused
        /// Too few voters can be reached: no step can be decided.
        case noMajority = "no-majority"
        /// A node that has to take the partition does not answer.
        case targetDown = "target-down"
        /// A node that gives the partition up does not answer.
        case formerOwnerDown = "former-owner-down"
        /// Too few replicas of the old row count by the new layout (SAFETY rule 11).
        case fences
        case diskFull = "disk-full"
        /// The last attempt has failed; it is tried again.
        case failing
        /// A leaving node delivers its hints first (SAFETY rule 8).
        case hints
        case throttled
        /// Clients come first.
        case admission
        /// Others go first at the node that takes it.
        case queued
    }

    let cause: Cause
    let reason: String
    let command: String?
    let needsAction: Bool

    init(_ cause: Cause, _ reason: String, command: String? = nil, needsAction: Bool) {
        self.cause = cause
        self.reason = reason
        self.command = command
        self.needsAction = needsAction
    }

    /// What is known of one member.
    struct Sight: Sendable {
        /// `nil` while it can be reached: for how long it has not answered.
        var silentSeconds: Int?
        /// What it counts by; `nil` when it has not told.
        var layoutVersion: LayoutVersion?
        var hints: Int?
        var hintBlocker: String?
        var freeBytes: Int?
        var incoming: [TransferAPI.Incoming] = []
        /// Its share for background work, from 0 to 1.
        var admissionShare: Double?
        var admissionReason: String?

        init() {}
    }

    /// What the node that answers sees.
    struct View: Sendable {
        let layout: Layout
        var sights: [NodeID: Sight] = [:]

        init(layout: Layout) {
            self.layout = layout
        }

        func name(_ node: NodeID) -> String { self.layout.member(node)?.name ?? node.description }

        func names(_ nodes: [NodeID]) -> String { nodes.map(self.name).sorted().joined(separator: ", ") }

        /// A lost member is not waited for, so it is not down.
        func isDown(_ node: NodeID) -> Bool { self.silence(of: node) != nil && !self.layout.lost.contains(node) }

        private func silence(of node: NodeID) -> Int? {
            guard let sight = self.sights[node] else { return 0 }
            return sight.silentSeconds
        }

        /// `n4, which takes the partition, does not answer for 35 s`
        func silent(_ node: NodeID, role: String) -> String {
            "\(self.name(node)), \(role), does not answer for \(AgeText.of(seconds: self.silence(of: node) ?? 0))"
        }

        var canAbort: Bool { self.layout.change.map { !$0.isFinished && $0.kind != .abort } ?? false }
    }

    static func of(_ move: PartitionMove, _ view: View) -> MoveBlocker? {
        self.ofTheChange(view) ?? self.ofTargets(move, view) ?? self.ofFormerOwners(move, view)
            ?? self.ofFences(move, view) ?? self.ofTransfers(move, view) ?? self.ofHints(move, view)
    }

    // MARK: Kinds

    private static func ofTheChange(_ view: View) -> MoveBlocker? {
        let layout = view.layout
        if layout.change?.state == .paused {
            return MoveBlocker(.paused, "the change is paused", command: "quire cluster resume", needsAction: true)
        }
        let silent = layout.voters.filter { view.isDown($0) }
        let needed = layout.electorate.needed
        guard layout.voters.count - silent.count < needed else { return nil }
        return MoveBlocker(
            .noMajority,
            "a step needs \(needed) of the \(layout.voters.count) voters, and \(view.names(silent)) cannot be reached: "
                + "start them, or if they are gone for good, recover the log",
            command: "quire cluster recover --help",
            needsAction: true
        )
    }

    /// Those whose receipt the phase waits for.
    private static func targets(_ move: PartitionMove, _ layout: Layout) -> [NodeID] {
        layout.receiptsDue(of: move).filter { node in !move.receipts.contains { $0.node == node } }
    }

    private static func ofTargets(_ move: PartitionMove, _ view: View) -> MoveBlocker? {
        if let lost = self.targets(move, view.layout).first(where: view.layout.lost.contains) {
            return MoveBlocker(
                .targetDown,
                "\(view.name(lost)), which takes the partition, was given up: take the change back",
                command: "quire cluster abort",
                needsAction: true
            )
        }
        guard let target = self.targets(move, view.layout).first(where: { view.isDown($0) }) else { return nil }
        guard move.phase == .dualWrite else {
            return self.without(
                target,
                .targetDown,
                role: "which holds the partition",
                "and replace it afterwards",
                view
            )
        }
        let begin = "\(view.silent(target, role: "which takes the partition")): start it"
        guard view.canAbort else { return MoveBlocker(.targetDown, begin, needsAction: true) }
        return MoveBlocker(
            .targetDown,
            "\(begin), or take the change back",
            command: "quire cluster abort",
            needsAction: true
        )
    }

    private static func ofFormerOwners(_ move: PartitionMove, _ view: View) -> MoveBlocker? {
        guard move.phase == .draining,
            let former = view.layout.leaversAwaited(of: move).first(where: { view.isDown($0) })
        else { return nil }
        return self.without(
            former,
            .formerOwnerDown,
            role: "which gives the partition up",
            "and what only it has",
            view
        )
    }

    /// The change can end without this node.
    private static func without(
        _ node: NodeID,
        _ cause: Cause,
        role: String,
        _ price: String,
        _ view: View
    ) -> MoveBlocker {
        MoveBlocker(
            cause,
            "\(view.silent(node, role: role)): start it, or give it up \(price)",
            command: "quire cluster give-up \(view.name(node))",
            needsAction: true
        )
    }

    private static func ofFences(_ move: PartitionMove, _ view: View) -> MoveBlocker? {
        guard move.phase != .draining else { return nil }
        let layout = view.layout
        let missing = move.from.filter { node in
            guard !layout.lost.contains(node) else { return false }
            return view.isDown(node) || (view.sights[node]?.layoutVersion ?? .none) < move.fence
        }
        let installed = move.from.count { !layout.lost.contains($0) } - missing.count
        let needed = layout.fenceQuorum(of: move)
        guard installed < needed else { return nil }
        let down = missing.filter { view.isDown($0) }
        let begin =
            "\(needed) of \(view.names(move.from)) must count by layout \(move.fence), and \(installed) "
            + "\(installed == 1 ? "does" : "do")"
        guard !down.isEmpty else {
            return MoveBlocker(.fences, "\(begin): waits for \(view.names(missing))", needsAction: false)
        }
        let reason = "\(begin): start \(view.names(down))"
        guard view.canAbort else { return MoveBlocker(.fences, reason, needsAction: true) }
        return MoveBlocker(
            .fences,
            "\(reason), or take the change back",
            command: "quire cluster abort",
            needsAction: true
        )
    }

    private static func ofTransfers(_ move: PartitionMove, _ view: View) -> MoveBlocker? {
        for target in self.targets(move, view.layout) {
            guard let sight = view.sights[target] else { continue }
            let name = view.name(target)
            let incoming = sight.incoming.first { $0.partition == move.partition.rawValue }
            guard let incoming, incoming.step != PartitionTransfer.Step.waiting.rawValue else {
                if let blocker = self.queued(sight, name, view.layout) { return blocker }
                continue
            }
            if let failure = incoming.blocker { return self.failed(incoming, failure, sight, name, view) }
            guard incoming.step == PartitionTransfer.Step.copying.rawValue else { continue }
            if let limit = view.layout.limits.bytesPerSecondMax {
                return MoveBlocker(
                    .throttled,
                    "each node takes in \(ByteText.of(limit)) per second at most",
                    command: "quire cluster throttle --bytes-per-second unlimited",
                    needsAction: false
                )
            }
            if let share = sight.admissionShare, share < 0.5 {
                let percent = Int((share * 100).rounded())
                let why = sight.admissionReason.map { ": \($0)" } ?? ""
                return MoveBlocker(
                    .admission,
                    "clients come first at \(name), \(percent) % is left\(why)",
                    needsAction: false
                )
            }
        }
        return nil
    }

    private static func queued(_ sight: Sight, _ name: String, _ layout: Layout) -> MoveBlocker? {
        let ended = PartitionTransfer.Step.covered.rawValue
        let taken: [PartitionTransfer.Step] = [.sealing, .copying]
        let running = sight.incoming.filter { $0.blocker == nil && $0.step != ended }
        let copied = running.count { incoming in taken.contains { $0.rawValue == incoming.step } }
        let most = layout.limits.transfersPerNodeMax
        guard copied >= most || running.count >= layout.limits.fillsPerNodeMax else {
            return nil
        }
        return MoveBlocker(
            .queued,
            "\(name) copies \(most) \(most == 1 ? "partition" : "partitions") at a time",
            command: "quire cluster throttle --transfers \(min(64, most * 2))",
            needsAction: false
        )
    }

    private static func failed(
        _ incoming: TransferAPI.Incoming,
        _ failure: String,
        _ sight: Sight,
        _ name: String,
        _ view: View
    ) -> MoveBlocker {
        let lacking = incoming.bytesTotal - incoming.bytesDone
        let isFull = sight.freeBytes.map { $0 < max(lacking, 1 << 20) } ?? false
        let words = failure.lowercased()
        guard isFull || words.contains("no space") || words.contains("disk full") else {
            return MoveBlocker(
                .failing,
                "attempt \(incoming.attempts) at \(name) failed, another follows: \(failure)",
                needsAction: false
            )
        }
        let free = sight.freeBytes.map { " (\(ByteText.of($0)) free)" } ?? ""
        return MoveBlocker(
            .diskFull,
            "the disk of \(name) is full\(free): free space there" + (view.canAbort ? ", or take the change back" : ""),
            command: view.canAbort ? "quire cluster abort" : nil,
            needsAction: true
        )
    }

    /// The last step of a change drops those that leave: it waits until they have delivered what they hold for others.
    private static func ofHints(_ move: PartitionMove, _ view: View) -> MoveBlocker? {
        let layout = view.layout
        guard move.phase == .draining, layout.hasAllReceipts(of: move) else { return nil }
        for node in layout.leaving where !layout.lost.contains(node) {
            if view.isDown(node) {
                return self.without(node, .hints, role: "which leaves", "and the writes that it holds for others", view)
            }
            guard let hints = view.sights[node]?.hints, hints > 0 else { continue }
            let why = view.sights[node]?.hintBlocker.map { " (\($0))" } ?? ""
            return MoveBlocker(
                .hints,
                "\(view.name(node)) leaves when it has delivered the \(hints) writes that it holds for others\(why)",
                command: "quire cluster background",
                needsAction: false
            )
        }
        return nil
    }
}
