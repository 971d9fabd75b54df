import Foundation
import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// Snapshots of a running cluster, restored into another one of another shape.
    @Suite struct ArchiveTests {
        private let smaller = ProcessCluster.Shape(nodes: 2, partitions: 64, replicas: 2)

        @Test func aSnapshotHoldsEveryKeyAndRestoresIntoAClusterOfAnotherShape() async throws {
            try await ProcessCluster.run { source in
                let data = Dataset(count: 300)
                try await data.store(through: source.first)
                let connection = try await source.first.connect()
                _ = try await connection.send(["SET", "gone", "soon"])
                _ = try await connection.send(["DEL", "gone"])
                await connection.close()
                let repository = RepositoryFolder(path: source.folder("repository"))
                let id = try await Self.snapshot(of: source, into: repository, keys: 300)

                try await ProcessCluster.run(self.smaller) { target in
                    let restored = try await repository.restore(id, into: target)
                    try #require(restored.status == 0, "\(restored.testDescription)")
                    for node in target.nodes { #expect(try await data.differences(through: node) == []) }
                    try await Self.expectEqual(source, target)
                }
                try await Self.secondSnapshotReusesWhatHasNotChanged(source, repository)
            }
        }

        @Test func oneFlippedByteIsNamedByVerifyAndRestoreAndNothingIsRestored() async throws {
            try await ProcessCluster.run(.single) { source in
                let data = Dataset(count: 60)
                try await data.store(through: source.first)
                let repository = RepositoryFolder(path: source.folder("repository"))
                let id = try await repository.create(of: source).snapshot ?? ""
                let object = try #require(try repository.objects().last)
                let snapshot = "snapshots/\(id)"
                try await ProcessCluster.run(.single) { target in
                    for (file, position) in [
                        (object, 0.0), (object, 0.5), (object, 1.0), ("\(snapshot)/manifest.json", 0.3),
                        ("\(snapshot)/manifest.json", 0.9), ("\(snapshot)/SHA256SUMS", 0.5),
                        ("\(snapshot)/layout.json", 0.5),
                    ] {
                        try await repository.damaging(file, at: position) {
                            try await Self.expectRefusal(of: id, naming: file, repository, target)
                        }
                    }
                    try await Self.expectIntact(id, repository)
                    let restored = try await repository.restore("latest", into: target)
                    #expect(restored.status == 0, "\(restored.testDescription)")
                    try await Self.expectEqual(source, target)
                }
            }
        }

        @Test func stockToolsShowTheRowsOfAPartitionWithoutQuire() async throws {
            try await ProcessCluster.run(.single) { source in
                let connection = try await source.first.connect()
                var expected: [Int: Set<String>] = [:]
                for index in 0..<40 {
                    let key = "plain-\(index)"
                    _ = try await connection.send(["SET", key, "value of \(index)"])
                    let place: ClusterAPI.Location = try await source.answer(["cluster", "locate", key])
                    expected[place.partition, default: []].insert("\(key)\tvalue of \(index)")
                }
                await connection.close()
                let repository = RepositoryFolder(path: source.folder("repository"))
                let id = try await repository.create(of: source).snapshot ?? ""

                let script = "\(Program.repository)/Archives/restore-by-hand"
                #expect(expected.count > 1)
                for (partition, rows) in expected.sorted(by: { $0.key < $1.key }) {
                    let shown = try await Program.succeed(script, [repository.path, id, "\(partition)"])
                    #expect(Set(shown.out.split(separator: "\n").map(String.init)) == rows)
                }
                let all = try await Program.succeed(script, [repository.path, "latest", "all"])
                #expect(
                    Set(all.out.split(separator: "\n").map(String.init)) == expected.values.reduce([]) { $0.union($1) }
                )
            }
        }

        private static func snapshot(
            of cluster: ProcessCluster,
            into repository: RepositoryFolder,
            keys: Int
        ) async throws -> String {
            let status = try await repository.create(of: cluster)
            #expect(status.state == .succeeded)
            #expect(status.promise == "quorum")
            let id = try #require(status.snapshot)
            let listed = try await repository.list()
            #expect(listed.map(\.id) == [id])
            #expect(listed.first?.state == "complete")
            let shown = try await repository.show(String(id.prefix(12)))
            #expect(shown.id == id)
            #expect(shown.promise == "quorum")
            #expect(shown.liveKeys == keys)
            #expect(shown.objects == (try repository.objects().count))
            try await self.expectIntact(id, repository)
            return id
        }

        private static func secondSnapshotReusesWhatHasNotChanged(
            _ source: ProcessCluster,
            _ repository: RepositoryFolder
        ) async throws {
            let before = try repository.objects()
            let connection = try await source.first.connect()
            _ = try await connection.send(["SET", "data/0", "changed"])
            await connection.close()
            let second = try await repository.create(of: source)
            let id = try #require(second.snapshot)
            let shown = try await repository.show(id)
            #expect(shown.reusedObjects == before.count - 1)
            #expect(try repository.objects().count == before.count + 1)
            #expect(try await repository.list().count == 2)
            try await self.expectIntact(id, repository)
        }

        private static func expectIntact(_ id: String, _ repository: RepositoryFolder) async throws {
            let outcome = try await repository.verify(id)
            try #require(outcome.status == 0, "\(outcome.testDescription)")
            let verification: RepositoryFolder.Verification = try outcome.json()
            #expect(verification.isIntact)
            #expect(verification.findings == [])
            #expect(verification.objects > 0)
        }

        private static func expectRefusal(
            of id: String,
            naming file: String,
            _ repository: RepositoryFolder,
            _ target: ProcessCluster
        ) async throws {
            let name = URL(fileURLWithPath: file).lastPathComponent
            let verified = try await repository.verify(id)
            #expect(verified.status == 1, "\(verified.testDescription)")
            #expect((verified.out + verified.err).contains(name), "\(verified.testDescription)")
            let restored = try await repository.restore(id, into: target)
            #expect(restored.status == 1, "damaged \(file): \(restored.testDescription)")
            #expect((restored.out + restored.err).contains(name), "\(restored.testDescription)")
            let connection = try await target.first.connect()
            #expect(try await connection.send(["DBSIZE"]) == .integer(0), "something of a damaged snapshot is served")
            await connection.close()
        }

        private static func expectEqual(_ source: ProcessCluster, _ target: ProcessCluster) async throws {
            struct Tally: Decodable {
                var sourceKeys: Int
                var targetKeys: Int
                var equal: Int
            }
            let outcome = try await Program.quire(
                "kv",
                "compare",
                "--source",
                source.nodes.map(\.proxy).joined(separator: ","),
                "--target",
                target.nodes.map(\.proxy).joined(separator: ","),
                "--output",
                "json"
            )
            try #require(outcome.status == 0, "\(outcome.testDescription)")
            let tally: Tally = try outcome.json()
            #expect(tally.equal == tally.sourceKeys)
            #expect(tally.equal == tally.targetKeys)
            #expect(tally.equal > 0)
        }
    }
}
