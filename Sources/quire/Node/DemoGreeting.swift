import QuireNode
import QuireWire
import ServiceLifecycle

/// Makes the demo's nodes a cluster and says how to use it; ends when that is said.
struct DemoGreeting: Service {
    let configurations: [NodeConfiguration]
    let place: String
    let isTemporary: Bool

    /// Waits for the three, makes them a cluster, and says how to use it.
    func run() async throws {
        for configuration in self.configurations { try await Self.waitUntilLive(configuration) }
        let api = try NodeAPI("127.0.0.1:\(self.configurations[0].httpPort)")
        var status: ClusterAPI.Status = try await api.get("/v1/cluster")
        if status.clusterID == nil {
            let peers = self.configurations.dropFirst().map { "127.0.0.1:\($0.peerPort)" }
            let request = ClusterAPI.InitRequest(
                peers: peers,
                partitions: 64,
                replicas: 3,
                readQuorum: 2,
                writeQuorum: 2
            )
            status = try await api.post("/v1/cluster/init", request)
        }
        Console.out(StatusText(status).rendered())
        let first = self.configurations[0].proxyPort
        let node =
            self.configurations[0].httpPort == 7382 ? "" : " --node http://127.0.0.1:\(self.configurations[0].httpPort)"
        let proxy = first == 7379 ? "" : " --proxy 127.0.0.1:\(first)"
        Console.out(
            """

            Three nodes in one process; data in \(self.place)\(self.isTemporary ? " (removed at the end)" : "").
              redis-cli -p \(first) SET hello world
              redis-cli -p \(self.configurations[1].proxyPort) GET hello
              quire kv get hello\(proxy)
              quire cluster status\(node)
            Ctrl-C stops them.
            """
        )
    }

    private static func waitUntilLive(_ configuration: NodeConfiguration) async throws {
        let api = try NodeAPI("127.0.0.1:\(configuration.httpPort)")
        for _ in 0..<100 {
            do {
                _ = try await api.text("/livez")
                return
            } catch let failure as CommandFailure where failure.code == "unreachable" {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        throw CommandFailure(
            "not_live",
            "node \(configuration.name ?? "") did not come up within 10 s; see the log above"
        )
    }
}
