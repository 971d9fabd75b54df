/// The layout log: voting, proposing, and the operator's wishes.
extension ControlCore {
    /// A layout that someone here wants to be decided.
    struct Wish: Sendable {
        enum Wisher: Sendable {
            case layoutCoordinator
            case client(OperatorRequestID, OperatorRequest, until: Duration)
        }

        let wisher: Wisher
    }

    /// What a control request to a peer was for.
    enum Asked: Sendable {
        case vote(LayoutVersion, Ballot)
        case gossip
        case decided
        case barrier(LayoutVersion)
        /// - Parameter isPastBarrier: Whether everyone had finished what was older when it was asked.
        case receipts(isPastBarrier: Bool)
    }

    mutating func ask(_ node: NodeID, _ message: ControlMessage, for asked: Asked, into effects: inout [Effect]) {
        guard self.connected.contains(node) else { return }
        let correlation = self.takeID()
        self.asked[correlation] = asked
        effects.append(.askPeer(node, correlation: correlation, message))
    }

    mutating func peerAsked(
        _ request: RequestCore.PeerRequestID,
        _ message: ControlMessage,
        into effects: inout [Effect]
    ) {
        switch message {
        case .identify:
            let version = self.acceptor.state.decidedVersion
            let identity = ControlMessage.identity(
                self.configuration.member,
                clusterID: self.layout?.clusterID,
                version: version
            )
            effects.append(.answerPeer(request, identity))
        case .prepare(let version, let ballot):
            let answer = self.acceptor.prepared(version, ballot)
            self.emitStored([.answerPeer(request, answer)], into: &effects)
        case .accept(let version, let ballot, let layout):
            let answer = self.votedOn(version, ballot, layout)
            self.emitStored([.answerPeer(request, answer)], into: &effects)
        case .decided(let layout):
            let version = self.configuration.decode(layout)?.version ?? .none
            self.learn(layout, then: [.answerPeer(request, .adopted(version))], into: &effects)
        case .gossip(let version):
            effects.append(.answerPeer(request, self.answerToGossip(version)))
        case .gossipDigests(let version, let digests):
            effects.append(.answerPeer(request, self.answer(to: digests, version)))
        case .gossipEntries(let entries):
            self.told(entries, into: &effects)
            effects.append(.answerPeer(request, .nothingNewer(self.acceptor.state.decidedVersion)))
        case .drain(let version):
            self.drainAsked(request, version, into: &effects)
        case .collectReceipts:
            self.receiptsAsked(request, into: &effects)
        default:
            // No question of the control path; answered all the same, so that nobody waits for it.
            effects.append(.answerPeer(request, .nothingNewer(self.acceptor.state.decidedVersion)))
        }
    }

    /// A layout that does not validate, or belongs to another cluster, is never accepted (SAFETY rule 14).
    private mutating func votedOn(_ version: LayoutVersion, _ ballot: Ballot, _ bytes: [UInt8]) -> ControlMessage {
        let state = self.acceptor.state
        let refusal = ControlMessage.refused(version, promised: state.promised, decided: state.decidedVersion)
        guard let layout = self.configuration.decode(bytes), layout.version == version else { return refusal }
        if let own = self.layout, own.clusterID != layout.clusterID { return refusal }
        do {
            try layout.validate()
        } catch {
            return refusal
        }
        return self.acceptor.proposed(version, ballot, bytes)
    }

    mutating func peerAnswered(
        _ node: NodeID,
        _ correlation: UInt64,
        _ message: PeerMessage,
        into effects: inout [Effect]
    ) {
        self.peerWatch.heard(node, at: self.now)
        guard let asked = self.asked.removeValue(forKey: correlation), case .control(let answer) = message else {
            return
        }
        switch (asked, answer) {
        case (.vote(let version, let ballot), _):
            guard let decision = self.decision, decision.version == version, decision.ballot == ballot else { return }
            self.voteArrived(from: node, answer, into: &effects)
        case (.gossip, .layout(let bytes)):
            self.learn(bytes, into: &effects)
        case (.gossip, .nothingNewer(let version)):
            self.sendDecided(to: node, ifOlder: version, into: &effects)
        case (.gossip, .gossipDifference(let version, let entries, let wanted)):
            self.told(entries, into: &effects)
            self.answerDifference(of: node, version, wanted: wanted, into: &effects)
        case (.barrier(let version), .drained(let confirmed)) where confirmed >= version:
            self.barrierConfirmed(by: node, version)
        case (.receipts(let isPastBarrier), .receipts(let receipts, let hintsHeld)):
            self.moves.collected(receipts)
            if isPastBarrier { self.moves.hintsCounted(hintsHeld, at: node) }
        default:
            return
        }
    }

