import QuireCore
import Testing

@Suite struct ControlCoreTests {
    static func core(_ number: Int) -> ControlCore {
        ControlCore(
            configuration: .init(
                member: .numbered(number),
                seed: 1,
                encode: LayoutBytes.encode,
                decode: LayoutBytes.decode
            )
        )
    }

    static func state(_ layout: Layout) -> LayoutAcceptor.State { AddressedNetwork.state(layout) }

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
        var core = Self.core(1)
        let effects = core.handle(.started(Self.state(layout)), now: .zero)
        let others = layout.members.dropFirst().map { PeerTarget(id: $0.id, endpoints: [$0.peer]) }
        #expect(
            effects == [
                .link(others), .adopt(layout), .confirmAdoption(layout.version),
                .keepOnly(layout.partitionCount.partitions),
            ]
        )
    }

    /// A stranger keeps the layout in which its invitation became void; it is not a member by that.
    @Test func aStrangerStaysOneAfterARestart() throws {
        let layout = try self.initial()
        var core = Self.core(9)
        #expect(core.handle(.started(Self.state(layout)), now: .zero) == [])
        #expect(core.layout == nil)
    }

    /// SAFETY rule 13: durable before it is answered.
    @Test func aPromiseLeavesOnlyWhenItIsStored() throws {
        let layout = try self.initial()
        var core = Self.core(2)
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
        var core = Self.core(1)
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        for peer in [NodeID.b, .c] { _ = core.handle(.peerConnected(peer), now: .zero) }
        let asked = core.handle(.operatorAsked(self.wish, .stage(.join(.numbered(4)))), now: .zero)
        #expect(self.questions(asked) == [])
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        let prepare = ControlMessage.prepare(layout.version.next, Ballot(round: 1, node: .a))
        #expect(self.questions(stored) == [prepare, prepare])
    }

    @Test func aRestartedProposerUsesALaterBallotThanItPromised() throws {
        let layout = try self.initial()
        let version = layout.version.next
        var core = Self.core(1)
        var state = Self.state(layout)
        state.promised = Ballot(round: 6, node: .a)
        _ = core.handle(.started(state), now: .zero)
        _ = core.handle(.peerConnected(.b), now: .zero)
        let asked = core.handle(.operatorAsked(self.wish, .stage(.join(.numbered(4)))), now: .zero)
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        #expect(self.questions(stored) == [.prepare(version, Ballot(round: 7, node: .a))])
    }

    /// Another proposer may have finished the step, or the operator asks again after a lost answer.
    @Test func whatIsSoAlreadyIsDoneAndWhatContradictsItIsRefused() throws {
        let staged = try self.initial().staging(.leave(.a))
        var core = Self.core(2)
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

    /// SAFETY rule 14.
    @Test func refusesALayoutThatDoesNotValidateAndSaysSo() throws {
        let layout = try self.initial()
        var broken = layout
        broken.version = layout.version.next
        broken.rows[0] = [.a, .a, .b]
        var core = Self.core(2)
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        let ballot = Ballot(round: 1, node: .a)
        let message = ControlMessage.accept(broken.version, ballot, layout: LayoutBytes.encode(broken))
        let asked = core.handle(.peerAsked(self.request, message), now: .zero)
        let stored = core.handle(.stored(token: try #require(self.tokens(asked).first)), now: .zero)
        #expect(self.answers(stored) == [.refused(broken.version, promised: ballot, decided: layout.version)])
        let reason = "it breaks an invariant: \(LayoutViolation.nodeRepeated(PartitionID(0), .a))"
        #expect(asked.contains(.raise(.objection(broken.version, isDecided: false, reason: reason))))
        #expect(core.alarms.objections == 1)
    }

    /// SAFETY rule 11: a fence is installed when every request core counts by it, and it is on disk.
    @Test func confirmsAFenceOnlyWhenItsRequestCoresCountByIt() throws {
        let layout = try self.initial()
        var core = Self.core(2)
        _ = core.handle(.started(Self.state(layout)), now: .zero)
        #expect(core.handle(.peerAsked(self.request, .installFence(layout.version)), now: .zero) == [])
        let confirmed = core.handle(.adoptionConfirmed(layout.version), now: .zero)
        #expect(self.answers(confirmed) == [.fenceInstalled(layout.version)])
    }

    @Test func gossipTellsMembersOfNewerLayoutsAndStrangersOfNone() throws {
        let layout = try self.initial()
        let staged = try layout.staging(.join(.numbered(4)))
        var core = Self.core(1)
        _ = core.handle(.started(Self.state(staged)), now: .zero)
        let behind = core.handle(.peerAsked(self.request, .gossip(layout.version)), now: .zero)
        #expect(self.answers(behind) == [.layout(LayoutBytes.encode(staged))])
        let stranger = core.handle(.peerAsked(self.request, .gossip(.none)), now: .zero)
        #expect(self.answers(stranger) == [.nothingNewer(staged.version)])
    }

    /// It decided that it leaves, and stopped before anybody learned of it: the members wait for it as their coordinator.
    @Test func aNodeThatHasLeftTellsTheLayoutThatItLeftWith() throws {
        let before = try Layout.initial(Member.inZones([4]), partitions: 8)
        let (staged, plan) = try before.planned([.leave(.a)])
        var after = try staged.committing(plan)
        after.members.removeAll { $0.id == .a }
        var core = Self.core(1)
        _ = core.handle(.started(Self.state(after)), now: .zero)
        #expect(core.layout == nil)
        let behind = core.handle(.peerAsked(self.request, .gossip(staged.version)), now: .zero)
        guard case .answerPeer(self.request, .layout(let bytes))? = behind.first else {
            Issue.record("answered \(behind)")
            return
        }
        #expect(bytes == Self.state(after).decided?.layout)
        let stranger = core.handle(.peerAsked(self.request, .gossip(.none)), now: .zero)
        #expect(stranger == [.answerPeer(self.request, .nothingNewer(after.version))])
    }
}
