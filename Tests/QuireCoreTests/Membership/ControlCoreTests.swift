import QuireCore
import Testing

@Suite struct ControlCoreTests {
    /// Layouts travel as their version: each test knows which layouts there are.
    private static func core(_ number: Int, _ layouts: [Layout]) -> ControlCore {
        ControlCore(
            configuration: .init(
                member: .numbered(number),
                seed: 1,
                encode: { [UInt8($0.version.rawValue)] },
                decode: { bytes in layouts.first { [UInt8($0.version.rawValue)] == bytes } }
            )
        )
    }

    private static func state(_ layout: Layout) -> LayoutAcceptor.State {
        var state = LayoutAcceptor.State()
        state.decided = AcceptedLayout(ballot: .none, layout: [UInt8(layout.version.rawValue)])
        state.decidedVersion = layout.version
        state.voting = layout.version.next
        return state
    }

    private let request = RequestCore.PeerRequestID(link: 2, correlation: 1)
    private let wish = ControlCore.OperatorRequestID(rawValue: 1)

    private func initial() throws -> Layout { try Layout.initial(Member.inZones([3]), partitions: 8) }

    private func tokens(_ effects: [ControlCore.Effect]) -> [UInt64] {
        effects.compactMap { effect in
            if case .store(let token, _) = effect { return token }
            return nil
        }
    }

    private func answers(_ effects: [ControlCore.Effect]) -> [ControlMessage] {
        effects.compactMap { effect in
            if case .answerPeer(_, let message) = effect { return message }
            return nil
        }
    }

    private func questions(_ effects: [ControlCore.Effect]) -> [ControlMessage] {
        effects.compactMap { effect in
            if case .askPeer(_, _, let message) = effect { return message }
            return nil
        }
    }