    // MARK: Proposing

    mutating func operatorAsked(_ id: OperatorRequestID, _ request: OperatorRequest, into effects: inout [Effect]) {
        let until = self.now + self.configuration.operatorTimeout
        self.wishes.append(Wish(wisher: .client(id, request, until: until)))
        self.pushDecision(into: &effects)
    }

    /// Goes on with the decision that runs, or begins the one that is wished for next.
    mutating func pushDecision(into effects: inout [Effect]) {
        if let decision = self.decision {
            self.perform(decision.ask(), into: &effects)
            return
        }
        while let wish = self.wishes.first {
            do throws(OperatorRefusal) {
                let (layout, voters) = try self.layoutWished(by: wish)
                let version = layout.version
                let decision = LayoutDecision(
                    version: version,
                    ballot: Ballot(round: self.round, node: self.node),
                    voters: voters,
                    layout: self.configuration.encode(layout)
                )
                self.decision = decision
                self.perform(decision.ask(), into: &effects)
                return
            } catch {
                self.wishes.removeFirst()
                if case .client(let id, let request, _) = wish.wisher {
                    effects.append(.answerOperator(id, self.answer(to: request, refusedWith: error)))
                }
            }
        }
    }

    /// What is wished for may be so already: asked twice, or decided by another proposer that finished this one's step.
    private func answer(to request: OperatorRequest, refusedWith refusal: OperatorRefusal) -> OperatorResult {
        guard let current = self.layout, Self.fulfils(current, request) else { return .refused(refusal) }
        return .done(current)
    }

    private func layoutWished(by wish: Wish) throws(OperatorRefusal) -> (Layout, voters: [NodeID]) {
        switch wish.wisher {
        case .layoutCoordinator:
            guard let current = self.layout, let next = self.moves.nextLayout(after: current) else {
                throw .overtaken(self.acceptor.state.decidedVersion)
            }
            return (next, self.voters(from: current, to: next))
        case .client(_, .initialise(let clusterID, let members, let partitionCount, let quorums), _):
            if let current = self.layout { throw .alreadyInitialised(clusterID: current.clusterID) }
            let first: Layout
            do throws(LayoutViolation) {
                first = try LayoutPlanner.validatedInitial(
                    clusterID: clusterID,
                    members: members,
                    partitionCount: partitionCount,
                    quorums: quorums
                )
            } catch {
                throw .plan(.invalid(error))
            }
            return (first, members.map(\.id).sorted())
        case .client(_, let request, _):
            guard let current = self.layout else { throw .notInitialised }
            let next: Layout
            do throws(PlanRefusal) {
                switch request {
                case .initialise: throw .nothingStaged
                case .stage(let change): next = try current.staging(change)
                case .clearStaged: next = current.clearingStaged()
                case .commit:
                    next = try current.committing(try LayoutPlanner.plan(for: current))
                }
            } catch {
                throw .plan(error)
            }
            if case .commit(let planID) = request, let planned = next.change?.planID, planned != planID {
                throw .planChanged(asked: planID, current: planned)
            }
            return (next, self.voters(from: current, to: next))
        }
    }

    private func voters(from current: Layout, to next: Layout) -> [NodeID] {
        Set(current.members.map(\.id) + next.members.map(\.id)).sorted()
    }

