import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// What would hurt is refused with what to do instead, what an undo copies is shown before, and a node can be taken out
    /// of service without any change.
    @Suite struct MaintenanceTests {
        private let shape = ProcessCluster.Shape(nodes: 3, partitions: 32)

        @Test func anUndoIsShownBeforeItIsDone() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 2000)
                try await data.store(through: cluster.first)
                try await Self.stageJoin(of: "n4", in: cluster)
                let plan = try await Self.commit(in: cluster)
                try await Self.watchToTheEnd(in: cluster)
                let grown = try #require(try await cluster.status().change)
                #expect(grown.copiedBytes > 0)
                #expect(try #require(grown.undoUntilMilliseconds) > 0)

                let preview: OperationsAPI.UndoPreview = try await cluster.answer(["cluster", "undo", "--dry-run"])
                #expect(preview.plan == plan.plan)
                #expect(preview.replicas == plan.movedReplicas)
                try await eventually("all files are retired") {
                    let preview: OperationsAPI.UndoPreview = try await cluster.answer(["cluster", "undo", "--dry-run"])
                    return preview.replicasWithFiles == preview.replicas
                }
                try await Self.succeed(["cluster", "undo"], in: cluster)
                try await Self.watchToTheEnd(in: cluster)
                let history: OperationsAPI.History = try await cluster.answer(["cluster", "history"])
                #expect(history.changes.map(\.kind) == ["undo", "planned"])
                #expect(history.changes.map(\.outcome) == ["done", "undone"])
                #expect(history.changes[0].copiedBytes * 20 < history.changes[1].copiedBytes)
                for node in cluster.nodes { #expect(try await data.differences(through: node) == []) }
            }
        }

        @Test func whetherANodeIsLostMustBeSaidAndBeSo() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 400)
                try await data.store(through: cluster.first)
                let newcomer = try await cluster.startNewcomer("n4")
                try await Self.expectRefusal(
                    ["cluster", "replace", "n3", "--with", newcomer.peer, "--lost"],
                    in: cluster,
                    status: 5,
                    saying: "n3 answers"
                )
                await cluster.nodes[2].kill()
                try await eventually("the others see that n3 is away") {
                    try await cluster.status().members.contains { $0.name == "n3" && !$0.isUp }
                }
                try await Self.expectRefusal(["cluster", "leave", "n3"], in: cluster, status: 5, saying: "add --lost")
                let staged: ClusterAPI.Status = try await cluster.answer(
                    ["cluster", "replace", "n3", "--with", newcomer.peer, "--lost"]
                )
                let note = try #require(staged.notes?.first)
                #expect(note.contains("each has another live replica"))
                #expect(note.contains("no acknowledged write can be on lost nodes alone"))
                let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
                #expect(plan.warnings?.first == note)
                try await Self.succeed(["cluster", "clear"], in: cluster)
            }
        }

        @Test func refusalsHaveExitCodesOfTheirOwn() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                try await Self.stageJoin(of: "n4", in: cluster)
                await cluster.nodes[2].kill()
                let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
                let check = try #require(plan.checks?.first { $0.name == "nodes-up" })
                #expect(check.result == .failed)
                #expect(check.finding == "n3 does not answer")
                let commit = ["cluster", "commit", "--plan", plan.plan]
                try await Self.expectRefusal(commit, in: cluster, status: 4, saying: "--skip-check nodes-up")
                try await Self.expectRefusal(
                    commit + ["--skip-check", "everything"],
                    in: cluster,
                    status: 1,
                    saying: "the checks are no-other-change"
                )
                #expect(try await cluster.status().change == nil, "a refused commit began a change")
                try await Self.succeed(["cluster", "clear"], in: cluster)
                #expect(try await cluster.status().staged == [])
            }
        }

        @Test func aSnapshotThatIsTooOldRefusesTheCommit() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                try await Dataset(count: 20).store(through: cluster.first)
                try await Self.stageJoin(of: "n4", in: cluster)
                let unknown: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
                #expect(unknown.checks?.first { $0.name == "snapshot-age" }?.result == .unknown)
                let repository = cluster.folder("repository")
                try await Self.succeed(["snapshot", "create", "--repository", repository], in: cluster)
                try await eventually("another member knows of the snapshot") {
                    let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"], at: cluster.nodes[1])
                    return plan.checks?.first { $0.name == "snapshot-age" }?.result == .passed
                }
                try await eventually("the snapshot is older than a second") {
                    let plan: ClusterAPI.Plan = try await cluster.answer(
                        ["cluster", "plan", "--snapshot-age-max", "1s"]
                    )
                    return plan.checks?.first { $0.name == "snapshot-age" }?.result == .failed
                }
                try await Self.expectRefusal(
                    ["cluster", "commit", "--plan", unknown.plan, "--snapshot-age-max", "1s"],
                    in: cluster,
                    status: 4,
                    saying: "--skip-check snapshot-age"
                )
            }
        }

        @Test func aDrainedNodeRefusesClientsAndTheOthersServe() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 100)
                try await data.store(through: cluster.first)
                let node = cluster.nodes[1]
                let drained: OperationsAPI.Drain = try await cluster.answer(["cluster", "drain", "n2"])
                #expect(drained.isSafeToStop)
                #expect(try HTTPProbe.status(of: "/readyz", port: node.ports.http) == 503)
                #expect(try HTTPProbe.status(of: "/livez", port: node.ports.http) == 200)
                try await eventually("n2 refuses clients") {
                    try await Self.reply(to: ["GET", "k"], of: node).hasPrefix("TRYAGAIN")
                }
                try await eventually("the others know") {
                    let told = try await cluster.status().members.first { $0.name == "n2" }?.told
                    return told?.figures["draining"] == 1
                }
                #expect(try await data.differences(through: cluster.nodes[2]) == [])
                try await Self.succeed(["cluster", "undrain", "n2"], in: cluster)
                try await node.waitUntilReady()
                try await eventually("n2 serves again") {
                    try await !Self.reply(to: ["GET", "k"], of: node).hasPrefix("TRYAGAIN")
                }
            }
        }

        @Test func aSurvivorOfALostMajorityRecoversTheLogAndReplacesTheOthers() async throws {
            try await ProcessCluster.run(self.shape) { cluster in
                let data = Dataset(count: 100)
                try await data.store(through: cluster.first)
                let recover = ["cluster", "recover", "--lost", "n2", "--lost", "n3"]
                let before = try await cluster.status()
                let id = try #require(before.clusterID)
                try await Self.expectRefusal(
                    recover + ["--confirm", id],
                    in: cluster,
                    status: 1,
                    saying: "can be reached, so nothing of it is lost"
                )
                for node in cluster.nodes[1...] { await node.kill() }
                try await eventually("n1 sees that it is alone") {
                    try await cluster.status().members.count(where: \.isUp) == 1
                }
                let newcomer = try await cluster.startNewcomer("n4")
                let join = try await cluster.quire(["cluster", "join", newcomer.peer])
                #expect(join.status == 69, "\(join.testDescription)")
                #expect(join.err.contains("quire cluster recover"), "\(join.testDescription)")
                try await Self.expectRefusal(recover, in: cluster, status: 1, saying: "--confirm \(id.prefix(8))")
                #expect(try await cluster.status().layoutVersion == before.layoutVersion)

                let recovered: ClusterAPI.Status = try await cluster.answer(recover + ["--confirm", "\(id.prefix(8))"])
                #expect(recovered.voters == ["n1"])
                #expect(recovered.layoutVersion > before.layoutVersion)
                try await Self.succeed(
                    ["cluster", "replace", "n2", "--with", newcomer.peer, "--lost"],
                    in: cluster
                )
                try await Self.succeed(["cluster", "leave", "n3", "--lost"], in: cluster)
                _ = try await Self.commit(in: cluster)
                try await Self.watchToTheEnd(in: cluster)
                #expect(Set(try await cluster.status().members.map(\.name)) == ["n1", "n4"])
                #expect(try await data.differences(through: newcomer) == [])
            }
        }

        // MARK: Steps

        private static func stageJoin(of name: String, in cluster: ProcessCluster) async throws {
            let newcomer = try await cluster.startNewcomer(name)
            let staged: ClusterAPI.Status = try await cluster.answer(["cluster", "join", newcomer.peer])
            try #require(staged.staged.map(\.name) == [name])
        }

        private static func commit(in cluster: ProcessCluster) async throws -> ClusterAPI.Plan {
            let plan: ClusterAPI.Plan = try await cluster.answer(["cluster", "plan"])
            try await self.succeed(["cluster", "commit", "--plan", plan.plan], in: cluster)
            return plan
        }

        private static func watchToTheEnd(in cluster: ProcessCluster) async throws {
            let watched: TransferAPI.Report = try await cluster.answer(
                ["cluster", "watch", "--timeout", "120s"],
                within: .seconds(130)
            )
            #expect(watched.change?.isFinished == true)
        }

        private static func succeed(_ arguments: [String], in cluster: ProcessCluster) async throws {
            let outcome = try await cluster.quire(arguments)
            try #require(outcome.status == 0, "\(outcome.testDescription)")
        }

        private static func expectRefusal(
            _ arguments: [String],
            in cluster: ProcessCluster,
            status: Int32,
            saying words: String
        ) async throws {
            let outcome = try await cluster.quire(arguments)
            #expect(outcome.status == status, "\(outcome.testDescription)")
            #expect(outcome.err.contains(words), "\(outcome.testDescription)")
        }

        private static func reply(to command: [String], of node: ClusterNode) async throws -> String {
            let connection = try await node.connect()
            let replies = try await connection.sendAll([command.map { Array($0.utf8) }])
            await connection.close()
            guard case .error(let code, _)? = replies.first else { return "" }
            return code
        }
    }
}
