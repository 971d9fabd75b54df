import QuireCore
import Testing

/// The layout log among whole control cores: SAFETY rules 13-15.
@Suite struct LayoutLogTests {
    private static let lineageID = "00000000000000aa"

    /// Five members of one zone, all of them voters, linked and acquainted.
    private func network(_ layout: Layout? = nil) throws -> AddressedNetwork {
        let layout = try layout ?? Layout.initial(Member.inZones([5]), partitions: 8)
        let network = AddressedNetwork(layout)
        for member in layout.members { network.start(Int(member.id.rawValue), at: 7000 + Int(member.id.rawValue)) }
        network.run(for: .seconds(3))
        return network
    }

    private func expectDone(
        _ id: ControlCore.OperatorRequestID,
        in network: AddressedNetwork,
        location: SourceLocation = #_sourceLocation
    ) {
        guard case .done = network.answers[id] else {
            Issue.record("\(String(describing: network.answers[id]))", sourceLocation: location)
            return
        }
    }

    // MARK: Majorities

    @Test func rule15AMajorityOfTheVotersDecidesAndDeadOnesDelayNothing() throws {
        let network = try self.network()
        network.stop(4)
        network.stop(5)
        let id = network.ask(1, .stage(.leave(.e)))
        network.run(for: .seconds(2))
        self.expectDone(id, in: network)
        #expect((1...3).allSatisfy { network.layout(at: $0)?.version == LayoutVersion(2) })
        network.start(5, at: 7005)
        network.run(for: .seconds(2))
        #expect(network.layout(at: 5) == network.layout(at: 1), "a learner by gossip")
    }

    @Test func rule15AMinorityDecidesNothingAndNamesWhoIsMissing() throws {
        let network = try self.network()
        network.cut([1, 2], [3, 4, 5])
        let cutOff = network.ask(1, .stage(.leave(.e)))
        let other = network.ask(3, .stage(.leave(.d)))
        network.run(for: .seconds(11))
        #expect(network.answers[cutOff] == .unreachable(missing: [.c, .d, .e], needed: 3, voters: 5))
        self.expectDone(other, in: network)
        network.heal()
        network.run(for: .seconds(3))
        let layouts = (1...5).map { network.layout(at: $0) }
        #expect(layouts.allSatisfy { $0 == layouts[0] && $0?.staged == [.leave(.d)] })
    }

    /// SAFETY rule 13: it keeps its ballot on disk although nobody counts its vote.
    @Test func rule13AMemberThatIsNoVoterProposes() throws {
        var layout = try Layout.initial(Member.inZones([5]), partitions: 8)
        layout.voters = [.a, .b, .c]
        let network = try self.network(layout)
        let id = network.ask(5, .stage(.leave(.d)))
        network.run(for: .seconds(1))
        self.expectDone(id, in: network)
        network.stop(1)
        network.stop(2)
        let late = network.ask(5, .clearStaged)
        network.run(for: .seconds(11))
        #expect(network.answers[late] == .unreachable(missing: [.a, .b], needed: 2, voters: 3))
    }

    @Test func duellingProposersBothGetTheirStep() throws {
        let network = try self.network()
        let ids = [
            network.ask(1, .stage(.leave(.d))), network.ask(2, .stage(.leave(.e))),
            network.ask(3, .stage(.join(.numbered(9)))),
        ]
        network.run(for: .seconds(5))
        ids.forEach { self.expectDone($0, in: network) }
        #expect(network.layout(at: 4)?.staged.count == 3)
    }

