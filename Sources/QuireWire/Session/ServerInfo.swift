import QuireCore

/// What a node tells its clients of itself, as it is when they connect.
package struct ServerInfo: Sendable, Hashable {
    /// Of Quire, not of the Redis whose protocol is spoken.
    package var version: String
    /// 40 hexadecimal digits, new at every start.
    package var runID: String
    package var nodeName: String
    package var port: Int
    package var connectedClients: Int
    package var uptimeSeconds: Int
    /// Live keys, if somebody has counted them lately.
    package var keyCount: Int?

    package init(
        version: String,
        runID: String,
        nodeName: String = "",
        port: Int,
        connectedClients: Int = 1,
        uptimeSeconds: Int = 0,
        keyCount: Int? = nil
    ) {
        self.version = version
        self.runID = runID
        self.nodeName = nodeName
        self.port = port
        self.connectedClients = connectedClients
        self.uptimeSeconds = uptimeSeconds
        self.keyCount = keyCount
    }

    /// The Redis whose features clients may expect; they gate on it.
    package static let redisVersion = "7.4.0"

    private struct Section {
        let name: String
        let lines: [(String, String)]
    }

    /// The answer to `INFO`.
    ///
    /// - Parameter names: Lower-case names of sections; empty for all.
    func text(sections names: Set<String>, _ facts: NodeFacts) -> String {
        let isAll = names.isEmpty || !names.isDisjoint(with: ["all", "everything", "default"])
        return self.sections(facts)
            .filter { isAll || names.contains($0.name.lowercased()) }
            .map { section in
                "# \(section.name)\r\n" + section.lines.map { "\($0.0):\($0.1)\r\n" }.joined()
            }
            .joined(separator: "\r\n")
    }

    private func sections(_ facts: NodeFacts) -> [Section] {
        [
            Section(
                name: "Server",
                lines: [
                    ("redis_version", Self.redisVersion), ("redis_mode", "standalone"), ("server_name", "quire"),
                    ("quire_version", self.version), ("quire_node", self.nodeName), ("run_id", self.runID),
                    ("tcp_port", "\(self.port)"), ("uptime_in_seconds", "\(self.uptimeSeconds)"),
                    ("uptime_in_days", "\(self.uptimeSeconds / 86400)"),
                ]
            ),
            Section(name: "Clients", lines: [("connected_clients", "\(self.connectedClients)")]),
            Section(
                name: "Persistence",
                lines: [("loading", "0"), ("aof_enabled", "1"), ("rdb_bgsave_in_progress", "0")]
            ),
            Section(
                name: "Replication",
                lines: [
                    ("role", "master"), ("connected_slaves", "0"), ("master_replid", self.runID),
                    ("master_repl_offset", "0"),
                ]
            ),
            Section(name: "Cluster", lines: [("cluster_enabled", "0")]),
            Section(
                name: "Routing",
                lines: [
                    ("layout_version", "\(facts.layout?.version.rawValue ?? 0)"),
                    ("client_requests_at_replica", "\(facts.routing.atReplica)"),
                    ("client_requests_elsewhere", "\(facts.routing.elsewhere)"),
                    ("puts_forwarded", "\(facts.routing.putsForwarded)"),
                    ("puts_taken_over", "\(facts.routing.putsTakenOver)"),
                ]
            ),
            Section(
                name: "Keyspace",
                lines: self.keyCount.map { [("db0", "keys=\($0),expires=0,avg_ttl=0")] } ?? []
            ),
        ]
    }
}
