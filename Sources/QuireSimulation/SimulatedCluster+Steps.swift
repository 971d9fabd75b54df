import QuireCore

/// Looks on while nodes take the steps of moves, and crashes them where that is planned.
///
/// Everything is seen at the seam of the cores: events that go in and effects that come out.
extension SimulatedCluster {
    /// A node takes a step: the crash that is planned for it follows.
    func reached(_ role: MoveRole, _ step: MoveStep, at node: SimulatedNode) {
        guard !self.plannedCrashes.isEmpty else { return }
        let point = CrashPoint(role, step)
        for (index, crash) in self.plannedCrashes.enumerated() where crash.point == point {
            self.plannedCrashes[index].occurrence -= 1
            guard self.plannedCrashes[index].occurrence == 0 else { continue }
            let victim = crash.victim.map { self.node(NodeID(rawValue: UInt64($0))) } ?? node
            self.queue.schedule(
                .stepCrash(victim.id, life: victim.life, index: index),
                after: .microseconds(crash.delay)
            )
        }
    }

    /// - Parameter index: Of the planned crash.
    func crashAtStep(_ index: Int, _ node: SimulatedNode) {
        let crash = self.plannedCrashes[index]
        self.crashes[crash.point, default: 0] += 1
        let absence = self.random.milliseconds(crash.absence)
        switch crash.damage {
        case .crash:
            self.crash(node.id, for: absence)
        case .powerLoss:
            self.crash(node.id, for: absence)
            self.order.forEach { self.crash($0) }
        case .pause:
            self.pause(node, for: absence)
        case .lostDisk:
            if !self.loseDisk(of: node) { self.crash(node.id, for: absence) }
        }
    }

    // MARK: Seen in effects

    func noteStep(_ effect: ControlCore.Effect, at node: SimulatedNode) {
        guard !self.plannedCrashes.isEmpty else { return }
        switch effect {
        case .askPeer(_, _, .prepare(let version, _)):
            let isMoving = node.layout.map { !$0.moves.isEmpty } ?? false
            if isMoving, node.proposed.insert(.init(version: version, isVote: false)).inserted {
                self.reached(.coordinator, .proposes, at: node)
            }
        case .askPeer(_, _, .accept(let version, _, let bytes)):
            guard node.proposed.insert(.init(version: version, isVote: true)).inserted, let former = node.layout,
                let next = self.catalogue.decode(bytes)
            else { return }
            for step in Self.steps(from: former, to: next) { self.reached(.coordinator, step.asked, at: node) }
        case .askPeer(_, _, .installFence):
            self.reached(.target, .asksForFences, at: node)
        case .answerPeer(_, .fenceInstalled):
            self.reached(.source, .installsTheFence, at: node)
        case .fill:
            self.reached(.target, .beginsToFill, at: node)
        case .takeOver:
            self.reached(.target, .beginsToTakeOver, at: node)
        case .stop:
            self.reached(.target, .isStopped, at: node)
        case .adopt(let layout):
            self.noteAdoption(of: layout, at: node)
        default:
            return
        }
    }

    private func noteAdoption(of layout: Layout, at node: SimulatedNode) {
        guard let former = node.layout, former.version < layout.version else { return }
        if node.proposed.contains(.init(version: layout.version, isVote: true)) {
            for step in Self.steps(from: former, to: layout) { self.reached(.coordinator, step.decided, at: node) }
        }
        for move in layout.moves where former.move(of: move.partition).map({ !$0.isStep(of: move) }) ?? true {
            let wasMoving = former.move(of: move.partition) != nil
            self.noteEntry(wasMoving ? .isTurnedRound : .entersDualWrite, move, at: node)
        }
        for move in former.moves {
            guard let next = layout.move(of: move.partition) else {
                self.noteEntry(.leavesTheMove, move, at: node)
                continue
            }
            guard next.isStep(of: move), next.phase != move.phase else { continue }
            self.noteEntry(next.phase == .readNew ? .entersReadNew : .entersDraining, move, at: node)
        }
    }

    private func noteEntry(_ step: MoveStep, _ move: PartitionMove, at node: SimulatedNode) {
        if move.newcomers.contains(node.id) { self.reached(.target, step, at: node) }
        if move.leavers.contains(node.id) { self.reached(.source, step, at: node) }
    }

    /// What is new in a layout, as steps of its coordinator.
    private static func steps(from former: Layout, to next: Layout) -> [(asked: MoveStep, decided: MoveStep)] {
        guard let change = next.change else { return [] }
        if change.beganAt == next.version { return [(.asksToBegin, .hasBegun)] }
        if change.kind == .abort, former.change?.kind != .abort { return [(.asksToTurn, .hasTurned)] }
        var steps: [(asked: MoveStep, decided: MoveStep)] = []
        let pairs = former.moves.map { ($0, next.move(of: $0.partition)) }
        if pairs.contains(where: { $0.receipts != $1?.receipts && $0.phase == $1?.phase }) {
            steps.append((.asksToRecord, .hasRecorded))
        }
        if pairs.contains(where: { $0.phase == .dualWrite && $1?.phase == .readNew }) {
            steps.append((.asksToReadNew, .hasTurnedReads))
        }
        if pairs.contains(where: { $0.phase == .readNew && $1?.phase == .draining }) {
            steps.append((.asksToDrain, .hasDrained))
        }
        if pairs.contains(where: { $0.phase == .draining && $1 == nil }) {
            steps.append((.asksToSettle, .hasSettled))
        }
        if change.isFinished, former.change?.isFinished == false { steps.append((.asksToEnd, .hasEnded)) }
        return steps
    }

    // MARK: Seen in transfers

    func noteStep(_ action: PartitionTransfer.Action, at node: SimulatedNode) {
        guard !self.plannedCrashes.isEmpty else { return }
        switch action {
        case .ask(_, .control(.seal)): self.reached(.target, .asksForASeal, at: node)
        case .ask(_, .control): return
        case .ask: self.reached(.target, .compares, at: node)
        case .prepareImage: self.reached(.target, .makesRoom, at: node)
        case .pullBlocks: self.reached(.target, .appendsABlock, at: node)
        case .installImage: self.reached(.target, .installs, at: node)
        case .finish: self.reached(.target, .hasCovered, at: node)
        case .store, .revive, .discardImage, .unseal, .fail: return
        }
    }

    /// A request of a peer that copies a partition, or compares its own replica.
    func noteStep(_ message: PeerMessage, at node: SimulatedNode) {
        guard !self.plannedCrashes.isEmpty else { return }
        switch message {
        case .control(.seal): self.reached(.source, .seals, at: node)
        case .control(.readBlocks): self.reached(.source, .sendsABlock, at: node)
        case .control(.unseal): self.reached(.source, .unseals, at: node)
        case .readLeaves(let partition), .readSums(let partition, _), .readDigests(let partition, _),
            .readRecords(let partition, _, _), .leafEntries(let partition, _, _, _):
            if node.layout?.move(of: partition)?.from.contains(node.id) == true {
                self.reached(.source, .isCompared, at: node)
            }
        default: return
        }
    }
}

extension PartitionMove {
    /// Whether it is the same move as an earlier one, perhaps in a later phase.
    fileprivate func isStep(of earlier: PartitionMove) -> Bool {
        self.from == earlier.from && self.to == earlier.to && self.isReversal == earlier.isReversal
    }
}
