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
        /// What a survivor knows, for a recovery of the log.
        case survey(OperatorRequestID)
        case decided
        case fence
        /// - Parameter version: The layout version when it was asked.
        case receipts(LayoutVersion)
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
            let answer = self.votedOn(version, ballot, layout, into: &effects)
            self.emitStored([.answerPeer(request, answer)], into: &effects)
        case .decided(let layout):
            let version = self.decoded(layout)?.version ?? .none
            self.learn(layout, then: [.answerPeer(request, .adopted(version))], into: &effects)
        case .gossip(let version):
            effects.append(.answerPeer(request, self.answerToGossip(version)))
        case .gossipDigests(let version, let digests):
            effects.append(.answerPeer(request, self.answer(to: digests, version)))
        case .gossipEntries(let entries):
            self.told(entries, into: &effects)
            effects.append(.answerPeer(request, .nothingNewer(self.acceptor.state.decidedVersion)))
        case .installFence(let version):
            self.fenceAsked(request, version, into: &effects)
        case .collectReceipts:
            self.receiptsAsked(request, into: &effects)
        default:
            // No question of the control path; answered all the same, so that nobody waits for it.
            effects.append(.answerPeer(request, .nothingNewer(self.acceptor.state.decidedVersion)))
        }
    }

    /// A layout that does not validate, that the checker objects to, or that belongs to another cluster or lineage, is
    /// never accepted (SAFETY rule 14).
    private mutating func votedOn(
        _ version: LayoutVersion,
        _ ballot: Ballot,
        _ bytes: [UInt8],
        into effects: inout [Effect]
    ) -> ControlMessage {
        let state = self.acceptor.state
        let refusal = ControlMessage.refused(version, promised: state.promised, decided: state.decidedVersion)
        guard state.decidedVersion.next == version, ballot >= state.promised else { return refusal }
        guard let layout = self.decoded(bytes), layout.version == version else { return refusal }
        if let own = self.layout {
            guard own.clusterID == layout.clusterID, own.lineage == layout.lineage else { return refusal }
        } else if layout.member(self.node) == nil {
            // Who belongs to no cluster votes as a founder only.
            return refusal
        }
        if state.accepted?.layout != bytes, let reason = self.objection(to: layout) {
            self.raise(.objection(version, isDecided: false, reason: reason), into: &effects)
            return .refused(version, promised: ballot, decided: state.decidedVersion)
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
            self.noteLineage(bytes, of: node)
        case (.gossip, .nothingNewer(let version)):
            self.sendDecided(to: node, ifOlder: version, into: &effects)
        case (.gossip, .gossipDifference(let version, let entries, let wanted)):
            self.told(entries, into: &effects)
            self.answerDifference(of: node, version, wanted: wanted, into: &effects)
        case (.survey(let id), .gossipDifference(let version, let entries, let wanted)):
            self.surveyed(node, version, for: id)
            self.told(entries, into: &effects)
            self.answerDifference(of: node, version, wanted: wanted, into: &effects)
        case (.fence, .fenceInstalled(let version)):
            self.fences.installed(version, at: node)
        case (.receipts(let version), .receipts(let receipts, let hintsHeld)):
            self.moves.collected(receipts)
            if version == self.layout?.version { self.moves.hintsCounted(hintsHeld, at: node) }
        default:
            return
        }
        self.driveRecovery(asks: false, into: &effects)
    }

    // MARK: Proposing

    mutating func operatorAsked(_ id: OperatorRequestID, _ request: OperatorRequest, into effects: inout [Effect]) {
        let until = self.now + self.configuration.operatorTimeout
        if case .recover(let lost, let lineageID) = request {
            self.recoveryAsked(id, LogRecovery(lost: lost, lineageID: lineageID), until: until, into: &effects)
            return
        }
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
                let (layout, electorate) = try self.layoutWished(by: wish)
                try self.checkOwn(layout, into: &effects)
                let decision = LayoutDecision(
                    version: layout.version,
                    ballot: Ballot(round: self.round, node: self.node),
                    electorate: electorate,
                    layout: self.configuration.encode(layout)
                )
                // A ballot belongs to one decision: an answer to this one is never taken for one to the next.
                self.round += 1
                self.decision = decision
                self.perform(decision.ask(), into: &effects)
                return
            } catch {
                self.refuseWish(error, into: &effects)
            }
        }
    }

    private mutating func refuseWish(_ refusal: OperatorRefusal, into effects: inout [Effect]) {
        guard !self.wishes.isEmpty else { return }
        let wish = self.wishes.removeFirst()
        if case .client(let id, let request, _) = wish.wisher {
            effects.append(.answerOperator(id, self.answer(to: request, refusedWith: refusal)))
        }
    }

    /// What is wished for may be so already: asked twice, or decided by another proposer that finished this one's step.
    private func answer(to request: OperatorRequest, refusedWith refusal: OperatorRefusal) -> OperatorResult {
        guard let current = self.layout, Self.fulfils(current, request) else { return .refused(refusal) }
        return .done(current)
    }

    private func layoutWished(by wish: Wish) throws(OperatorRefusal) -> (Layout, LayoutElectorate) {
        switch wish.wisher {
        case .layoutCoordinator:
            guard let current = self.layout, let next = self.nextLayout(after: current) else {
                throw .overtaken(self.acceptor.state.decidedVersion)
            }
            return (next, current.electorate)
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
            return (first, .founders(members))
        case .client(_, let request, _):
            // A node that has left keeps no ballots any more.
            guard let current = self.layout, current.member(self.node) != nil else { throw .notInitialised }
            return (try Self.successor(of: current, for: request), current.electorate)
        }
    }

    private static func successor(
        of current: Layout,
        for request: OperatorRequest
    ) throws(OperatorRefusal) -> Layout {
        switch request {
        case .initialise, .recover: throw .alreadyInitialised(clusterID: current.clusterID)
        case .stage, .clearStaged, .commit: return try self.planned(after: current, request)
        case .pause, .resume, .abort, .undo, .closeUndo, .setLimits, .declareLost:
            return try self.changed(after: current, request)
        }
    }

    private static func planned(after current: Layout, _ request: OperatorRequest) throws(OperatorRefusal) -> Layout {
        do throws(PlanRefusal) {
            switch request {
            case .stage(let change): return try current.staging(change)
            case .clearStaged: return current.clearingStaged()
            default: break
            }
            let plan = try LayoutPlanner.plan(for: current)
            if case .commit(let asked) = request, plan.id == asked { return try current.committing(plan) }
            throw .changedSince(current: plan.id)
        } catch {
            if case .changedSince(let current) = error, case .commit(let asked) = request {
                throw .planChanged(asked: asked, current: current)
            }
            throw .plan(error)
        }
    }

    private static func changed(after current: Layout, _ request: OperatorRequest) throws(OperatorRefusal) -> Layout {
        do throws(ChangeRefusal) {
            switch request {
            case .pause: return try current.pausing()
            case .resume: return try current.resuming()
            case .abort: return try current.aborting()
            case .undo: return try current.undoing()
            case .closeUndo: return try current.closingUndo()
            case .setLimits(let limits): return try current.limiting(limits)
            case .declareLost(let node): return try current.declaringLost(node)
            case .initialise, .stage, .clearStaged, .commit, .recover: throw .nothingRuns
            }
        } catch {
            throw .change(error)
        }
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
        case .objected(let nodes):
            self.decision = nil
            let reason = "the checkers of these nodes object, and say why in their logs and in the status"
            self.refuseWish(.objected(by: nodes, reason: reason), into: &effects)
        }
    }

    /// Asks the others only when the own acceptor has promised the ballot, or accepted the layout, on disk: a proposer
    /// that crashes then finds its ballot again and never binds a second value to it. One that is no voter promises
    /// all the same; nobody counts that.
    private mutating func askVoters(_ nodes: [NodeID], _ message: ControlMessage, into effects: inout [Effect]) {
        guard let decision = self.decision else { return }
        var questions: [Effect] = []
        for node in nodes where node != self.node {
            self.ask(node, message, for: .vote(decision.version, decision.ballot), into: &questions)
        }
        let isVoter = decision.electorate.voters.contains(self.node)
        guard nodes.contains(self.node) || !isVoter else {
            effects += questions
            return
        }
        switch message {
        case .prepare(let version, let ballot):
            let vote = self.acceptor.prepared(version, ballot)
            self.emitStored(vote.isConsent ? questions : [], vote: vote, into: &effects)
        case .accept(let version, let ballot, let layout) where isVoter:
            let vote = self.votedOn(version, ballot, layout, into: &effects)
            self.emitStored(vote.isConsent ? questions : [], vote: vote, into: &effects)
        default:
            effects += questions
        }
    }

    mutating func voteArrived(from node: NodeID, _ vote: ControlMessage, into effects: inout [Effect]) {
        guard var decision = self.decision else { return }
        let action: LayoutDecision.Action
        switch vote {
        case .promise(decision.version, decision.ballot, let accepted):
            if let found = self.foundingElsewhere(accepted, decision) {
                self.decision = nil
                self.refuseWish(.alreadyInitialised(clusterID: found.clusterID), into: &effects)
                return
            }
            action = decision.promised(node, accepted: accepted)
        case .accepted(decision.version, decision.ballot):
            action = decision.accepted(node)
        case .refused where self.foreigners.contains(node):
            // What is decided in another life of the log is no news in this one.
            return
        case .refused(decision.version, let promised, let decided):
            self.sendDecided(to: node, ifOlder: decided, into: &effects)
            action = decision.refused(node, promised: promised, decided: decided)
        default:
            return
        }
        self.decision = decision
        self.perform(action, into: &effects)
    }

    /// Version 1 is decided by the founders that it names: those of another cluster cannot finish it for them.
    private mutating func foundingElsewhere(_ accepted: AcceptedLayout?, _ decision: LayoutDecision) -> Layout? {
        guard self.layout == nil, let accepted, let found = self.decoded(accepted.layout),
            LayoutElectorate.founders(found.members) != decision.electorate
        else { return nil }
        return found
    }

    private mutating func decidedAudience(_ bytes: [UInt8]) -> [NodeID] {
        guard let next = self.decoded(bytes) else { return [] }
        let current = self.layout?.members.map(\.id) ?? []
        return Set(current + next.members.map(\.id)).subtracting([self.node]).sorted()
    }

    /// The first wish is fulfilled if it is what was decided; else it is tried again on the new layout.
    private mutating func answerDecided(_ bytes: [UInt8], into effects: inout [Effect]) {
        guard let wish = self.wishes.first, let decided = self.decoded(bytes) else { return }
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
        case .pause: return layout.change?.state == .paused
        case .resume: return layout.change?.state == .running
        case .abort: return layout.change?.kind == .abort
        case .undo: return layout.change?.kind == .undo
        case .closeUndo: return layout.change?.isFinished == true && layout.change?.origin == nil
        case .setLimits(let limits): return layout.limits == limits
        case .declareLost(let node): return layout.lost.contains(node) || layout.member(node) == nil
        case .recover(_, let lineageID): return layout.lineage.id == lineageID
        }
    }

    mutating func expireWishes(into effects: inout [Effect]) {
        var kept: [Wish] = []
        for (index, wish) in self.wishes.enumerated() {
            guard case .client(let id, _, let until) = wish.wisher, until <= self.now else {
                kept.append(wish)
                continue
            }
            effects.append(.answerOperator(id, self.unreachable))
            if index == 0 {
                self.decision = nil
            }
        }
        self.wishes = kept
    }

    private var unreachable: OperatorResult {
        guard let decision = self.decision else { return .unreachable(missing: [], needed: 0, voters: 0) }
        let electorate = decision.electorate
        return .unreachable(missing: decision.missing, needed: electorate.needed, voters: electorate.voters.count)
    }
}
