import QuireCore
import QuireWire
import Testing

@testable import QuireClient

/// Nodes are named by their ports.
@Suite struct ReplicaRouterTests {
    private static func table(version: Int = 3, members: Range<Int> = 1..<7, cluster: Character = "c") -> RoutingTable {
        let nodes = members.map { number in
            let endpoint = Endpoint(host: "h", port: number)
            return Member(
                id: NodeID(rawValue: UInt64(number)),
                name: "n\(number)",
                zone: "z",
                peer: endpoint,
                proxy: endpoint,
                http: endpoint
            )
        }
        let layout = Layout(
            clusterID: String(repeating: cluster, count: 32),
            version: LayoutVersion(version),
            partitionCount: PartitionCount(8)!,
            quorums: QuorumSettings(),
            members: nodes,
            rows: (0..<8).map { partition in (0..<3).map { nodes[(partition + $0) % nodes.count].id } }
        )
        return RoutingTable(layout) { $0.proxy }
    }

    private let key = Key("some key")!

    private static func at(_ port: Int) -> QuireEndpoint { QuireEndpoint(host: "h", port: port) }

    private func router(seed: UInt64 = 1) -> ReplicaRouter {
        var router = ReplicaRouter(seeds: [Self.at(1), Self.at(99)], isPartitionAware: true, seed: seed)
        _ = router.takeRefresh(now: .zero)
        #expect(router.refreshed(Self.table(), everything: true) == true)
        return router
    }

    private var replicas: [QuireEndpoint] { Self.table().replicas(of: self.key).map { QuireEndpoint($0.endpoint) } }

    /// Whom the router names in a hundred first attempts.
    private func choices(of router: inout ReplicaRouter) -> Set<QuireEndpoint> {
        var chosen: Set<QuireEndpoint> = []
        for _ in 0..<100 { chosen.insert(router.next(for: self.key, excluding: [])!) }
        return chosen
    }

    @Test func spreadsTheRequestsOfAKeyOverItsReplicas() {
        var router = self.router()
        #expect(self.choices(of: &router) == Set(self.replicas))
    }

    @Test func prefersTheReplicaThatTheContextNames() {
        var router = self.router()
        for node in Self.table().replicas(of: self.key) {
            for _ in 0..<20 {
                let chosen = router.next(for: self.key, preferring: node.id, excluding: [])
                #expect(chosen == QuireEndpoint(node.endpoint))
            }
        }
        let stranger = Self.table().nodes.first { !Self.table().isReplica($0.id, of: self.key) }!
        let chosen = router.next(for: self.key, preferring: stranger.id, excluding: [])
        #expect(self.replicas.contains(chosen!))
    }

    @Test func goesFromReplicasToOtherNodesToSeedsAndNamesEachOnce() {
        var router = self.router()
        var tried: [QuireEndpoint] = []
        while let next = router.next(for: self.key, excluding: tried) { tried.append(next) }
        #expect(Set(tried.prefix(3)) == Set(self.replicas))
        #expect(tried.count == 7)
        #expect(Set(tried) == Set((1...6).map(Self.at) + [Self.at(99)]))
    }

    @Test func asksSuspectsLastAndTheirReplicasFirst() {
        var router = self.router()
        router.failed(self.replicas[0], now: .zero)
        router.failed(Self.at(99), now: .zero)
        var tried: [QuireEndpoint] = []
        let named = Self.table().replicas(of: self.key)[0].id
        while let next = router.next(for: self.key, preferring: named, excluding: tried) { tried.append(next) }
        #expect(Set(tried.prefix(2)) == Set(self.replicas.dropFirst()))
        #expect(tried.suffix(2) == [self.replicas[0], Self.at(99)])
    }

    @Test func asksSuspectsWhenNobodyElseIsLeft() {
        var router = self.router()
        for port in 1...6 { router.failed(Self.at(port), now: .zero) }
        router.failed(Self.at(99), now: .zero)
        let chosen = router.next(for: self.key, excluding: [])
        #expect(self.replicas.contains(chosen!))
    }

    @Test func looksAtASuspectAfterAWhileThatDoublesAndOnceAtATime() {
        var router = self.router()
        let node = self.replicas[1]
        var now = Duration.zero
        router.failed(node, now: now)
        // Requests that were under way fail together: that is one failure.
        router.failed(node, now: now)
        #expect(router.probesDue(now: .milliseconds(124)) == [])
        now = .milliseconds(250)
        #expect(router.probesDue(now: now) == [node])
        #expect(router.probesDue(now: now) == [])
        router.failed(node, now: now)
        #expect(router.probesDue(now: now + .milliseconds(249)) == [])
        now += .milliseconds(500)
        #expect(router.probesDue(now: now) == [node])
        for _ in 0..<40 {
            router.failed(node, now: now)
            #expect(router.probesDue(now: now) == [])
            now += .seconds(10)
            #expect(router.probesDue(now: now) == [node])
        }
        #expect(!self.choices(of: &router).contains(node))
        router.answered(node)
        #expect(self.choices(of: &router).contains(node))
    }

