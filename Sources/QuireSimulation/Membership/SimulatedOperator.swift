import QuireCore

/// Follows one script, step by step, whatever happens to the requests: what was not answered is asked again, of another
/// node, and what a competitor has done already counts as done.
///
/// When the script is over, the operator tidies up: it resumes what is paused, clears what is staged, and takes
/// destroyed nodes out of the cluster, so that every change must end. Where the majority of the voters is destroyed, one
/// operator recovers the layout log first.
struct SimulatedOperator {
    enum Action {
        case ask(ControlCore.OperatorRequest)
        case destroy(Int)
    }

    /// What the operator sees.
    struct View {
        let layout: Layout
        let now: Duration
        let destroyed: Set<NodeID>
    }

    private enum Outcome {
        case goOn
        case wait
        case act(Action)
    }

    /// After so many refusals a change is given up, and after so many looks a node that must not be lost is kept.
    private static let attemptsMax = 12
    private static let looksMax = 80
    /// So long a majority of destroyed voters is looked at before the log is recovered.
    private static let recoveryPatience = Duration.seconds(5)

    private let operations: [MembershipOperation]
    private let members: [Member]
    /// Two recoveries by two people would make two clusters.
    private let recovers: Bool
    private var majorityLostAt: Duration?
    private var recoveries: UInt64 = 0
    private var index = 0
    private var attempts = 0
    private var looks = 0
    private var beganAt: Duration?
    /// Destroyed, and the operator does not know.
    private var unnoticed: Set<NodeID> = []
    private var movesInAll = (planID: "", count: 0)
    private var leftover: (staged: [StagedChange], since: Duration) = ([], .zero)
    private var waitsFor: NodeID?
    private var until = Duration.zero
    private var lastAnswer = "nothing asked"

    init(_ script: MembershipScript, members: [Member], recovers: Bool) {
        self.operations = script.operations
        self.members = members
        self.recovers = recovers
    }

    var stateDescription: String {
        let step = self.index < self.operations.count ? "at \"\(self.operations[self.index])\"" : "tidying up"
        return "operator \(step), \(self.lastAnswer)"
    }

    // MARK: Requests

    func isWaiting(at now: Duration) -> Bool {
        self.waitsFor != nil && now < self.until
    }

    mutating func asked(_ node: NodeID, until: Duration) {
        self.waitsFor = node
        self.until = until
    }

    mutating func answered(_ result: ControlCore.OperatorResult) {
        self.waitsFor = nil
        switch result {
        case .done(let layout): self.lastAnswer = "version \(layout.version) is done"
        case .unreachable(let missing, let needed, let voters):
            self.lastAnswer = "unreachable: \(missing), \(needed) of \(voters) are needed"
        case .refused(let refusal):
            self.lastAnswer = "refused: \(refusal)"
            self.attempts += 1
        }
    }

    mutating func lost(_ node: NodeID) {
        if self.waitsFor == node { self.waitsFor = nil }
    }

    // MARK: Steps

    /// - Returns: whether everything has been done and nothing is left to do.
    mutating func isFinished(_ view: View) -> Bool {
        let isIdle = view.layout.change?.isFinished ?? true && view.layout.staged.isEmpty
        return isIdle && self.next(view) == nil && self.index >= self.operations.count
    }

    /// - Returns: what the operator does now; `nil` while there is something to wait for, and at the end.
    mutating func next(_ view: View) -> Action? {
        self.countMoves(of: view.layout)
        if let recovery = self.recovery(view) { return recovery }
        while self.index < self.operations.count {
            switch self.step(self.operations[self.index], view) {
            case .wait: return nil
            case .act(let action): return action
            case .goOn:
                self.index += 1
                self.attempts = 0
                self.looks = 0
                self.beganAt = nil
            }
        }
        return self.tidy(view)
    }

