import Foundation
import QuireClient
import Testing

extension EndToEndTests {
    /// Clients that know Redis and nothing of Quire.
    @Suite struct ClientTests {
        @Test func redisCLISetsAndGetsThroughAnyNode() async throws {
            try await ProcessCluster.run { (cluster) async throws -> Void in
                let first = cluster.nodes[0]
                let last = cluster.nodes[2]
                #expect(try await Self.redis(first, "SET", "colour", "deep blue") == "OK")
                #expect(try await Self.redis(last, "GET", "colour") == "deep blue")
                #expect(try await Self.redis(last, "-3", "GET", "colour") == "deep blue")
                #expect(try await Self.redis(first, "MSET", "a", "1", "b", "22", "c", "333") == "OK")
                #expect(try await Self.redis(last, "MGET", "a", "b", "none", "c") == "1\n22\n\n333")
                #expect(try await Self.redis(last, "STRLEN", "c") == "3")
                #expect(try await Self.redis(last, "EXISTS", "a", "b", "none") == "2")
                #expect(try await Self.redis(first, "DBSIZE") == "4")
                #expect(try await Self.redis(first, "DEL", "a", "none") == "1")
                #expect(try await Self.redis(last, "EXISTS", "a") == "0")
                #expect(try await Self.redis(last, "DBSIZE") == "3")
                #expect(try await Self.redis(last, "PING") == "PONG")
                #expect(try await Self.redis(last, "ECHO", "hear me") == "hear me")
                #expect(try await Self.redis(last, "INFO", "server").contains("server_name:quire"))
            }
        }

        @Test func scanFindsEveryKey() async throws {
            try await ProcessCluster.run { (cluster) async throws -> Void in
                let data = Dataset(count: 300)
                try await data.store(through: cluster.nodes[1])
                let expected = Set(data.entries.map { String(decoding: $0.key, as: UTF8.self) })
                let scanned = try await Self.redis(cluster.nodes[2], "--scan")
                #expect(Set(scanned.split(separator: "\n").map(String.init)) == expected)
                let matching = try await Self.redis(cluster.nodes[0], "--scan", "--pattern", "data/1?")
                #expect(Set(matching.split(separator: "\n").map(String.init)) == Set((10...19).map { "data/\($0)" }))
                #expect(try await Self.redis(cluster.nodes[0], "DBSIZE") == "300")
            }
        }

        @Test(arguments: [[], ["-P", "16"]])
        func redisBenchmarkRunsToItsEnd(_ options: [String]) async throws {
            try await ProcessCluster.run { (cluster) async throws -> Void in
                let arguments =
                    ["-p", "\(cluster.first.ports.proxy)", "-t", "set,get", "-n", "2000", "-c", "10", "--csv"] + options
                let outcome = try await Program.succeed("redis-benchmark", arguments)
                let rows = outcome.out.split(separator: "\n").filter { $0.contains("SET") || $0.contains("GET") }
                #expect(rows.count == 2, "\(outcome.testDescription)")
                for row in rows {
                    let words = row.split(separator: ",").map { $0.filter { $0 != "\"" } }
                    #expect(words.count > 1 && Double(words[1]).map { $0 > 0 } == true, "\(row)")
                }
                #expect(!outcome.err.lowercased().contains("error"), "\(outcome.testDescription)")
                #expect(try await Self.redis(cluster.nodes[1], "EXISTS", "key:__rand_int__") == "1")
            }
        }

        @Test func redisPyWorks() async throws {
            let python = try await Self.pythonWithRedis()
            try await ProcessCluster.run { (cluster) async throws -> Void in
                let script = cluster.folder("client.py")
                try Data(Self.pythonScript.utf8).write(to: URL(fileURLWithPath: script))
                for version in ["2", "3"] {
                    let arguments = [script, version] + cluster.nodes.map { "\($0.ports.proxy)" }
                    let outcome = try await Program.succeed(python, arguments)
                    #expect(outcome.out == "all well\n")
                }
            }
        }

        private static let pythonScript = """
            import sys, redis
            version, ports = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]
            # Versions of redis-py before 5 speak RESP2 only and do not know the argument.
            options = {"protocol": version} if int(redis.__version__.split(".")[0]) >= 5 else {}
            clients = [redis.Redis(host="127.0.0.1", port=port, **options) for port in ports]
            first, last = clients[0], clients[-1]
            assert first.ping()
            value = bytes(range(256)) * 4
            assert first.set("bytes", value)
            assert last.get("bytes") == value
            assert last.get("nothing") is None
            assert first.mset({f"many:{index}": index for index in range(100)})
            assert last.mget([f"many:{index}" for index in range(100)]) == [str(index).encode() for index in range(100)]
            assert {key for key in last.scan_iter(match="many:*")} == {f"many:{index}".encode() for index in range(100)}
            with last.pipeline(transaction=False) as pipeline:
                for index in range(50):
                    pipeline.set(f"piped:{index}", index)
                assert all(pipeline.execute())
            assert first.exists("piped:0", "piped:49", "piped:50") == 2
            assert first.strlen("bytes") == 1024
            assert first.delete("bytes", "many:0", "nothing") == 2
            assert last.get("bytes") is None
            try:
                first.execute_command("NONSENSE")
                raise SystemExit("an unknown command was accepted")
            except redis.exceptions.ResponseError as error:
                assert "unknown command" in str(error), error
            assert first.ping()
            keys = [key for key in first.scan_iter()]
            assert last.delete(*keys) == len(keys)
            assert last.dbsize() == 0
            print("all well")
            """

        /// - Throws: when no interpreter on this machine has the module: that is to be installed, not skipped.
        private static func pythonWithRedis() async throws -> String {
            for python in ["python3", "/usr/bin/python3"] {
                // A name that does not exist is one that has no module.
                if let outcome = try? await Program.run(python, ["-c", "import redis"]), outcome.status == 0 {
                    return python
                }
            }
            throw SpawnFailure(
                program: "a Python with redis-py",
                reason: "no python3 can `import redis`: run Ops/install-packages, or apt-get install python3-redis"
            )
        }

        private static func redis(_ node: ClusterNode, _ words: String...) async throws -> String {
            let outcome = try await Program.succeed("redis-cli", ["-p", "\(node.ports.proxy)"] + words)
            return outcome.out.hasSuffix("\n") ? String(outcome.out.dropLast()) : outcome.out
        }
    }
}
