package import QuireCore

/// What a node needs to know before it starts.
package struct NodeConfiguration: Sendable {
    /// Holds everything the node stores; made when missing.
    package var dataDirectory: String
    /// For people; the node id's first digits when `nil`.
    package var name: String?
    package var zone: String
    /// The address that the node listens on and that others reach it by.
    package var host: String
    /// 0 takes any free port; the ports taken are written to `ports.json` in the data directory.
    package var proxyPort: Int
    package var peerPort: Int
    package var httpPort: Int
    /// The secret that all nodes of a cluster share; at least 16 bytes.
    package var clusterKey: [UInt8]
    package var loopCount: Int
    package var shardCount: Int
    package var valueBytesMax: Int
    /// Each replica is compared with each of its fellows once in this time.
    package var repairCycle: Duration
    /// Background work steps back when clients' p99 is above this.
    package var latencyTarget: Duration
    package var tombstones = TombstoneSettings()
    /// How long a finished change of capacity can be taken back; as long, files that moved away are kept.
    package var undoWindow = Duration.seconds(24 * 3600)
    /// Peer addresses at which other nodes of the cluster may be found (Dynamo §4.8.2).
    package var seeds: [Endpoint]

    package init(
        dataDirectory: String,
        name: String? = nil,
        zone: String = "default",
        host: String = "127.0.0.1",
        proxyPort: Int = 7379,
        peerPort: Int = 7381,
        httpPort: Int = 7382,
        clusterKey: [UInt8],
        loopCount: Int = 1,
        shardCount: Int = 2,
        valueBytesMax: Int = 1 << 20,
        repairCycle: Duration = .seconds(600),
        latencyTarget: Duration = .milliseconds(50),
        seeds: [Endpoint] = []
    ) {
        self.dataDirectory = dataDirectory
        self.name = name
        self.zone = zone
        self.host = host
        self.proxyPort = proxyPort
        self.peerPort = peerPort
        self.httpPort = httpPort
        self.clusterKey = clusterKey
        self.loopCount = loopCount
        self.shardCount = shardCount
        self.valueBytesMax = valueBytesMax
        self.repairCycle = repairCycle
        self.latencyTarget = latencyTarget
        self.seeds = seeds
    }
}

/// How deleted keys are forgotten, and how long files of partitions that moved away are kept.
package struct TombstoneSettings: Sendable {
    package var rules = TombstoneRules()
    /// How long after one pass the next one begins.
    package var interval = Duration.seconds(60)
    /// How long after the end of its move a former owner keeps a partition's file in `retired/`.
    package var retiredGrace = Duration.seconds(24 * 3600)

    package init() {}
}

/// Why a node cannot start or go on. The message says what to do.
package struct NodeError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case dataDirectoryInUse = "data_directory_in_use"
        case dataDirectoryUnusable = "data_directory_unusable"
        case portInUse = "port_in_use"
        case invalidConfiguration = "invalid_configuration"
        case wrongClusterKey = "wrong_cluster_key"
        case otherCluster = "other_cluster"
        case unreachable = "unreachable"
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}
