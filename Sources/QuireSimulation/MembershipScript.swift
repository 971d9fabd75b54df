import QuireCore

/// Lets nodes join and leave, one step after the other, whatever happens to the operator's requests.
struct MembershipScript {
    private let changes: [MembershipChange]
    private let members: [Member]
    /// How many of the changes have come about.
    private var done = 0
    private var waitsFor: NodeID?
    private var until = Duration.zero
    private var lastAnswer = "nothing asked"

    init(_ changes: [MembershipChange], members: [Member]) {
        self.changes = changes
        self.members = members
    }

    var stateDescription: String { "operator: \(self.lastAnswer)" }

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
        case .refused(let refusal): self.lastAnswer = "refused: \(refusal)"
        case .unreachable(let nodes): self.lastAnswer = "unreachable: \(nodes)"
        }
    }

    mutating func lost(_ node: NodeID) {
        if self.waitsFor == node { self.waitsFor = nil }
    }

    /// - Returns: whether every change has come about and nothing moves.
    mutating func isFinished(_ layout: Layout) -> Bool {
        self.pending(layout) == nil && layout.moves.isEmpty && layout.staged.isEmpty
    }

    /// - Returns: what the operator asks next; `nil` while partitions move, and at the end.
    mutating func next(_ layout: Layout) -> ControlCore.OperatorRequest? {
        guard layout.moves.isEmpty else { return nil }
        guard let change = self.pending(layout) else { return layout.staged.isEmpty ? nil : .clearStaged }
        guard layout.staged.contains(change) else { return .stage(change) }
        do throws(PlanRefusal) {
            return .commit(planID: try LayoutPlanner.plan(for: layout).id)
        } catch {
            return .clearStaged
        }
    }

    /// The first change that has not come about.
    private mutating func pending(_ layout: Layout) -> StagedChange? {
        while self.done < self.changes.count {
            switch self.changes[self.done] {
            case .join(let number):
                let member = self.members[number - 1]
                guard layout.member(member.id) != nil else { return .join(member) }
            case .leave(let number):
                let member = self.members[number - 1]
                guard layout.member(member.id) == nil else { return .leave(member.id) }
            }
            self.done += 1
        }
        return nil
    }
}
