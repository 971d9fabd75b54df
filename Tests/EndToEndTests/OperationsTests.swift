import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// What an operator does to a planned change while it runs and after it: pause, throttle, abort, undo, replace.
    @Suite struct OperationsTests {
        /// `quire cluster layout`: what these tests need of it.
        private struct Rows: Decodable, Equatable {
            /// Ids of the replicas of each partition, token holder first.
            let rows: [[String]]

            /// Who holds each partition, whoever its token has, with another node in one's place.
            func holders(_ newcomer: String? = nil, insteadOf old: String? = nil) -> [Set<String>] {
                self.rows.map { row in Set(row.map { $0 == old ? newcomer ?? $0 : $0 }) }
            }
        }

        private let shape = ProcessCluster.Shape(nodes: 3, partitions: 32)

        @Test func aPausedChangeStandsStillAndNoOtherBeginsMeanwhile() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 600)
                try await data.store(through: cluster.first)
                let writer = JournaledWriter(cluster.nodes.map(\.endpoint))
                await writer.start()
                let newcomer = try await Self.beginSlowJoin(in: cluster)

                let paused: ClusterAPI.Status = try await cluster.answer(["cluster", "pause"])
                #expect(try #require(paused.change).state == "paused")
                try await Self.expectNoOtherChange(in: cluster)
                let staged = try await cluster.status()
                try await writer.waitForProgress("writes and reads while the change is paused")
                await writer.stop()
                #expect(await writer.failures == [])
                #expect(await writer.staleReads == [])
                let later = try await cluster.status()
                #expect(later.change?.state == "paused")
                #expect(later.change?.copiedReplicas == paused.change?.copiedReplicas)
                #expect(later.layoutVersion == staged.layoutVersion, "a step was decided although the change is paused")
                let transfers = try await cluster.quire(["cluster", "transfers"])
                #expect(transfers.out.contains("quire cluster resume"), "\(transfers.testDescription)")
                let watched = try await cluster.quire(["cluster", "watch", "--timeout", "1"])
                #expect(watched.status != 0)
                #expect(watched.err.contains("quire cluster resume"), "\(watched.testDescription)")

                let resumed: ClusterAPI.Status = try await cluster.answer(["cluster", "resume"])
                #expect(resumed.change?.state == "running")
                try await Self.finish(in: cluster)
                #expect(try await cluster.status().members.map(\.tokens) == [8, 8, 8, 8])
                #expect(try await data.differences(through: newcomer) == [])
            }
        }

        @Test func anAbortedJoinReturnsToTheRowsBefore() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 600)
                try await data.store(through: cluster.first)
                let before: Rows = try await cluster.answer(["cluster", "layout"])
                let newcomer = try await Self.beginSlowJoin(in: cluster)
                try await eventually("a replica has arrived, and not all", every: .milliseconds(20)) {
                    let report: TransferAPI.Report = try await cluster.answer(["cluster", "transfers"])
                    return report.replicasDone > 0
                }

                let aborted: ClusterAPI.Status = try await cluster.answer(["cluster", "abort"])
                #expect(aborted.change?.kind == "abort", "the change had ended before it could be taken back")
                try await Self.finish(in: cluster)
                let after: Rows = try await cluster.answer(["cluster", "layout"])
                #expect(after == before)
                #expect(try await cluster.status().members.map(\.name).sorted() == ["n1", "n2", "n3"])
                await newcomer.kill()
                for node in cluster.nodes {
                    #expect(try await data.differences(through: node) == [], "through \(node.name)")
                }
                let history: OperationsAPI.History = try await cluster.answer(["cluster", "history"])
                let entry = try #require(history.changes.first)
                #expect(history.changes.count == 1)
                #expect(entry.kind == "abort")
                #expect(entry.state == "finished")
                #expect(entry.outcome == "aborted")
                let text = try await cluster.quire(["cluster", "history"])
                #expect(text.out.contains("aborted"), "\(text.testDescription)")
            }
        }

        @Test func aFinishedChangeIsUndoneAndDoneAgainAlmostWithoutCopies() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 600)
                try await data.store(through: cluster.first)
                let before: Rows = try await cluster.answer(["cluster", "layout"])
                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.succeed(in: cluster, ["cluster", "join", newcomer.peer])
                let plan = try await Self.commit(in: cluster)
                let joined = try await Self.finish(in: cluster)
                #expect(joined.copiedReplicas == plan.movedReplicas)
                let grown: Rows = try await cluster.answer(["cluster", "layout"])
                #expect(grown != before)

                try await Self.succeed(in: cluster, ["cluster", "undo"])
                let undone = try await Self.finish(in: cluster)
                #expect(undone.kind == "undo")
                #expect(try await cluster.answer(["cluster", "layout"]) as Rows == before)
                #expect(undone.copiedBytes * 4 < joined.copiedBytes, "undo copied what was still there")
                try await Self.succeed(in: cluster, ["cluster", "undo"])
                try await Self.finish(in: cluster)
                #expect(try await cluster.answer(["cluster", "layout"]) as Rows == grown)
                #expect(try await data.differences(through: newcomer) == [])

                let history: OperationsAPI.History = try await cluster.answer(["cluster", "history"])
                #expect(history.changes.map(\.kind) == ["undo", "undo", "planned"])
                #expect(history.changes.map(\.outcome) == ["done", "done", "done"], "undone, and done again")
                let first = try #require(history.changes.last)
                #expect(first.plan == plan.plan)
                #expect(first.movedReplicas == plan.movedReplicas)
                #expect(first.movedReplicasMinimum == plan.movedReplicasMinimum)
                #expect(first.copiedReplicas == plan.movedReplicas)
                let ended = try #require(first.endedMilliseconds)
                #expect(try #require(first.beganMilliseconds) <= ended)
            }
        }

        @Test func aDeadNodeIsReplacedByANewOneAndNothingElseMoves() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 600)
                try await data.store(through: cluster.first)
                let before: Rows = try await cluster.answer(["cluster", "layout"])
                let dead = try #require(try await cluster.status().members.first { $0.name == "n2" }).id
                await cluster.nodes[1].kill()
                try await eventually("n1 sees that n2 is gone") {
                    try await cluster.status().members.contains { $0.name == "n2" && !$0.isUp }
                }
                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.succeed(in: cluster, ["cluster", "replace", "n2", "--with", newcomer.peer, "--lost"])

                // Neither the node that is gone for good nor what it may have held refuses its own replacement.
                let plan = try await Self.commit(in: cluster)
                #expect(plan.movedReplicas == 32)
                let nodesUp = plan.checks?.first { $0.name == "nodes-up" }
                #expect(try #require(nodesUp).result == .passed, "\(String(describing: nodesUp))")
                try await Self.finish(in: cluster)
                let status = try await cluster.status()
                #expect(status.members.map(\.name).sorted() == ["n1", "n3", "n4"])
                #expect(status.voters?.contains("n2") == false)
                let instead = try #require(status.members.first { $0.name == "n4" }).id
                let after: Rows = try await cluster.answer(["cluster", "layout"])
                #expect(after.holders() == before.holders(instead, insteadOf: dead))
                for node in [cluster.nodes[0], cluster.nodes[2], newcomer] {
                    #expect(try await data.differences(through: node) == [], "through \(node.name)")
                }
            }
        }

        @Test func aLeavingNodeThatDiesIsGivenUpByTheCommandThatTransfersName() async throws {
            var shape = self.shape
            shape.nodes = 4
            try await ProcessCluster.run(shape) { cluster in
                let data = Dataset(count: 600)
                try await data.store(through: cluster.first)
                try await Self.throttle(in: cluster)
                try await Self.succeed(in: cluster, ["cluster", "leave", "n4"])
                _ = try await Self.commit(in: cluster)
                await cluster.nodes[3].kill()
                try await Self.throttle(in: cluster, "unlimited", transfers: 8)

                let command = ["cluster", "give-up", "n4"]
                try await eventually("transfers name the command that resolves it") {
                    let report: TransferAPI.Report = try await cluster.answer(["cluster", "transfers"])
                    return report.moves.contains { $0.command == (["quire"] + command).joined(separator: " ") }
                }
                #expect(try await cluster.status().change?.isFinished == false)
                try await Self.succeed(in: cluster, command)
                try await Self.finish(in: cluster)
                #expect(try await cluster.status().members.map(\.name).sorted() == ["n1", "n2", "n3"])
                for node in cluster.nodes.dropLast() {
                    #expect(try await data.differences(through: node) == [], "through \(node.name)")
                }
            }
        }

        @Test func aFailedCheckRefusesTheCommitAndIsOverriddenByItsNameOnly() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.succeed(in: cluster, ["cluster", "join", newcomer.peer])
                await cluster.nodes[2].kill()
                try await eventually("n1 sees that n3 is gone") {
                    try await cluster.status().members.contains { $0.name == "n3" && !$0.isUp }
                }
                let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
                let commit = ["cluster", "commit", "--plan", plan.plan]
                for arguments in [commit, commit + ["--skip-check", "space"]] {
                    let refused = try await cluster.quire(arguments)
                    #expect(refused.status != 0, "\(refused.testDescription)")
                    for word in ["n3", "--skip-check nodes-up"] {
                        #expect(refused.err.contains(word), "\(refused.testDescription)")
                    }
                }
                let misnamed = try await cluster.quire(commit + ["--skip-check", "no-such-check"])
                #expect(misnamed.status != 0)
                #expect(misnamed.err.contains("nodes-up"), "the checks are not listed: \(misnamed.testDescription)")
                #expect(try await cluster.status().change == nil, "a refused commit began a change")

                try await Self.succeed(in: cluster, commit + ["--skip-check", "nodes-up"])
                try await cluster.nodes[2].start()
                try await Self.finish(in: cluster)
                #expect(try await cluster.status().members.count == 4)
            }
        }

        @Test func aThrottledChangeKeepsToItsLimit() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 600)
                try await data.store(through: cluster.first)
                _ = try await Self.beginSlowJoin(in: cluster)
                let slow = try await cluster.status()
                #expect(slow.bytesPerSecondMax == Self.slowBytesPerSecond)
                let started = ContinuousClock.now
                let copiedBefore = try await Self.bytesDone(in: cluster)
                try await eventually("something is copied at the low rate") {
                    try await Self.bytesDone(in: cluster) > copiedBefore
                }
                let copied = try await Self.bytesDone(in: cluster) - copiedBefore
                let seconds = Double((ContinuousClock.now - started).components.seconds + 1)
                // A second's worth may have been saved up, and one block be on its way.
                let allowed = Double(Self.slowBytesPerSecond) * (seconds + 1) + Double(1 << 20)
                #expect(Double(copied) <= allowed)
                #expect(try await cluster.status().change?.isFinished == false)
                try await Self.finish(in: cluster)
            }
        }

        // MARK: Parts

        private static let slowBytesPerSecond = 200_000

        private static func succeed(
            in cluster: ProcessCluster,
            _ arguments: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let outcome = try await cluster.quire(arguments)
            try #require(outcome.status == 0, "\(outcome.testDescription)", sourceLocation: sourceLocation)
        }

        private static func throttle(
            in cluster: ProcessCluster,
            _ bytesPerSecond: String = "\(Self.slowBytesPerSecond)",
            transfers: Int = 1
        ) async throws {
            try await self.succeed(
                in: cluster,
                ["cluster", "throttle", "--bytes-per-second", bytesPerSecond, "--transfers", "\(transfers)"]
            )
        }

        /// A join that takes long enough to do something to it.
        private static func beginSlowJoin(in cluster: ProcessCluster) async throws -> ClusterNode {
            let newcomer = try await cluster.startNewcomer("n4")
            try await self.throttle(in: cluster)
            try await self.succeed(in: cluster, ["cluster", "join", newcomer.peer])
            _ = try await self.commit(in: cluster)
            return newcomer
        }

        @discardableResult
        private static func commit(in cluster: ProcessCluster) async throws -> ClusterAPI.Plan {
            let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
            #expect(plan.movedReplicas == plan.movedReplicasMinimum)
            let status: ClusterAPI.Status = try await cluster.answer(["cluster", "commit", "--plan", plan.plan])
            #expect(status.change?.plan == plan.plan)
            return plan
        }

        /// Lets the change run as fast as it can, and waits for its end.
        @discardableResult
        private static func finish(in cluster: ProcessCluster) async throws -> ClusterAPI.Change {
            try await self.throttle(in: cluster, "unlimited", transfers: 8)
            let watched: TransferAPI.Report = try await cluster.answer(
                ["cluster", "watch", "--timeout", "120"],
                within: .seconds(130)
            )
            let change = try #require(watched.change)
            #expect(change.isFinished)
            #expect(watched.moves.isEmpty)
            return change
        }

        private static func expectNoOtherChange(in cluster: ProcessCluster) async throws {
            let running = try #require(try await cluster.status().change).plan
            _ = try await cluster.quire(["cluster", "leave", "n2"])
            for arguments in [["cluster", "plan"], ["cluster", "commit", "--plan", "another"]] {
                let refused = try await cluster.quire(arguments)
                #expect(refused.status != 0, "\(refused.testDescription)")
                #expect(refused.err.contains(running), "\(refused.testDescription)")
                #expect(refused.err.contains("quire cluster abort"), "\(refused.testDescription)")
            }
            #expect(try await cluster.status().change?.plan == running)
        }

        private static func bytesDone(in cluster: ProcessCluster) async throws -> Int {
            let report: TransferAPI.Report = try await cluster.answer(["cluster", "transfers"])
            return report.bytesDone
        }
    }
}