    @Test func adoptsWhatWasStoredWhenItStarts() throws {
        let layout = try self.initial()
        var core = Self.core(1, [layout])
        let effects = core.handle(.started(Self.state(layout)), now: .zero)
        let others = layout.members.dropFirst().map { PeerTarget(id: $0.id, endpoints: [$0.peer]) }
        #expect(
            effects == [
                .link(others), .adopt(layout), .drain(layout.version), .keepOnly(layout.partitionCount.partitions),
            ]
        )
    }

    /// A stranger keeps the layout in which its invitation became void; it is not a member by that.
    @Test func aStrangerStaysOneAfterARestart() throws {
        let layout = try self.initial()
        var core = Self.core(9, [layout])
        #expect(core.handle(.started(Self.state(layout)), now: .zero) == [])
        #expect(core.layout == nil)
    }

    /// SAFETY rule 13: durable before it is answered.
    @Test func aPromiseLeavesOnlyWhenItIsStored() throws {
        let layout = try self.initial()
        var core = Self.core(2, [layout])
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        let ballot = Ballot(round: 4, node: .a)
        let asked = core.handle(.peerAsked(self.request, .prepare(layout.version.next, ballot)), now: .zero)
        #expect(self.answers(asked) == [])
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        #expect(self.answers(stored) == [.promise(layout.version.next, ballot, accepted: nil)])
    }

    /// Else it could use its ballot for another value after a crash.
    @Test func aProposerAsksOthersOnlyWhenItsOwnPromiseIsStored() throws {
        let layout = try self.initial()
        let staged = try layout.staging(.join(.numbered(4)))
        var core = Self.core(1, [layout, staged])
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        for peer in [NodeID.b, .c] { _ = core.handle(.peerConnected(peer), now: .zero) }
        let asked = core.handle(.operatorAsked(self.wish, .stage(.join(.numbered(4)))), now: .zero)
        #expect(self.questions(asked) == [])
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        let prepare = ControlMessage.prepare(staged.version, Ballot(round: 1, node: .a))
        #expect(self.questions(stored) == [prepare, prepare])
    }

    @Test func aRestartedProposerUsesALaterBallotThanItPromised() throws {
        let layout = try self.initial()
        let staged = try layout.staging(.join(.numbered(4)))
        var core = Self.core(1, [layout, staged])
        var state = Self.state(layout)
        state.promised = Ballot(round: 6, node: .a)
        _ = core.handle(.started(state), now: .zero)
        _ = core.handle(.peerConnected(.b), now: .zero)
        let asked = core.handle(.operatorAsked(self.wish, .stage(.join(.numbered(4)))), now: .zero)
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        #expect(self.questions(stored) == [.prepare(staged.version, Ballot(round: 7, node: .a))])
    }

    /// SAFETY rule 14: a layout that does not validate is never accepted.
    /// Another proposer may have finished the step, or the operator asks again after a lost answer.
    @Test func whatIsSoAlreadyIsDoneAndWhatContradictsItIsRefused() throws {
        let staged = try self.initial().staging(.leave(.a))
        var core = Self.core(2, [staged])
        _ = core.handle(.started(Self.state(staged)), now: .zero)
        let again = core.handle(.operatorAsked(self.wish, .stage(.leave(.a))), now: .zero)
        #expect(again == [.answerOperator(self.wish, .done(staged))])
        let other = Member(
            id: .a,
            name: "other",
            zone: "z",
            peer: Endpoint(host: "h", port: 1),
            proxy: Endpoint(host: "h", port: 2),
            http: Endpoint(host: "h", port: 3)
        )
        let refused = core.handle(.operatorAsked(self.wish, .stage(.join(other))), now: .zero)
        #expect(refused == [.answerOperator(self.wish, .refused(.plan(.alreadyStaged(.a))))])
    }

    @Test func refusesALayoutThatDoesNotValidate() throws {
        let layout = try self.initial()
        var broken = layout
        broken.version = layout.version.next
        broken.rows[0] = [.a, .a, .b]
        var core = Self.core(2, [layout, broken])
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        let message = ControlMessage.accept(broken.version, Ballot(round: 1, node: .a), layout: [2])
        let asked = core.handle(.peerAsked(self.request, message), now: .zero)
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        #expect(self.answers(stored) == [.refused(broken.version, promised: .none, decided: layout.version)])
    }

    @Test func confirmsAVersionOnlyWhenItsOwnRequestsAreDrained() throws {
        let layout = try self.initial()
        var core = Self.core(2, [layout])
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        #expect(core.handle(.peerAsked(self.request, .drain(layout.version)), now: .zero) == [])
        let drained = core.handle(.drained(layout.version), now: .zero)
        #expect(self.answers(drained) == [.drained(layout.version)])
    }

    /// SAFETY rule 11: filling begins behind the barrier, from every old replica.
    @Test func aNewcomerFillsItselfOnlyBehindTheBarrier() throws {
        let (staged, plan) = try self.initial().planned([.join(.numbered(4))])
        let moving = try staged.committing(plan)
        var core = Self.core(4, [moving])
        _ = core.handle(.started(Self.state(moving)), now: .zero)
        var effects: [ControlCore.Effect] = []
        for peer in [NodeID.a, .b, .c] { effects += core.handle(.peerConnected(peer), now: .zero) }
        effects += core.handle(.timePassed, now: .seconds(1))
        effects += core.handle(.drained(moving.version), now: .seconds(1))
        let asked = effects.compactMap { effect -> (NodeID, UInt64)? in
            if case .askPeer(let node, let correlation, .drain(moving.version)) = effect { return (node, correlation) }
            return nil
        }
        for (index, (node, correlation)) in asked.prefix(3).enumerated() {
            let answer = PeerMessage.control(.drained(moving.version))
            let event = ControlCore.Event.peerAnswered(node, correlation: correlation, answer)
            let confirmed = core.handle(event, now: .seconds(1))
            let fills = confirmed.filter { effect in
                if case .fill(_, let sources) = effect { return sources.count == 3 }
                return false
            }
            #expect(fills.count == (index == 2 ? 4 : 0), "after \(index + 1) confirmations")
        }
        #expect(asked.count >= 3)
    }

    @Test func gossipTellsMembersOfNewerLayoutsAndStrangersOfNone() throws {
        let layout = try self.initial()
        let staged = try layout.staging(.join(.numbered(4)))
        var core = Self.core(1, [layout, staged])
        _ = core.handle(.started(Self.state(staged)), now: .zero)
        let behind = core.handle(.peerAsked(self.request, .gossip(layout.version)), now: .zero)
        #expect(self.answers(behind) == [.layout([UInt8(staged.version.rawValue)])])
        let stranger = core.handle(.peerAsked(self.request, .gossip(.none)), now: .zero)
        #expect(self.answers(stranger) == [.nothingNewer(staged.version)])
    }
}