    @Test func aPlanOutlivesOtherLimitsAndNothingElse() throws {
        let network = try self.network()
        let ask = { (request: ControlCore.OperatorRequest) in
            let id = network.ask(1, request)
            network.run(for: .seconds(2))
            return id
        }
        let plan = {
            try LayoutPlanner.plan(for: try #require(network.layout(at: 1))).id
        }
        self.expectDone(ask(.stage(.leave(.d))), in: network)
        let seen = try plan()
        self.expectDone(ask(.stage(.leave(.e))), in: network)
        let refused = ask(.commit(planID: seen))
        #expect(network.answers[refused] == .refused(.planChanged(asked: seen, current: try plan())))
        let both = try plan()
        self.expectDone(ask(.setLimits(TransferLimits(transfersPerNodeMax: 1))), in: network)
        self.expectDone(ask(.commit(planID: both)), in: network)
        #expect(network.layout(at: 1)?.change?.planID == both)
    }

    /// SAFETY rule 13: voters change through the log only, and the former ones decide nothing afterwards.
    @Test func rule13FormerVotersCannotDecideWhatFollowsTheirOwnReplacement() throws {
        var layout = try Layout.initial(Member.inZones([5]), partitions: 8)
        layout.voters = [.a, .b, .c]
        let network = try self.network(layout)
        network.start(6, at: 7006, state: .init())
        network.start(7, at: 7007, state: .init())
        for (number, lost) in [(6, NodeID.a), (7, NodeID.b)] {
            let staged = network.ask(3, .stage(.replace(lost, with: .numbered(number), isLost: true)))
            network.run(for: .seconds(1))
            self.expectDone(staged, in: network)
        }
        let plan = try LayoutPlanner.plan(for: try #require(network.layout(at: 3)))
        let committed = network.ask(3, .commit(planID: plan.id))
        network.run(for: .milliseconds(500))
        self.expectDone(committed, in: network)
        #expect(network.layout(at: 1)?.voters == [.c, .d, .e])
        // The two who were voters, and thought lost, are well and on their own.
        network.cut([1, 2], [3, 4, 5, 6, 7])
        let version = try #require(network.layout(at: 1)).version
        let old = network.ask(1, .pause)
        let new = network.ask(4, .pause)
        network.run(for: .seconds(12))
        #expect(network.answers[old] == .unreachable(missing: [.c, .d, .e], needed: 2, voters: 3))
        #expect(network.layout(at: 1)?.version == version)
        self.expectDone(new, in: network)
    }

    /// An operator who gives up and asks for something else has not used his ballot twice: a late acceptance of the
    /// first layout would count for the second.
    @Test func rule13ABallotBelongsToOneDecision() throws {
        var layout = try Layout.initial(Member.inZones([5]), partitions: 8)
        layout.voters = [.a, .b, .c]
        var core = ControlCore(
            configuration: .init(
                member: .numbered(1),
                seed: 1,
                encode: LayoutBytes.encode,
                decode: LayoutBytes.decode
            )
        )
        _ = core.handle(.started(AddressedNetwork.state(layout)), now: .zero)
        for peer in [NodeID.b, .c] { _ = core.handle(.peerConnected(peer), now: .zero) }
        var ballots: [Ballot] = []
        for (index, node) in [NodeID.d, .e].enumerated() {
            let id = ControlCore.OperatorRequestID(rawValue: UInt64(index))
            let now = Duration.seconds(20 * index)
            var effects = core.handle(.operatorAsked(id, .stage(.leave(node))), now: now)
            for case .store(let token, _) in effects { effects += core.handle(.stored(token: token), now: now) }
            for case .askPeer(_, _, .prepare(_, let ballot)) in effects { ballots.append(ballot) }
            _ = core.handle(.timePassed, now: now + .seconds(15))
        }
        #expect(Set(ballots).count == 2, "\(ballots)")
    }

    // MARK: The checker

    /// SAFETY rule 14.
    @Test func rule14AnObjectingMajorityIsAskedInVainAndTheOperatorHearsOfIt() throws {
        let layout = try Layout.initial(Member.inZones([3]), partitions: 8)
        let network = AddressedNetwork(layout)
        network.start(1, at: 7001)
        network.check = { _, after in after.staged.isEmpty ? nil : "nothing may be staged" }
        network.start(2, at: 7002)
        network.start(3, at: 7003)
        network.run(for: .seconds(3))
        let id = network.ask(1, .stage(.leave(.c)))
        network.run(for: .seconds(1))
        guard case .refused(.objected(let nodes, _)) = network.answers[id] else {
            Issue.record("\(String(describing: network.answers[id]))")
            return
        }
        #expect(nodes == [.b, .c])
        let alarm = LayoutAlarm.objection(LayoutVersion(2), isDecided: false, reason: "nothing may be staged")
        #expect(network.alarms[.b] == [alarm] && network.alarms[.c] == [alarm] && network.alarms[.a] == nil)
        let own = network.ask(2, .stage(.leave(.c)))
        #expect(network.answers[own] == .refused(.objected(by: [.b], reason: "nothing may be staged")))
    }

    @Test func rule14ADecidedLayoutIsAdoptedWhateverTheCheckerSays() throws {
        let layout = try Layout.initial(Member.inZones([3]), partitions: 8)
        let network = AddressedNetwork(layout)
        network.start(1, at: 7001)
        network.start(2, at: 7002)
        network.check = { _, _ in "never" }
        network.start(3, at: 7003)
        network.run(for: .seconds(3))
        let id = network.ask(1, .stage(.leave(.c)))
        network.run(for: .seconds(1))
        self.expectDone(id, in: network)
        #expect(network.layout(at: 3) == network.layout(at: 1))
        let alarm = LayoutAlarm.objection(LayoutVersion(2), isDecided: true, reason: "never")
        #expect(network.alarms[.c]?.last == alarm)
        #expect(network.core(3)?.alarms.objections ?? 0 >= 1)
    }

    // MARK: Recovery

    private func recover(_ lost: [NodeID], _ id: String = Self.lineageID) -> ControlCore.OperatorRequest {
        .recover(lost: lost, lineageID: id)
    }

    @Test func rule14SurvivorsOfALostMajorityGoOnInANewLineage() throws {
        let network = try self.network()
        for number in 3...5 { network.stop(number) }
        let id = network.ask(1, self.recover([.c, .d, .e]))
        network.run(for: .seconds(4))
        self.expectDone(id, in: network)
        let recovered = try #require(network.layout(at: 2))
        #expect(recovered.version == LayoutVersion(1_000_001 + 0xaa))
        #expect(recovered.lineage.number == 1 && recovered.lineage.base == LayoutVersion(1))
        #expect(recovered.voters == [.a] || recovered.voters == [.b])
        #expect(recovered.members.count == 5, "lost members are replaced, or leave, by an ordinary change")
        let next = network.ask(2, .stage(.leave(.c)))
        network.run(for: .seconds(1))
        self.expectDone(next, in: network)
        network.start(4, at: 7004)
        network.run(for: .seconds(2))
        #expect(network.layout(at: 4) == network.layout(at: 1), "it knew nothing that the recovery did not")
        #expect(network.alarms.isEmpty)
    }

    @Test func isNotRecoveredWhileItIsAlive() throws {
        let network = try self.network()
        network.stop(4)
        network.stop(5)
        let alive = network.ask(1, self.recover([.d, .e]))
        #expect(network.answers[alive] == .refused(.recovery(.logIsAlive(voters: [.a, .b, .c], needed: 3))))
        network.stop(3)
        let unnamed = network.ask(1, self.recover([.d, .e]))
        #expect(network.answers[unnamed] == .refused(.recovery(.logIsAlive(voters: [.a, .b, .c], needed: 3))))
        let reachable = network.ask(1, self.recover([.b, .c, .d, .e]))
        #expect(network.answers[reachable] == .refused(.recovery(.lostAreReachable([.b]))))
        let itself = network.ask(1, self.recover([.a, .d, .e]))
        #expect(network.answers[itself] == .refused(.recovery(.notASurvivor)))
        let stranger = network.ask(1, self.recover([.d, .e, NodeID(number: 9)]))
        #expect(network.answers[stranger] == .refused(.recovery(.unknownNodes([NodeID(number: 9)]))))
        #expect(network.layout(at: 1)?.lineage == .first)
    }

    /// They may know more: a person says of each member that it is lost, or brings it back.
    @Test func isNotRecoveredWhileAMemberIsUnaccountedFor() throws {
        let network = try self.network()
        for number in 2...5 { network.stop(number) }
        let id = network.ask(1, self.recover([.c, .d, .e]))
        network.run(for: .seconds(4))
        #expect(network.answers[id] == .refused(.recovery(.unaccounted([.b]))))
        #expect(network.layout(at: 1)?.lineage == .first)
    }

    @Test func adoptsWhatAReachableSurvivorKnowsBeforeItRecovers() throws {
        let first = try Layout.initial(Member.inZones([5]), partitions: 8)
        let staged = try first.staging(.leave(.e))
        let network = AddressedNetwork(first)
        network.start(1, at: 7001)
        network.start(2, at: 7002, state: AddressedNetwork.state(staged))
        network.cut([1], [2])
        network.run(for: .seconds(1))
        network.heal()
        let id = network.ask(1, self.recover([.c, .d, .e]))
        network.run(for: .seconds(5))
        self.expectDone(id, in: network)
        #expect(network.layout(at: 1)?.lineage.base == staged.version)
        #expect(network.layout(at: 1)?.staged == [.leave(.e)])
    }

    /// SAFETY rule 14: those given up for lost may be well, and have decided more.
    @Test func rule14NodesOfTheFormerLineageRefuseAndAreRefused() throws {
        let network = try self.network()
        network.cut([1, 2], [3, 4, 5])
        let own = network.ask(3, .stage(.leave(.e)))
        let recovered = network.ask(1, self.recover([.c, .d, .e]))
        network.run(for: .seconds(4))
        self.expectDone(own, in: network)
        self.expectDone(recovered, in: network)
        network.heal()
        network.run(for: .seconds(5))
        #expect((1...2).allSatisfy { network.layout(at: $0)?.lineage.number == 1 })
        #expect((3...5).allSatisfy { network.layout(at: $0)?.lineage.number == 0 })
        #expect((3...5).allSatisfy { network.alarms[NodeID(number: $0)]?.isEmpty == false })
        // Each life of the log goes on with its own voters; no node votes in both.
        let left = network.ask(1, .stage(.leave(.c)))
        let right = network.ask(4, .clearStaged)
        network.run(for: .seconds(2))
        self.expectDone(left, in: network)
        self.expectDone(right, in: network)
        #expect(network.layout(at: 2)?.staged.contains(.leave(.c)) == true)
        #expect(network.layout(at: 5)?.staged == [])
    }

    /// Two operators at two survivors: one life of the log goes on, the other has no voters left.
    @Test func rule14TwoRecoveriesOfOneLogRefuseEachOther() throws {
        let network = try self.network()
        for number in 4...5 { network.stop(number) }
        network.stop(3)
        network.cut([1], [2])
        let one = network.ask(1, self.recover([.b, .c, .d, .e], "00000000000000aa"))
        let two = network.ask(2, self.recover([.a, .c, .d, .e], "00000000000000bb"))
        network.run(for: .seconds(4))
        self.expectDone(one, in: network)
        self.expectDone(two, in: network)
        network.heal()
        network.run(for: .seconds(3))
        #expect(network.layout(at: 1)?.lineage.id == "00000000000000aa")
        #expect(network.layout(at: 2)?.lineage.id == "00000000000000bb")
        #expect(network.alarms[.a]?.count == 1, "the other's version is higher by chance, and is looked at")
    }

    // MARK: Founding

    /// A layout is founded by those whom it names, all of them.
    @Test func rule15FoundingsThatShareANodeDoNotBothComeAbout() throws {
        let network = AddressedNetwork(try Layout.initial(Member.inZones([3]), partitions: 8))
        for number in 1...4 {
            network.start(number, at: 7000 + number, seeds: [7001, 7002, 7003, 7004], state: .init())
        }
        network.run(for: .seconds(5))
        let partitions = try #require(PartitionCount(8))
        let requests = [(1, [1, 2, 3], "aa"), (4, [3, 4], "bb")].map { number, members, digits in
            network.ask(
                number,
                .initialise(
                    clusterID: String(repeating: digits, count: 16),
                    members: members.map { Member.numbered($0) },
                    partitions,
                    QuorumSettings(replicaCount: 2, readQuorum: 1, writeQuorum: 1)
                )
            )
        }
        network.run(for: .seconds(12))
        let done = requests.count { id in if case .done = network.answers[id] { true } else { false } }
        #expect(done == 1)
        #expect(Set((1...4).compactMap { network.layout(at: $0)?.clusterID }).count == 1)
    }
}
