import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// Replicas converge without anybody reading (Dynamo §4.7).
    @Suite struct RepairTests {
        @Test func aReplicaThatWasAwayCatchesUpByItself() async throws {
            try await ProcessCluster.run { cluster in
                let away = cluster.nodes[2]
                try await Self.put(0..<50, through: cluster.first)
                await away.kill()
                try await Self.put(50..<300, through: cluster.first)
                try await away.start()
                try await away.waitUntilReady()
                try await eventually("it has got what it missed, and nobody asked for that") {
                    let report: BackgroundAPI.Report = try await cluster.answer(["cluster", "background"])
                    let own = report.members.first { $0.name == away.name }?.work?.repair
                    return (own?.keysRepaired ?? 0) >= 250 && own?.urgentPairs == 0
                }
                // Compared once more, nothing differs: the replicas are equal, not only equally many.
                let before: BackgroundAPI.Report = try await cluster.answer(["cluster", "repair"])
                let after: BackgroundAPI.Report = try await cluster.answer(["cluster", "repair"])
                for (earlier, later) in zip(before.members, after.members) {
                    let was = try #require(earlier.work?.repair)
                    let work = try #require(later.work?.repair)
                    #expect(work.urgentPairs == 0)
                    #expect(work.pairs == cluster.shape.partitions * 2)
                    #expect(work.comparisons >= was.comparisons + work.pairs)
                    #expect(work.keysRepaired == was.keysRepaired, "\(later.name) found differences again")
                }
            }
        }

        /// Dynamo §4.6: two of three owners dead, puts with W=2 succeed; the owners have the data after they return,
        /// and the stand-ins keep nothing.
        @Test func standInsHandOverWhatTheyHeldWhenTheOwnersReturn() async throws {
            try await ProcessCluster.run(.init(nodes: 5)) { cluster in
                let away = Array(cluster.nodes.suffix(2))
                for node in away { await node.kill() }
                try await eventually("the others know that they are down") {
                    try await cluster.status().members.count { !$0.isUp } == 2
                }
                try await Self.put(0..<200, through: cluster.first)
                try await eventually("somebody holds hints") { try await Self.hintsHeld(in: cluster) > 0 }
                for node in away { try await node.start() }
                for node in away { try await node.waitUntilReady() }
                try await eventually("every hint is delivered") { try await Self.hintsHeld(in: cluster) == 0 }
                let report: BackgroundAPI.Report = try await cluster.answer(["cluster", "background"])
                #expect(report.members.reduce(0) { $0 + ($1.work?.hints.dropped ?? 0) } > 0)
                // Compared twice, nothing differs the second time: all replicas are equal.
                let first: BackgroundAPI.Report = try await cluster.answer(["cluster", "repair"])
                let again: BackgroundAPI.Report = try await cluster.answer(["cluster", "repair"])
                for (before, after) in zip(first.members, again.members) {
                    #expect(before.work?.repair.keysRepaired == after.work?.repair.keysRepaired, "\(after.name)")
                }
            }
        }

        /// Over all members that answer; at least 1 while one that runs does not.
        private static func hintsHeld(in cluster: ProcessCluster) async throws -> Int {
            let report: BackgroundAPI.Report = try await cluster.answer(["cluster", "background"])
            var held = 0
            for member in report.members {
                if let work = member.work {
                    held += work.hints.held
                } else if let node = cluster.nodes.first(where: { $0.name == member.name }), await node.isRunning {
                    held += 1
                }
            }
            return held
        }

        @Test func operatorsSeeWhatBackgroundWorkIsAllowedAndWhy() async throws {
            try await ProcessCluster.run { cluster in
                let report: BackgroundAPI.Report = try await cluster.answer(["cluster", "background"])
                for member in report.members {
                    let work = try #require(member.work, "\(member.name)")
                    #expect(work.admission.targetMilliseconds == 50)
                    #expect(work.admission.share > 0 && work.admission.share <= 1)
                    #expect(!work.admission.reason.isEmpty)
                    #expect(work.hints.held == 0)
                }
                let text = try await cluster.quire(["cluster", "background"])
                #expect(text.status == 0)
                for node in cluster.nodes { #expect(text.out.contains(node.name)) }
            }
        }

        @Test func repairNamesTheMemberThatItCouldNotAsk() async throws {
            try await ProcessCluster.run { cluster in
                await cluster.nodes[1].kill()
                try await eventually("the others know that it is down") {
                    try await !cluster.status().members.allSatisfy(\.isUp)
                }
                let outcome = try await cluster.quire(["cluster", "repair"])
                #expect(outcome.status == 1)
                #expect(outcome.err.contains(cluster.nodes[1].name))
            }
        }

        private static func put(_ numbers: Range<Int>, through node: ClusterNode) async throws {
            let connection = try await node.connect()
            for number in numbers {
                let reply = try await connection.send(["SET", "key:\(number)", "value of \(number)"])
                try #require(reply == .status("OK"), "SET key:\(number)")
            }
            await connection.close()
        }
    }
}