    @Test func fetchesAtOnceFromTheNodeThatTold() {
        var router = self.router()
        #expect(router.takeRefresh(now: .zero) == nil)
        router.told(LayoutVersion(3), by: Self.at(4))
        #expect(router.takeRefresh(now: .zero) == nil)
        router.told(LayoutVersion(4), by: Self.at(4))
        let refresh = router.takeRefresh(now: .zero)
        #expect(refresh?.sources.first == Self.at(4))
        #expect(refresh?.known == LayoutVersion(3))
        #expect(router.takeRefresh(now: .zero) == nil, "one fetch is under way at a time")
        #expect(router.refreshed(Self.table(version: 4), everything: false) == true)
        #expect(router.table?.version == LayoutVersion(4))
        #expect(router.takeRefresh(now: .zero) == nil)
    }

    @Test func fetchesAgainWhenItWasToldOfMoreMeanwhile() {
        var router = self.router()
        router.told(LayoutVersion(4), by: Self.at(4))
        _ = router.takeRefresh(now: .zero)
        router.told(LayoutVersion(5), by: Self.at(2))
        #expect(router.refreshed(Self.table(version: 4), everything: false) == true)
        #expect(router.takeRefresh(now: .zero)?.sources.first == Self.at(2))
    }

    @Test func doesNotFetchEverAgainForANodeThatTellsOfWhatItDoesNotGive() {
        var router = self.router()
        var fetches = 0
        for tick in 0..<1000 {
            router.told(LayoutVersion(9), by: Self.at(4))
            if router.takeRefresh(now: .milliseconds(10 * tick)) != nil {
                fetches += 1
                #expect(router.refreshed(nil, everything: false) == true)
            }
        }
        #expect((2...11).contains(fetches), "\(fetches) fetches in ten seconds")
    }

    @Test func fetchesEverythingSoonAfterANodeHasFailedForItMayHaveMoved() {
        var router = self.router()
        router.failed(Self.at(2), now: .milliseconds(10))
        #expect(router.takeRefresh(now: .milliseconds(999)) == nil)
        let refresh = router.takeRefresh(now: .seconds(1))
        #expect(refresh != nil && refresh?.known == nil)
        #expect(refresh?.sources.contains(Self.at(2)) == false)
        router.refreshFailed()
        #expect(router.takeRefresh(now: .milliseconds(1500)) == nil)
        #expect(router.takeRefresh(now: .seconds(2)) != nil)
    }

    @Test func pollsWhenItIsTimeAndAsksAFewNodesAtMost() {
        var router = self.router()
        router.pollDue()
        let refresh = router.takeRefresh(now: .milliseconds(1))
        #expect(refresh?.sources.count == 3)
        #expect(refresh?.known == LayoutVersion(3))
    }

    @Test func keepsItsClusterAndNeverGoesBack() {
        var router = self.router()
        router.pollDue()
        _ = router.takeRefresh(now: .zero)
        #expect(router.refreshed(Self.table(version: 9, cluster: "d"), everything: true) == false)
        #expect(router.table?.version == LayoutVersion(3))
        router.pollDue()
        _ = router.takeRefresh(now: .seconds(5))
        #expect(router.refreshed(Self.table(version: 2), everything: true) == true)
        #expect(router.table?.version == LayoutVersion(3))
    }

    @Test func usesItsEndpointsInTheirOrderWhenItKnowsNoLayout() {
        var router = ReplicaRouter(seeds: [3, 1, 3, 2].map(Self.at), isPartitionAware: false, seed: 1)
        #expect(router.takeRefresh(now: .zero) == nil)
        #expect(router.next(for: self.key, excluding: []) == Self.at(3))
        #expect(router.next(for: self.key, excluding: [Self.at(3)]) == Self.at(1))
        router.failed(Self.at(3), now: .zero)
        #expect(router.next(for: nil, excluding: []) == Self.at(1))
        #expect(router.next(for: nil, excluding: [Self.at(1), Self.at(2)]) == Self.at(3))
        #expect(router.next(for: nil, excluding: [1, 2, 3].map(Self.at)) == nil)
    }
}