    private mutating func recovery(_ view: View) -> Action? {
        let layout = view.layout
        let alive = layout.voters.count { !view.destroyed.contains($0) }
        guard self.recovers, alive < layout.electorate.needed else {
            self.majorityLostAt = nil
            return nil
        }
        let since = self.majorityLostAt ?? view.now
        self.majorityLostAt = since
        guard view.now >= since + Self.recoveryPatience else { return nil }
        self.recoveries += 1
        let lost = layout.members.map(\.id).filter { view.destroyed.contains($0) }
        return .ask(.recover(lost: lost, lineageID: NodeID(rawValue: self.recoveries).description))
    }

    private mutating func countMoves(of layout: Layout) {
        guard let change = layout.change else { return }
        let id = "\(change.planID) \(change.kind) \(change.beganAt)"
        if self.movesInAll.planID != id { self.movesInAll = (id, layout.moves.count) }
    }

    private mutating func step(_ operation: MembershipOperation, _ view: View) -> Outcome {
        let change = view.layout.change
        let isRunning = change.map { !$0.isFinished } ?? false
        // Refused again and again: somebody else was first.
        let isRefused = self.attempts >= 3
        switch operation {
        case .change(let changes):
            return self.change(changes, view)
        case .destroy(let number):
            return self.destroy(number, view, isNoticed: true)
        case .destroyUnnoticed(let number):
            return self.destroy(number, view, isNoticed: false)
        case .declareLost(let number):
            self.unnoticed.remove(self.id(number))
            let isDue = view.layout.leaving.contains(self.id(number)) && !view.layout.lost.contains(self.id(number))
            return isDue && view.destroyed.contains(self.id(number)) && !isRefused
                ? .act(.ask(.declareLost(self.id(number)))) : .goOn
        case .progress(let percent):
            return !isRunning || view.layout.progress(of: self.movesInAll.count) >= percent ? .goOn : .wait
        case .wait(let milliseconds):
            if self.beganAt == nil { self.beganAt = view.now }
            return view.now >= (self.beganAt ?? view.now) + .milliseconds(milliseconds) ? .goOn : .wait
        case .pause:
            return change?.state == .running && !isRefused ? .act(.ask(.pause)) : .goOn
        case .resume:
            return change?.state == .paused && !isRefused ? .act(.ask(.resume)) : .goOn
        case .abort:
            return isRunning && change?.kind != .abort && !isRefused ? .act(.ask(.abort)) : .goOn
        case .undo:
            guard change?.kind != .undo else { return .goOn }
            guard !isRunning else { return self.waitForEnd(view) }
            return change?.isUndoable == true && !isRefused ? .act(.ask(.undo)) : .goOn
        case .closeUndo:
            return !isRunning && change?.origin != nil && !isRefused ? .act(.ask(.closeUndo)) : .goOn
        case .limit(let transfers):
            let limits = TransferLimits(transfersPerNodeMax: transfers)
            return view.layout.limits != limits && !isRefused ? .act(.ask(.setLimits(limits))) : .goOn
        case .settle:
            return isRunning || !view.layout.moves.isEmpty ? self.waitForEnd(view) : .goOn
        }
    }

    /// What goes on for too long is helped along: somebody else may have paused the change, and who is destroyed holds it
    /// up. A dead target is planned around by turning back; whoever else is dead is given up.
    private mutating func waitForEnd(_ view: View) -> Outcome {
        let layout = view.layout
        if self.beganAt == nil { self.beganAt = view.now }
        guard view.now >= (self.beganAt ?? view.now) + .seconds(5) else { return .wait }
        if layout.change?.state == .paused { return .act(.ask(.resume)) }
        let gone = view.destroyed.filter { layout.member($0) != nil }.sorted()
        let dead = gone.first { !layout.lost.contains($0) }
        let isTarget = layout.moves.contains { $0.phase == .dualWrite && !gone.allSatisfy($0.stays) }
        if isTarget, layout.change?.kind != .abort, self.attempts % 2 == 0 || dead == nil { return .act(.ask(.abort)) }
        return dead.map { .act(.ask(.declareLost($0))) } ?? .wait
    }

    private func id(_ number: Int) -> NodeID { self.members[number - 1].id }

    // MARK: Changes

