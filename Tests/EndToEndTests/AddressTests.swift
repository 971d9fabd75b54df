import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// Nodes that come back elsewhere, and outages: membership is the operator's, addresses are not (Dynamo §4.8).
    @Suite struct AddressTests {
        /// A node with the data directory of another, elsewhere.
        private static func moved(
            _ node: ClusterNode,
            in cluster: ProcessCluster,
            to ports: ClusterNode.Ports,
            seeds: [String]
        ) async throws -> ClusterNode {
            var shape = node.shape
            shape.ports = ports
            shape.options += seeds.flatMap { ["--seed", $0] }
            return try await cluster.startNewcomer(shape)
        }

        private static func layout(of cluster: ProcessCluster, at node: ClusterNode) async throws -> String {
            let outcome = try await cluster.quire(["cluster", "layout"], at: node)
            try #require(outcome.status == 0, "\(outcome.testDescription)")
            return outcome.out
        }

        private static func waitUntilAllSeeEachOther(_ nodes: [ClusterNode], in cluster: ProcessCluster) async throws {
            try await eventually("all members see each other at \(nodes.map(\.peer))") {
                for node in nodes {
                    let members = try await cluster.status(at: node).members
                    guard members.allSatisfy(\.isUp), Set(members.map(\.peer)) == Set(nodes.map(\.peer)) else {
                        return false
                    }
                }
                return true
            }
        }

        @Test func membersThatAllMovedAtOnceFindEachOtherThroughOneSeed() async throws {
            try await ProcessCluster.run { cluster in
                let data = Dataset(count: 60)
                try await data.store(through: cluster.first)
                let before = try await Self.layout(of: cluster, at: cluster.first)
                for node in cluster.nodes { try await node.stop() }

                let ports = try cluster.nodes.map { _ in try ClusterNode.Ports.draw() }
                let seed = "127.0.0.1:\(ports[1].peer)"
                var nodes: [ClusterNode] = []
                for (node, ports) in zip(cluster.nodes, ports) {
                    nodes.append(try await Self.moved(node, in: cluster, to: ports, seeds: [seed]))
                }
                try await Self.waitUntilAllSeeEachOther(nodes, in: cluster)
                for node in nodes {
                    #expect(try await Self.layout(of: cluster, at: node) == before, "at \(node.name)")
                    try await eventually("all is read through \(node.name)") {
                        try await data.differences(through: node) == []
                    }
                }
                let more = Dataset(count: 20, prefix: "more")
                try await more.store(through: nodes[2])
                #expect(try await more.differences(through: nodes[0]) == [])
            }
        }

        @Test func anOutageLeavesTheLayoutAsItWasAndIsSeenByEachNodeForItself() async throws {
            try await ProcessCluster.run { cluster in
                let before = try await Self.layout(of: cluster, at: cluster.first)
                let victim = cluster.nodes[2]
                let rest = [cluster.nodes[0], cluster.nodes[1]]
                await victim.kill()
                for node in rest {
                    try await eventually("\(node.name) sees that n3 is out of reach") {
                        let member = try await cluster.status(at: node).members.first { $0.name == "n3" }
                        return member?.seen?.state == "unreachable" && member?.isUp == false
                    }
                }
                let data = Dataset(count: 60)
                try await data.store(through: cluster.first)
                let status = try await cluster.status()
                let lost = try #require(status.members.first { $0.name == "n3" })
                let seen = try #require(lost.seen)
                let now = try #require(status.nowMilliseconds)
                #expect(seen.sinceMilliseconds <= now)
                #expect(try #require(seen.lastHeardMilliseconds) <= seen.sinceMilliseconds)
                #expect(lost.told?.peer == victim.peer, "what it last said of itself is still known")
                let text = try await cluster.quire(["cluster", "status"])
                #expect(text.out.contains("Out of reach as n1 sees it"))
                for node in rest { #expect(try await Self.layout(of: cluster, at: node) == before) }

                // It comes back elsewhere and finds the others where they were: they are told where it is now.
                let returned = try await Self.moved(victim, in: cluster, to: .draw(), seeds: [])
                let nodes = rest + [returned]
                try await Self.waitUntilAllSeeEachOther(nodes, in: cluster)
                for node in nodes {
                    #expect(try await Self.layout(of: cluster, at: node) == before, "at \(node.name)")
                    try await eventually("all is read through \(node.name)") {
                        try await data.differences(through: node) == []
                    }
                }
                let again = try #require(try await cluster.status().members.first { $0.name == "n3" }?.told)
                #expect(again.incarnation > (lost.told?.incarnation ?? .max))
            }
        }

        /// A stranger with the cluster's key, a node of another cluster, oneself, and an address where nobody is.
        @Test func seedsOfTheWrongKindDoNoHarm() async throws {
            try await ProcessCluster.run(.init(nodes: 1, partitions: 8, replicas: 1, readQuorum: 1, writeQuorum: 1)) {
                cluster in
                let stranger = try await cluster.startNewcomer("stranger")
                let other = try await cluster.startNewcomer("other")
                let founded = try await cluster.quire(
                    [
                        "cluster", "init", "--partitions", "8", "--replicas", "1", "--read-quorum", "1",
                        "--write-quorum", "1",
                    ],
                    at: other
                )
                try #require(founded.status == 0, "\(founded.testDescription)")
                let before = try await Self.layout(of: cluster, at: cluster.first)
                try await cluster.first.stop()

                let ports = try ClusterNode.Ports.draw()
                let nobody = try TCPPort.draw()
                let seeds = [stranger.peer, other.peer, "127.0.0.1:\(ports.peer)", "127.0.0.1:\(nobody)"]
                let node = try await Self.moved(cluster.first, in: cluster, to: ports, seeds: seeds)
                try await node.waitUntilReady()
                try await eventually("the node of another cluster was tried and refused") {
                    Program.text(node.log).contains("seed refused")
                }
                try await Dataset(count: 20).store(through: node)
                #expect(try await Self.layout(of: cluster, at: node) == before)
                #expect(try await cluster.status(at: stranger).clusterID == nil)
                let status = try await cluster.status(at: node)
                #expect(status.members.map(\.name) == ["n1"])
                #expect(try await cluster.status(at: other).members.map(\.name) == ["other"])
                #expect(try await cluster.status(at: other).clusterID != status.clusterID)
            }
        }
    }
}