    mutating func perform(_ action: LayoutDecision.Action, into effects: inout [Effect]) {
        switch action {
        case .wait:
            return
        case .ask(let nodes, let message):
            self.askVoters(nodes, message, into: &effects)
        case .decided(let bytes, _):
            let others = self.decidedAudience(bytes)
            self.decision = nil
            var answers: [Effect] = []
            self.answerDecided(bytes, into: &answers)
            self.learn(bytes, then: answers, into: &effects)
            for node in others {
                self.ask(node, .decided(bytes), for: .decided, into: &effects)
            }
        case .outbid(let round, let decided):
            self.decision = nil
            self.round = max(self.round, round) + 1 + UInt64.random(in: 0..<4, using: &self.generator)
            self.retryAt = self.now + .milliseconds(Int.random(in: 20...200, using: &self.generator))
            if decided > self.acceptor.state.decidedVersion {
                self.connected.sorted().forEach { self.gossip(with: $0, into: &effects) }
            }
        }
    }

    /// Asks the others only when the own vote is on disk: a proposer that crashes then finds its ballot again and
    /// never binds a second value to it.
    private mutating func askVoters(_ nodes: [NodeID], _ message: ControlMessage, into effects: inout [Effect]) {
        guard let decision = self.decision else { return }
        var questions: [Effect] = []
        for node in nodes where node != self.node {
            self.ask(node, message, for: .vote(decision.version, decision.ballot), into: &questions)
        }
        guard nodes.contains(self.node) else {
            effects += questions
            return
        }
        switch message {
        case .prepare(let version, let ballot):
            let vote = self.acceptor.prepared(version, ballot)
            self.emitStored(questions, vote: vote, into: &effects)
        case .accept(let version, let ballot, let layout):
            let vote = self.votedOn(version, ballot, layout)
            self.emitStored(questions, vote: vote, into: &effects)
        default:
            return
        }
    }

    mutating func voteArrived(from node: NodeID, _ vote: ControlMessage, into effects: inout [Effect]) {
        guard var decision = self.decision else { return }
        let action: LayoutDecision.Action
        switch vote {
        case .promise(decision.version, decision.ballot, let accepted):
            action = decision.promised(node, accepted: accepted)
        case .accepted(decision.version, decision.ballot):
            action = decision.accepted(node)
        case .refused(decision.version, let promised, let decided):
            self.sendDecided(to: node, ifOlder: decided, into: &effects)
            action = decision.refused(promised: promised, decided: decided)
        default:
            return
        }
        self.decision = decision
        self.perform(action, into: &effects)
    }

    private func decidedAudience(_ bytes: [UInt8]) -> [NodeID] {
        guard let next = self.configuration.decode(bytes) else { return [] }
        let current = self.layout?.members.map(\.id) ?? []
        return Set(current + next.members.map(\.id)).subtracting([self.node]).sorted()
    }

    /// The first wish is fulfilled if it is what was decided; else it is tried again on the new layout.
    private mutating func answerDecided(_ bytes: [UInt8], into effects: inout [Effect]) {
        guard let wish = self.wishes.first, let decided = self.configuration.decode(bytes) else { return }
        switch wish.wisher {
        case .layoutCoordinator:
            self.wishes.removeFirst()
        case .client(let id, let request, _):
            guard Self.fulfils(decided, request) else { break }
            self.wishes.removeFirst()
            effects.append(.answerOperator(id, .done(decided)))
        }
        if !self.wishes.isEmpty {
            self.retryAt = self.now
        }
    }

    private static func fulfils(_ layout: Layout, _ request: OperatorRequest) -> Bool {
        switch request {
        case .initialise(let clusterID, _, _, _): return layout.clusterID == clusterID
        case .stage(let change): return layout.staged.contains(change)
        case .clearStaged: return layout.staged.isEmpty
        case .commit(let planID): return layout.change?.planID == planID
        }
    }

    mutating func expireWishes(into effects: inout [Effect]) {
        var kept: [Wish] = []
        for (index, wish) in self.wishes.enumerated() {
            guard case .client(let id, _, let until) = wish.wisher, until <= self.now else {
                kept.append(wish)
                continue
            }
            let missing = index == 0 ? self.decision?.missing ?? [] : []
            effects.append(.answerOperator(id, .unreachable(missing)))
            if index == 0 {
                self.decision = nil
            }
        }
        self.wishes = kept
    }
}
