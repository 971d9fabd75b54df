import Foundation
import QuireClient
import QuireWire
import Testing

extension EndToEndTests {
    /// What an operator does wrong is told in a sentence with the remedy; nothing is changed.
    @Suite struct OperatorErrorTests {
        @Test func aPortInUseIsNamedAndTheNodeEndsWithOne() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                for (option, port) in [
                    ("--proxy-port", cluster.first.ports.proxy), ("--peer-port", cluster.first.ports.peer),
                    ("--http-port", cluster.first.ports.http),
                ] {
                    var ports = ["--proxy-port": 0, "--peer-port": 0, "--http-port": 0]
                    ports[option] = port
                    let arguments = ports.sorted { $0.key < $1.key }.flatMap { [$0.key, "\($0.value)"] }
                    let outcome = try await Self.start(cluster, data: cluster.folder("second"), arguments)
                    #expect(outcome.status == 1, "\(outcome.testDescription)")
                    #expect(outcome.err.contains("port \(port)"), "\(outcome.testDescription)")
                    #expect(outcome.err.contains(option), "the remedy is missing: \(outcome.testDescription)")
                }
                #expect(await cluster.first.isRunning)
            }
        }

        @Test func aDataDirectoryInUseIsNamedAndTheNodeEndsWithOne() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let outcome = try await Self.start(cluster, data: cluster.first.data, Self.anyPorts)
                #expect(outcome.status == 1, "\(outcome.testDescription)")
                #expect(outcome.err.contains(cluster.first.data), "\(outcome.testDescription)")
                #expect(outcome.err.contains("another process"), "\(outcome.testDescription)")
                #expect(await cluster.first.isRunning)
            }
        }

        @Test func freePortsAreTakenAndToldWhenNoneAreNamed() async throws {
            let folder = try TemporaryFolder()
            defer { folder.remove() }
            try await Program.succeed(Program.quire, ["cluster", "key", "--out", folder("key")])
            let log = folder("log")
            let node = try ChildProcess(
                Program.quire,
                ["node", "start", "--data", folder("data"), "--cluster-key-file", folder("key")] + Self.anyPorts,
                output: log,
                errors: log
            )
            try await eventually("ports.json names ports that answer") {
                let bytes = try Data(contentsOf: URL(fileURLWithPath: folder("data/ports.json")))
                let ports = try JSONDecoder().decode(ClusterNode.Ports.self, from: bytes)
                return try HTTPProbe.status(of: "/livez", port: ports.http) == 200
                    && HTTPProbe.status(of: "/readyz", port: ports.http) == 503
            }
            await node.send(SIGTERM)
            #expect(await node.waitForEnd() == .exited(0))
        }

        @Test func aNodeOfAnotherClusterCannotJoin() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let data = Dataset(count: 10)
                try await data.store(through: cluster.first)
                // The same key and a data directory with a history: a member of a cluster of its own.
                let other = try await cluster.startNewcomer("other")
                let created = try await cluster.quire(
                    [
                        "cluster", "init", "--partitions", "8", "--replicas", "1", "--read-quorum", "1",
                        "--write-quorum", "1",
                    ],
                    at: other
                )
                try #require(created.status == 0, "\(created.testDescription)")
                try await Self.expectJoinRefused(other, by: cluster, saying: "belongs to cluster")
                #expect(try await cluster.status(at: other).members.map(\.name) == ["other"])
                #expect(try await data.differences(through: cluster.first) == [])
            }
        }

        @Test func aNodeWithAWrongClusterKeyCannotJoin() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let keyFile = cluster.folder("other.key")
                try await Program.succeed(Program.quire, ["cluster", "key", "--out", keyFile])
                let stranger = try await cluster.startNewcomer(
                    .init(name: "stranger", data: cluster.folder("stranger"), keyFile: keyFile)
                )
                try await Self.expectJoinRefused(stranger, by: cluster, saying: "cluster key")
                #expect(await stranger.isRunning)
                #expect(try await cluster.status(at: stranger).clusterID == nil)
            }
        }

        @Test func repositoriesThatCannotBeUsedAreNamed() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let missing = cluster.folder("nowhere")
                let foreign = cluster.folder("foreign")
                try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
                let marker = #"{"format":"somebody-elses","version":7,"minimumReader":7,"hash":"sha256"}"#
                try Data(marker.utf8).write(to: URL(fileURLWithPath: "\(foreign)/repo.json"))
                for path in [missing, foreign] {
                    for command in ["list", "show", "verify"] {
                        let outcome = try await Program.quire("snapshot", command, "--repository", path)
                        #expect(outcome.status == 1, "\(outcome.testDescription)")
                        #expect(outcome.err.contains(path), "\(outcome.testDescription)")
                    }
                    let restored = try await RepositoryFolder(path: path).restore("latest", into: cluster)
                    #expect(restored.status == 1, "\(restored.testDescription)")
                    #expect(restored.err.contains(path), "\(restored.testDescription)")
                }
                #expect(!FileManager.default.fileExists(atPath: missing), "a reader has made a repository")
                let created = try await cluster.quire(["snapshot", "create", "--repository", foreign])
                #expect(created.status == 1, "\(created.testDescription)")
                #expect(created.err.contains("format"), "\(created.testDescription)")
                let left = try FileManager.default.contentsOfDirectory(atPath: foreign)
                #expect(left == ["repo.json"])
                #expect(await cluster.first.isRunning)
            }
        }

        @Test func membershipStepsOfANodeWithoutAClusterSayWhatToDo() async throws {
            try await ProcessCluster.run(.single) { (cluster) async throws -> Void in
                let loner = try await cluster.startNewcomer("loner")
                for arguments in [["cluster", "plan"], ["cluster", "leave", "n1"], ["cluster", "watch"]] {
                    let outcome = try await cluster.quire(arguments, at: loner)
                    #expect(outcome.status == 1, "\(outcome.testDescription)")
                    #expect(outcome.err.contains("quire cluster init"), "\(outcome.testDescription)")
                }
                let connection = try await loner.connect()
                let reply = try await connection.sendAll([["SET", "a", "b"].map { Array($0.utf8) }])
                guard case .error(code: "NOTREADY", _)? = reply.first else {
                    Issue.record("a node without a cluster answered \(reply)")
                    return
                }
                await connection.close()
            }
        }

        private static let anyPorts = ["--proxy-port", "0", "--peer-port", "0", "--http-port", "0"]

        private static func start(
            _ cluster: ProcessCluster,
            data: String,
            _ ports: [String]
        ) async throws -> Outcome {
            try await Program.run(
                Program.quire,
                ["node", "start", "--data", data, "--cluster-key-file", cluster.keyFile] + ports,
                within: .seconds(20)
            )
        }

        private static func expectJoinRefused(
            _ node: ClusterNode,
            by cluster: ProcessCluster,
            saying words: String
        ) async throws {
            let outcome = try await cluster.quire(["cluster", "join", node.peer])
            #expect(outcome.status == 1, "\(outcome.testDescription)")
            #expect(outcome.err.contains(words), "\(outcome.testDescription)")
            #expect(try await cluster.status().staged == [])
            #expect(try await cluster.status().members.count == 1)
        }
    }
}
