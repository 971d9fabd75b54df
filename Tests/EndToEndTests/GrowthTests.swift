import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// Planned changes of capacity under load (Dynamo §4.8, §6.2): shown before, minimal, and no write is lost.
    @Suite struct GrowthTests {
        private let shape = ProcessCluster.Shape(nodes: 3, partitions: 256)

        @Test func aClusterGrowsByANodeAndShrinksAgainUnderAWriter() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 400)
                try await data.store(through: cluster.first)
                let writer = JournaledWriter(cluster.nodes.map(\.endpoint))
                await writer.start()
                try await writer.waitForProgress("writes before the change")

                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.joinIsPlannedAsTheMinimum(newcomer, in: cluster)
                try await Self.commit(in: cluster)
                try await writer.waitForProgress("writes during or after the growth")
                try await Self.expectEverything(data, writer, in: cluster, with: newcomer)
                let grown = try await cluster.status(at: newcomer)
                #expect(grown.members.map(\.tokens) == [64, 64, 64, 64])
                #expect(grown.members.map(\.replicas) == [192, 192, 192, 192])

                let staged = try await cluster.quire(["cluster", "leave", "n2"])
                try #require(staged.status == 0, "\(staged.testDescription)")
                try await Self.commit(in: cluster)
                let shrunk = try await cluster.status()
                #expect(Set(shrunk.members.map(\.name)) == ["n1", "n3", "n4"])
                #expect(shrunk.members.allSatisfy { $0.replicas == 256 })
                await writer.stop()
                try await cluster.nodes[1].stop()
                #expect(await writer.failures == [])
                #expect(await writer.staleReads == [])
                let rest = [cluster.nodes[0], cluster.nodes[2], newcomer]
                try await Self.expectEverything(data, writer, through: rest)
            }
        }

        @Test func growthFinishesAlthoughTheNewcomerIsKilledInTheMiddle() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 400)
                try await data.store(through: cluster.first)
                let writer = JournaledWriter(cluster.nodes.map(\.endpoint))
                await writer.start()

                let newcomer = try await cluster.startNewcomer("n4")
                let staged = try await cluster.quire(["cluster", "join", newcomer.peer])
                try #require(staged.status == 0, "\(staged.testDescription)")
                let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
                let committed = try await cluster.quire(["cluster", "commit", "--plan", plan.plan])
                try #require(committed.status == 0, "\(committed.testDescription)")
                try await eventually("some replicas have moved, and not all", every: .milliseconds(10)) {
                    let report: TransferAPI.Report = try await cluster.answer(["cluster", "transfers"])
                    return report.replicasDone > 0
                }
                await newcomer.kill()
                let halted = try await cluster.status()
                #expect(try #require(halted.change).isFinished == false, "the kill came too late to prove anything")
                try await writer.waitForProgress("writes and reads while the newcomer is down")

                try await newcomer.start()
                let change: TransferAPI.Report = try await cluster.answer(
                    ["cluster", "watch", "--timeout", "120"],
                    within: .seconds(130)
                )
                #expect(change.change?.isFinished == true)
                await writer.stop()
                #expect(await writer.failures == [])
                #expect(await writer.staleReads == [])
                try await Self.expectEverything(data, writer, in: cluster, with: newcomer)
            }
        }

        /// 256 partitions times 3 replicas over 4 instead of 3 nodes: 192 of them have to move, and no more do.
        private static func joinIsPlannedAsTheMinimum(
            _ newcomer: ClusterNode,
            in cluster: ProcessCluster
        ) async throws {
            let staged: ClusterAPI.Status = try await cluster.answer(["cluster", "join", newcomer.peer])
            #expect(staged.staged.map(\.name) == ["n4"])
            let pending = try await cluster.quire(["cluster", "plan", "--detailed-exitcode"])
            #expect(pending.status == 2, "\(pending.testDescription)")
            let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
            #expect(plan.movedReplicas == 192)
            #expect(plan.movedReplicasMinimum == 192)
            #expect(plan.nodes.map(\.tokensAfter) == [64, 64, 64, 64])
            #expect(plan.nodes.map(\.replicasAfter) == [192, 192, 192, 192])
            #expect(plan.nodes.first { $0.name == "n4" }?.incoming == 192)

            let stale = try await cluster.quire(["cluster", "commit", "--plan", "not-the-plan"])
            #expect(stale.status == 5, "\(stale.testDescription)")
            #expect(stale.err.contains("plan"))
            #expect(try await cluster.status().change == nil, "a refused commit began a change")
        }

        private static func commit(in cluster: ProcessCluster) async throws {
            let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
            #expect(plan.movedReplicas == plan.movedReplicasMinimum)
            let status: ClusterAPI.Status = try await cluster.answer(["cluster", "commit", "--plan", plan.plan])
            #expect(status.change?.plan == plan.plan)
            let watched: TransferAPI.Report = try await cluster.answer(
                ["cluster", "watch", "--timeout", "120"],
                within: .seconds(130)
            )
            let change = try #require(watched.change)
            #expect(change.plan == plan.plan)
            #expect(change.isFinished)
            #expect(change.movedReplicas == plan.movedReplicas)
            #expect(watched.moves.isEmpty)
        }

        private static func expectEverything(
            _ data: Dataset,
            _ writer: JournaledWriter,
            in cluster: ProcessCluster,
            with newcomer: ClusterNode
        ) async throws {
            try await self.expectEverything(data, writer, through: cluster.nodes + [newcomer])
        }

        private static func expectEverything(
            _ data: Dataset,
            _ writer: JournaledWriter,
            through nodes: [ClusterNode]
        ) async throws {
            for node in nodes {
                #expect(try await data.differences(through: node) == [], "through \(node.name)")
                let connection = try await node.connect()
                #expect(try await writer.lost(through: connection) == [], "through \(node.name)")
                await connection.close()
            }
        }
    }
}