    private mutating func change(_ changes: [MembershipChange], _ view: View) -> Outcome {
        let layout = view.layout
        let due = changes.map { self.staged($0, view) }.filter { !$0.hasComeAbout(in: layout) }
        guard !due.isEmpty else { return .goOn }
        guard layout.change?.isFinished ?? true else { return self.waitForEnd(view) }
        guard self.attempts < Self.attemptsMax else {
            return layout.staged.isEmpty ? .goOn : .act(.ask(.clearStaged))
        }
        if let missing = due.first(where: { !layout.staged.contains($0) }) { return .act(.ask(.stage(missing))) }
        do throws(PlanRefusal) {
            return .act(.ask(.commit(planID: try LayoutPlanner.plan(for: layout).id)))
        } catch {
            self.lastAnswer = "no plan: \(error)"
            self.attempts += 1
            return .act(.ask(.clearStaged))
        }
    }

    private func staged(_ change: MembershipChange, _ view: View) -> StagedChange {
        let isLost = { (number: Int) in
            view.destroyed.contains(self.id(number)) && !self.unnoticed.contains(self.id(number))
        }
        switch change {
        case .join(let number):
            return .join(self.members[number - 1])
        case .leave(let number):
            return .leave(self.id(number), isLost: isLost(number))
        case .replace(let number, let other):
            var member = self.members[other - 1]
            if let old = view.layout.member(self.id(number)) {
                member.zone = old.zone
                member.weight = old.weight
            }
            return .replace(self.id(number), with: member, isLost: isLost(number))
        case .setWeight(let number, let weight):
            return .setWeight(self.id(number), weight)
        case .setZone(let number, let zone):
            return .setZone(self.id(number), "z\(zone)")
        case .setQuorums(let quorums):
            return .setQuorums(quorums)
        }
    }

    private mutating func destroy(_ number: Int, _ view: View, isNoticed: Bool) -> Outcome {
        guard !view.destroyed.contains(self.id(number)), view.layout.member(self.id(number)) != nil,
            self.looks < Self.looksMax
        else { return .goOn }
        self.looks += 1
        if !isNoticed { self.unnoticed.insert(self.id(number)) }
        return .act(.destroy(number))
    }

    private mutating func tidy(_ view: View) -> Action? {
        let layout = view.layout
        let gone = layout.members.map(\.id).filter { view.destroyed.contains($0) }
        guard layout.change?.isFinished ?? true else {
            if case .act(let action) = self.waitForEnd(view) { return action }
            return nil
        }
        // Somebody else may be staging.
        if layout.staged != self.leftover.staged { self.leftover = (layout.staged, view.now) }
        let isLeftover = !layout.staged.isEmpty && view.now >= self.leftover.since + .seconds(3)
        guard let dead = gone.first else { return isLeftover ? .ask(.clearStaged) : nil }
        let leave = StagedChange.leave(dead, isLost: true)
        guard layout.staged == [leave] else {
            if layout.staged.isEmpty { return .ask(.stage(leave)) }
            return isLeftover ? .ask(.clearStaged) : nil
        }
        do throws(PlanRefusal) {
            return .ask(.commit(planID: try LayoutPlanner.plan(for: layout).id))
        } catch {
            return .ask(.clearStaged)
        }
    }
}

extension PartitionMove {
    /// Whether it needs nothing of the node before reads turn.
    fileprivate func stays(_ node: NodeID) -> Bool {
        !(self.newcomers.contains(node) || (self.to.contains(node) && self.to.count != self.from.count))
    }
}

extension StagedChange {
    /// Whether a layout is as the change wants it to be.
    fileprivate func hasComeAbout(in layout: Layout) -> Bool {
        let staying = layout.stayingMembers
        let member = { (id: NodeID) in staying.first { $0.id == id } }
        switch self {
        case .join(let joiner): return member(joiner.id) != nil
        case .leave(let node, _): return member(node) == nil
        case .replace(let node, let joiner, _): return member(node) == nil && member(joiner.id) != nil
        case .setWeight(let node, let weight): return member(node).map { $0.weight == weight } ?? true
        case .setZone(let node, let zone): return member(node).map { $0.zone == zone } ?? true
        case .setQuorums(let quorums): return layout.quorums == quorums
        }
    }
}
