/// The recovery from a lost majority of voters, on the node that an operator has chosen for it: see `LogRecovery`.
extension ControlCore {
    struct RunningRecovery: Sendable {
        let id: OperatorRequestID
        /// Links that have just broken, or are being made, get this time.
        let notBefore: Duration
        let until: Duration
        var machine: LogRecovery
    }

    mutating func recoveryAsked(
        _ id: OperatorRequestID,
        _ machine: LogRecovery,
        until: Duration,
        into effects: inout [Effect]
    ) {
        guard self.recovery == nil else {
            effects.append(.answerOperator(id, .refused(.recovery(.alreadyRunning))))
            return
        }
        self.recovery = RunningRecovery(
            id: id,
            notBefore: self.now + LogRecovery.patience,
            until: until,
            machine: machine
        )
        self.driveRecovery(asks: true, into: &effects)
    }

    /// - Parameter asks: Whether survivors that are awaited are asked, again or for the first time.
    mutating func driveRecovery(asks: Bool, into effects: inout [Effect]) {
        guard let running = self.recovery else { return }
        guard let layout = self.layout else {
            self.endRecovery(running, .refused(.notInitialised), into: &effects)
            return
        }
        let awaited = running.machine.awaited(layout, node: self.node, connected: self.connected)
        do throws(RecoveryRefusal) {
            try running.machine.check(layout, node: self.node, connected: self.connected)
            let unaccounted = running.machine.unaccounted(layout, node: self.node, connected: self.connected)
            guard awaited.isEmpty, unaccounted.isEmpty, self.now >= running.notBefore else {
                if !unaccounted.isEmpty, self.now >= running.notBefore { throw .unaccounted(unaccounted) }
                guard self.now < running.until else {
                    let result = OperatorResult.unreachable(missing: awaited, needed: 0, voters: 0)
                    self.endRecovery(running, result, into: &effects)
                    return
                }
                if asks {
                    self.survey(awaited, for: running.id, into: &effects)
                }
                return
            }
            let next = try running.machine.recovered(layout, node: self.node, connected: self.connected)
            self.begin(next, running, into: &effects)
        } catch {
            self.endRecovery(running, .refused(.recovery(error)), into: &effects)
        }
    }

    private mutating func survey(_ nodes: [NodeID], for id: OperatorRequestID, into effects: inout [Effect]) {
        for node in nodes {
            let digests = ControlMessage.gossipDigests(
                self.acceptor.state.decidedVersion,
                self.gossipState.digests
            )
            self.ask(node, digests, for: .survey(id), into: &effects)
        }
    }

    /// Only answers to questions of this recovery count: an earlier one may tell of less than the node knows by now.
    mutating func surveyed(_ node: NodeID, _ version: LayoutVersion, for id: OperatorRequestID) {
        guard self.recovery?.id == id else { return }
        self.recovery?.machine.told(by: node, version)
    }

    private mutating func endRecovery(
        _ running: RunningRecovery,
        _ result: OperatorResult,
        into effects: inout [Effect]
    ) {
        self.recovery = nil
        effects.append(.answerOperator(running.id, result))
    }

    /// Told to anybody only when it is stored: until then a crash leaves the life before as it was.
    private mutating func begin(_ next: Layout, _ running: RunningRecovery, into effects: inout [Effect]) {
        self.recovery = nil
        let bytes = self.configuration.encode(next)
        var telling: [Effect] = [.answerOperator(running.id, .done(next))]
        for member in next.members where member.id != self.node {
            self.ask(member.id, .decided(bytes), for: .decided, into: &telling)
        }
        self.learn(bytes, then: telling, into: &effects)
    }
}
