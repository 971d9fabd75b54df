import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.8.1 to §4.8.3 Gossip") struct GossipClaims {
        /// Members 1... at the ports 7001..., which have had time to find each other.
        private func network(_ count: Int) throws -> AddressedNetwork {
            let network = AddressedNetwork(try Layout.initial(Member.inZones([count]), partitions: 8))
            for number in 1...count { network.start(number, at: 7000 + number) }
            network.run(for: .seconds(3))
            return network
        }

        /// §4.8.1: "each node contacts a peer chosen at random every second": one a second, every one as often as the
        /// others in the long run, and in no order.
        @Test func eachNodeContactsARandomPeerEverySecond() throws {
            let network = try self.network(5)
            let begin = network.exchanges.count
            network.run(for: .seconds(400))
            for number in 1...5 {
                let partners = network.exchanges[begin...].filter { $0.from == NodeID(number: number) }.map(\.to)
                #expect((395...401).contains(partners.count))
                let counts = Dictionary(grouping: partners) { $0 }.mapValues(\.count)
                #expect(counts.count == 4 && counts.values.allSatisfy { (60...140).contains($0) }, "\(counts)")
                let repetitions = zip(partners, partners.dropFirst()).count { $0 == $1 }
                #expect((50...150).contains(repetitions), "\(repetitions) times the same partner again")
            }
        }

        /// §4.8.1: "the two nodes efficiently reconcile their persisted membership change histories", which "maintains
        /// an eventually consistent view of membership": what one of eight has adopted reaches all the others, from one
        /// to the next, without being sent to any of them by whoever decided it.
        @Test func aMembershipChangeThatOneNodeKnowsReachesAll() throws {
            let layout = try Layout.initial(Member.inZones([8]), partitions: 8)
            let changed = try layout.staging(.leave(NodeID(number: 8)))
            let network = AddressedNetwork(layout)
            for number in 2...8 { network.start(number, at: 7000 + number) }
            network.run(for: .seconds(3))
            network.start(1, at: 7001, state: AddressedNetwork.state(changed))
            network.cut([1], Array(3...8))
            network.run(for: .seconds(30))
            for number in 1...8 { #expect(network.layout(at: number) == changed, "at node \(number)") }
        }

        /// §4.8.1: of two histories the newer wins entry by entry, whoever of the two asked, and both end with all.
        @Test func twoNodesReconcileWhatTheyKnowOfTheOthers() {
            func entry(_ number: Int, version: Int) -> GossipEntry {
                GossipEntry(member: .numbered(number), stamp: .init(incarnation: 1, version: version))
            }
            var states = (1...2).map { GossipState(member: .numbered($0), incarnation: 1) }
            for index in states.indices { states[index].expect(Set((1...5).map { NodeID(number: $0) })) }
            _ = states[0].told([entry(3, version: 9), entry(4, version: 1)])
            _ = states[1].told([entry(3, version: 2), entry(4, version: 6), entry(5, version: 1)])
            let (entries, wanted) = states[1].answer(to: states[0].digests)
            _ = states[0].told(entries)
            _ = states[1].told(states[0].entries(of: wanted))
            #expect(states[0].entries == states[1].entries)
            #expect(states[0].entries.dropFirst(2).map(\.stamp.version) == [9, 6, 1])
        }

        /// §4.8.2: without seeds "A and B would each consider itself a member of the ring, yet neither would be
        /// immediately aware of the other". Ours are in one layout, so it takes that both have moved; then only an
        /// address from outside helps, "because all nodes eventually reconcile their membership with a seed".
        @Test(arguments: [true, false]) func seedsPreventLogicalPartitions(_ haveSeed: Bool) throws {
            let network = try self.network(3)
            for number in 1...3 { network.stop(number) }
            for number in 1...3 {
                network.start(number, at: 9000 + number, seeds: haveSeed ? [9001] : [], forgets: true)
            }
            network.run(for: .seconds(60))
            // Neither of them is the seed: they learn of each other through it.
            #expect(network.isLinked(2, 3) == haveSeed)
            #expect(network.isLinked(3, 2) == haveSeed)
        }

        /// §4.8.3: "a purely local notion of failure detection is entirely sufficient": who cannot reach a node thinks so
        /// alone. Its gossip convinces nobody, and what others say of the node does not convince it.
        @Test func whatOneNodeThinksOfAnotherIsItsOwnBusiness() throws {
            let network = try self.network(3)
            network.cut([1], [2])
            network.run(for: .seconds(60))
            let view = { (from: Int, of: Int) in
                network.core(from)?.view(of: NodeID(number: of), at: network.now).state
            }
            #expect(view(1, 2) == .unreachable && view(2, 1) == .unreachable)
            #expect(view(3, 1) == .reachable && view(3, 2) == .reachable)
            #expect(view(1, 3) == .reachable && view(2, 3) == .reachable)
            // It is tried again for as long as it takes.
            network.heal()
            network.run(for: .seconds(2))
            #expect(view(1, 2) == .reachable && view(2, 1) == .reachable)
        }
    }
}
