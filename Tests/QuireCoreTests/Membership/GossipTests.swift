import QuireCore
import Testing

/// Whole control cores that gossip: Dynamo §4.8, with SAFETY rules 12-15 left in peace.
@Suite struct GossipTests {
    private func initial(_ count: Int) throws -> Layout {
        try Layout.initial(Member.inZones([count]), partitions: 8)
    }

    /// Members 1... at the ports of the layout, linked and acquainted.
    private func network(_ count: Int, seeds: [Int] = []) throws -> AddressedNetwork {
        let network = AddressedNetwork(try self.initial(count))
        for number in 1...count { network.start(number, at: 7000 + number, seeds: seeds) }
        network.run(for: .seconds(3))
        return network
    }

    private func areAllLinked(_ network: AddressedNetwork, _ numbers: ClosedRange<Int>) -> Bool {
        numbers.allSatisfy { from in numbers.allSatisfy { $0 == from || network.isLinked(from, $0) } }
    }

    // MARK: Every second, someone

    /// Dynamo §4.8.1: "each node contacts a peer chosen at random every second".
    @Test func everySecondARandomMemberWhetherItIsReachableOrNot() throws {
        let network = try self.network(5)
        network.stop(5)
        let begin = network.exchanges.count
        network.run(for: .seconds(200))
        let begun = network.exchanges[begin...].filter { $0.from == NodeID(number: 1) }
        // Of four partners one is unreachable; choosing it costs the round and nothing else.
        #expect((110...190).contains(begun.count), "\(begun.count) exchanges in 200 s")
        #expect(Set(begun.map(\.to.rawValue)) == [2, 3, 4])
        for (earlier, later) in zip(begun, begun.dropFirst()) {
            #expect(later.at - earlier.at >= .seconds(1))
        }
        for partner in 2...4 {
            #expect(begun.count { $0.to == NodeID(number: partner) } > 20, "partner \(partner)")
        }
    }

    /// Also when only one of them is asked about it.
    @Test func whatANodeSaysOfItselfReachesEverybody() throws {
        let network = try self.network(6)
        var figures = GossipFigures()
        figures[.hintCount] = 12
        network.handle(.figuresMeasured(figures), at: 4)
        network.run(for: .seconds(20))
        for number in 1...6 {
            let entry = network.core(number)?.knownNodes.first { $0.node == NodeID(number: 4) }
            #expect(entry?.figures[.hintCount] == 12, "at node \(number)")
            #expect(entry?.layoutVersion == LayoutVersion(1))
        }
    }

    // MARK: Layouts

