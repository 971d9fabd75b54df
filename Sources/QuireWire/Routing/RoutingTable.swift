package import QuireCore

/// What a client has to know of a layout to go straight to a replica (Dynamo §6.4): who the members are, where they
/// listen for clients, and which of them read and mint each partition.
///
/// Invariants: nodes have distinct ids; there is one row for each partition; a row names 1 to 7 distinct nodes.
package struct RoutingTable: Hashable, Sendable {
    /// A member as a client sees it.
    package struct Node: Hashable, Sendable {
        package let id: NodeID
        package let name: String
        package let zone: String
        /// Where it listens for Redis clients.
        package let endpoint: Endpoint

        package init(id: NodeID, name: String, zone: String, endpoint: Endpoint) {
            self.id = id
            self.name = name
            self.zone = zone
            self.endpoint = endpoint
        }
    }

    package let clusterID: String
    package let version: LayoutVersion
    package let partitionCount: PartitionCount
    package let quorums: QuorumSettings
    package let nodes: [Node]
    /// For each partition the positions of its replicas in `nodes`, token holder first.
    package let rows: [[Int]]

    /// - Precondition: the invariants hold.
    init(
        clusterID: String,
        version: LayoutVersion,
        partitionCount: PartitionCount,
        quorums: QuorumSettings,
        nodes: [Node],
        rows: [[Int]]
    ) {
        precondition(rows.count == partitionCount.rawValue, "\(rows.count) rows, Q=\(partitionCount.rawValue)")
        self.clusterID = clusterID
        self.version = version
        self.partitionCount = partitionCount
        self.quorums = quorums
        self.nodes = nodes
        self.rows = rows
    }

    /// The part of a valid layout that clients need.
    ///
    /// - Parameter endpoint: Where clients reach a member; the one place that decides it.
    package init(_ layout: Layout, endpoint: (Member) -> Endpoint) {
        let positions = Dictionary(uniqueKeysWithValues: layout.members.enumerated().map { ($1.id, $0) })
        self.init(
            clusterID: layout.clusterID,
            version: layout.version,
            partitionCount: layout.partitionCount,
            quorums: layout.quorums,
            nodes: layout.members.map { Node(id: $0.id, name: $0.name, zone: $0.zone, endpoint: endpoint($0)) },
            rows: layout.rows.map { row in row.compactMap { positions[$0] } }
        )
    }

    package func isReplica(_ node: NodeID, of key: Key) -> Bool {
        self.rows[self.partitionCount.partition(of: key).rawValue].contains { self.nodes[$0].id == node }
    }

    /// The replicas of a key, token holder first. Each of them can coordinate its reads and mint its writes.
    package func replicas(of key: Key) -> [Node] {
        self.rows[self.partitionCount.partition(of: key).rawValue].map { self.nodes[$0] }
    }
}
