import QuireCore
import QuireWire

@testable import QuireClient

/// Several servers over one store, with a layout that they publish: each is a replica of some partitions.
struct LoopbackCluster {
    static let replicaCount = 3

    /// For machines that are busy: nothing is given up because it is slow.
    static let patient: QuireConfiguration = {
        var configuration = QuireConfiguration()
        configuration.connectTimeout = .seconds(60)
        configuration.readAttemptTimeout = .seconds(60)
        return configuration
    }()

    let servers: [LoopbackServer]
    let store: RecordStore

    static func start(_ count: Int = 5) async throws -> LoopbackCluster {
        let store = RecordStore()
        var servers: [LoopbackServer] = []
        for _ in 0..<count { servers.append(try await LoopbackServer.start(store: store)) }
        let cluster = LoopbackCluster(servers: servers, store: store)
        cluster.publish(version: 1)
        return cluster
    }

    /// - Parameters:
    ///   - members: Indices of the servers that are members.
    ///   - places: Indices of the servers that learn of it; all if `nil`.
    func publish(version: Int, members: [Int]? = nil, to places: [Int]? = nil) {
        let table = self.table(version: version, members: members ?? Array(self.servers.indices))
        for index in places ?? Array(self.servers.indices) { self.servers[index].publish(table) }
    }

    func table(version: Int, members indices: [Int], cluster: Character = "a") -> RoutingTable {
        let members = indices.map { index in
            let endpoint = Endpoint(host: "127.0.0.1", port: self.servers[index].port)
            return Member(
                id: NodeID(rawValue: UInt64(index)),
                name: "n\(index)",
                zone: "z",
                peer: endpoint,
                proxy: endpoint,
                http: endpoint
            )
        }
        let rows = (0..<8).map { partition in
            (0..<min(Self.replicaCount, members.count)).map { members[(partition + $0) % members.count].id }
        }
        let layout = Layout(
            clusterID: String(repeating: cluster, count: 32),
            version: LayoutVersion(version),
            partitionCount: PartitionCount(8)!,
            quorums: QuorumSettings(),
            members: members,
            rows: rows
        )
        return RoutingTable(layout) { $0.proxy }
    }

    /// Indices of the servers that hold a key when all are members.
    func replicas(of key: [UInt8]) -> [Int] {
        let table = self.table(version: 1, members: Array(self.servers.indices))
        return Key(key).map { table.replicas(of: $0).map { Int($0.id.rawValue) } } ?? []
    }

    func endpoint(_ index: Int) -> QuireEndpoint {
        QuireEndpoint(host: "127.0.0.1", port: self.servers[index].port)
    }

    /// A client that knows the layout already, and to whom no time passes.
    func client(
        seeds: [Int] = [0],
        configuration: QuireConfiguration = Self.patient,
        clock: ManualClock = ManualClock()
    ) async -> QuireClient {
        let client = QuireClient(
            seeds: seeds.map(self.endpoint),
            configuration: configuration,
            isPartitionAware: true,
            clock: clock,
            seed: 5
        )
        await client.refreshLayout()
        return client
    }

    func stop() async throws {
        for server in self.servers { try await server.stop() }
    }

    /// How many operations each server has been sent.
    var loads: [Int] { self.servers.map(\.operations.count) }
}