    @Test func aReturnedPartnerIsBroughtUpToDate() throws {
        let layout = try self.initial(3)
        let staged = try layout.staging(.leave(NodeID(number: 3)))
        let network = AddressedNetwork(layout)
        for number in 1...2 { network.start(number, at: 7000 + number, state: AddressedNetwork.state(staged)) }
        network.run(for: .seconds(3))
        network.start(3, at: 9003)
        #expect(network.layout(at: 3) == layout)
        network.run(for: .seconds(1))
        #expect(network.layout(at: 3) == staged)
        for number in 1...2 { #expect(network.knows(number, 3, at: AddressedNetwork.endpoint(9003))) }
    }

    /// The partner learns from whoever asks, too.
    @Test func theOneWhoKnowsLessMayBeTheOneWhoIsAsked() throws {
        let layout = try self.initial(3)
        let staged = try layout.staging(.leave(NodeID(number: 3)))
        let network = AddressedNetwork(layout)
        network.start(1, at: 7001, state: AddressedNetwork.state(staged))
        // Node 2 finds nobody: it looks where node 1 is not. Node 1 finds it.
        network.start(1, at: 9001)
        network.start(2, at: 7002)
        network.run(for: .seconds(2))
        #expect(network.layout(at: 2) == staged)
        #expect(network.isLinked(2, 1), "it was told where node 1 is")
    }

    /// Dynamo §4.8.1: an outage "should not result in rebalancing of the partition assignment".
    @Test func anOutageNeverChangesTheLayout() throws {
        let network = try self.network(4)
        let before = try #require(network.layout(at: 1))
        network.stop(4)
        network.run(for: .seconds(1500))
        network.cut([1], [2, 3])
        network.run(for: .seconds(600))
        network.heal()
        network.start(4, at: 9004)
        network.run(for: .seconds(60))
        for number in 1...4 { #expect(network.layout(at: number) == before) }
        #expect(self.areAllLinked(network, 1...4))
    }

    // MARK: Addresses

    @Test func aMemberThatMovedIsFoundByEverybody() throws {
        let network = try self.network(4)
        network.start(3, at: 9003, forgets: true)
        network.run(for: .seconds(2))
        #expect(self.areAllLinked(network, 1...4))
        for number in 1...4 { #expect(network.knows(number, 3, at: AddressedNetwork.endpoint(9003))) }
        #expect(network.layout(at: 1)?.member(NodeID(number: 3))?.peer == AddressedNetwork.endpoint(7003))
    }

    /// The first to move can be found by the second only where it said that it is.
    @Test func twoThatMoveOneAfterTheOtherFindEachOther() throws {
        let network = try self.network(2)
        network.start(1, at: 9001)
        network.run(for: .seconds(2))
        network.start(2, at: 9002)
        network.run(for: .seconds(2))
        #expect(self.areAllLinked(network, 1...2))
    }

    @Test func anOldAddressDoesNotComeBackFromOneWhoWasAway() throws {
        let network = try self.network(3)
        network.start(1, at: 9001)
        network.run(for: .seconds(3))
        network.cut([3], [1, 2])
        network.start(1, at: 7001)
        network.run(for: .seconds(3))
        #expect(network.knows(2, 1, at: AddressedNetwork.endpoint(7001)))
        #expect(network.knows(3, 1, at: AddressedNetwork.endpoint(9001)))
        network.heal()
        network.run(for: .seconds(10))
        for number in 1...3 { #expect(network.knows(number, 1, at: AddressedNetwork.endpoint(7001))) }
        #expect(self.areAllLinked(network, 1...3))
    }

    // MARK: Seeds

    /// All members restart elsewhere at once; without a seed nobody would find anybody.
    @Test(arguments: [false, true])
    func membersThatAllMovedFindEachOtherThroughASeed(_ hasSeed: Bool) throws {
        let network = try self.network(4)
        for number in 1...4 { network.stop(number) }
        for number in 1...4 {
            network.start(number, at: 9000 + number, seeds: hasSeed ? [9002] : [], forgets: true)
        }
        network.run(for: .seconds(10))
        #expect(self.areAllLinked(network, 1...4) == hasSeed)
        #expect(network.layout(at: 1)?.version == LayoutVersion(1))
    }

    /// Dynamo §4.8.2: logical partitions: two halves, each of which knows only itself, and a seed between them.
    @Test func twoHalvesThatWereSeededApartFindEachOther() throws {
        let network = try self.network(4)
        for number in 1...4 { network.stop(number) }
        network.start(1, at: 9001, seeds: [9001], forgets: true)
        network.start(2, at: 9002, seeds: [9001], forgets: true)
        network.start(3, at: 9003, seeds: [9003], forgets: true)
        network.start(4, at: 9004, seeds: [9003], forgets: true)
        network.run(for: .seconds(60))
        #expect(network.isLinked(1, 2) && network.isLinked(4, 3))
        #expect(!network.isLinked(1, 3) && !network.isLinked(2, 4), "nobody could tell them of each other")
        // One node of one half is given a seed of the other.
        network.start(4, at: 9004, seeds: [9003, 9001])
        network.run(for: .seconds(10))
        #expect(self.areAllLinked(network, 1...4))
    }

    /// Everyone is out of reach of somebody, and still linked to its half: seeds are asked all the same.
    @Test func halvesThatLoseEachOtherWhileTheyMoveMeetAtTheSeed() throws {
        let network = try self.network(4, seeds: [7001])
        network.cut([1, 2], [3, 4])
        for number in 2...4 { network.start(number, at: 9000 + number, seeds: [7001], forgets: true) }
        network.run(for: .seconds(30))
        #expect(!network.isLinked(3, 1))
        network.heal()
        network.run(for: .seconds(5))
        #expect(self.areAllLinked(network, 1...4))
    }

    /// §4.8.2 keeps partitions from lasting by gossip with seeds, whoever else there is.
    @Test func aSeedIsAPartnerNowAndThenWhoeverElseThereIs() throws {
        let network = AddressedNetwork(try self.initial(8))
        for number in 1...8 { network.start(number, at: 7000 + number, seeds: [7008]) }
        network.run(for: .seconds(5))
        let begin = network.exchanges.count
        network.run(for: .seconds(300))
        let withSeed = network.exchanges[begin...].count { $0.from == NodeID(number: 1) && $0.to == NodeID(number: 8) }
        // About 300 / 7 by chance and 30 besides.
        #expect((50...100).contains(withSeed), "\(withSeed)")
    }

    @Test func aSeedThatIsNoMemberDoesNoHarm() throws {
        let network = AddressedNetwork(try self.initial(3))
        network.start(9, at: 8009, seeds: [7001], state: .init())
        for number in 1...3 { network.start(number, at: 7000 + number, seeds: [8009, 7000 + number, 6666]) }
        network.run(for: .seconds(30))
        #expect(self.areAllLinked(network, 1...3))
        #expect(network.isLinked(1, 9) && network.isLinked(9, 1))
        #expect(network.layout(at: 9) == nil, "a stranger is told of no layout")
        #expect(network.core(9)?.knownNodes.map(\.node.rawValue) == [1, 9], "only of whom it has as a seed")
        #expect(network.layout(at: 1)?.members.count == 3)
        #expect(network.core(1)?.knownNodes.count == 4)
    }

    @Test func aSeedOfAnotherClusterIsNotUsed() throws {
        var other = try Layout.initial([.numbered(9)], partitions: 8, replicas: 1)
        other.clusterID = String(repeating: "f", count: 32)
        other.version = LayoutVersion(7)
        let network = AddressedNetwork(try self.initial(2))
        network.start(9, at: 8009, state: AddressedNetwork.state(other))
        for number in 1...2 { network.start(number, at: 7000 + number, seeds: [8009]) }
        network.run(for: .seconds(10))
        #expect(!network.isLinked(1, 9))
        #expect(network.layout(at: 1)?.version == LayoutVersion(1))
        #expect(network.core(1)?.knownNodes.map(\.node.rawValue) == [1, 2])
    }

    // MARK: Who is told what

    @Test func oneWhoBelongsToNoClusterLearnsOnlyOfTheOneItAsks() throws {
        let network = try self.network(3)
        let stranger = GossipEntry(member: .numbered(9), stamp: .init(incarnation: 1, version: 1))
        var core = try #require(network.core(1))
        let request = RequestCore.PeerRequestID(link: 9, correlation: 1)
        let answers = core.handle(.peerAsked(request, .gossipDigests(.none, [stranger.digest])), now: network.now)
        let own = try #require(core.knownNodes.first)
        #expect(answers == [.answerPeer(request, .gossipDifference(LayoutVersion(1), entries: [own], wanted: []))])
    }

    @Test func entriesOfThoseWhoLeftAreDropped() throws {
        let layout = try self.initial(4)
        let shrunk = try layout.changed([.leave(NodeID(number: 4))])
        let network = AddressedNetwork(layout)
        for number in 1...4 { network.start(number, at: 7000 + number) }
        network.run(for: .seconds(3))
        #expect(network.core(1)?.knownNodes.count == 4)
        let decided = ControlMessage.decided(LayoutBytes.encode(shrunk))
        network.handle(.peerAsked(RequestCore.PeerRequestID(link: 2, correlation: 77), decided), at: 1)
        network.run(for: .seconds(20))
        for number in 1...3 {
            #expect(network.core(number)?.knownNodes.map(\.node.rawValue) == [1, 2, 3], "at node \(number)")
        }
    }

    // MARK: Each node's own view

    /// Dynamo §4.8.3: failure detection is local.
    @Test func eachNodeSeesForItselfWhomItReaches() throws {
        let network = try self.network(3)
        network.cut([1], [3])
        let cutAt = network.now
        network.run(for: .seconds(10))
        let view = try #require(network.core(1)?.view(of: NodeID(number: 3), at: network.now))
        #expect(view.state == .unreachable)
        #expect(view.since == cutAt)
        #expect(try #require(view.lastHeard) <= cutAt)
        #expect(network.core(2)?.view(of: NodeID(number: 3), at: network.now).state == .reachable)
        #expect(network.core(3)?.view(of: NodeID(number: 2), at: network.now).state == .reachable)
        network.heal()
        network.run(for: .seconds(1))
        #expect(network.core(1)?.view(of: NodeID(number: 3), at: network.now).state == .reachable)
    }

    @Test func oneThatIsLinkedAndDoesNotAnswerIsSilent() throws {
        let layout = try self.initial(2)
        var core = ControlCore(
            configuration: .init(member: .numbered(1), seed: 1, encode: { _ in [1] }, decode: { _ in layout })
        )
        let other = NodeID(number: 2)
        _ = core.handle(.started(AddressedNetwork.state(layout)), now: .seconds(1))
        #expect(core.view(of: other, at: .seconds(2)) == .init(state: .unreachable, since: .seconds(1), lastHeard: nil))
        let effects = core.handle(.peerConnected(other), now: .seconds(3))
        #expect(core.view(of: other, at: .seconds(7)).state == .reachable)
        let silent = PeerView(state: .silent, since: .seconds(3), lastHeard: .seconds(3))
        #expect(core.view(of: other, at: .seconds(9)) == silent)
        // Bytes of a transfer are a sign of life as well.
        let busy = PeerView(state: .reachable, since: .seconds(3), lastHeard: .seconds(8))
        #expect(core.view(of: other, at: .seconds(9), lastReceived: .seconds(8)) == busy)
        let correlation = effects.compactMap { effect -> UInt64? in
            if case .askPeer(other, let correlation, .gossipDigests) = effect { return correlation }
            return nil
        }
        let answer = PeerMessage.control(.gossipDifference(layout.version, entries: [], wanted: []))
        let event = ControlCore.Event.peerAnswered(other, correlation: try #require(correlation.first), answer)
        _ = core.handle(event, now: .seconds(10))
        let heard = PeerView(state: .reachable, since: .seconds(3), lastHeard: .seconds(10))
        #expect(core.view(of: other, at: .seconds(11)) == heard)
    }
}
