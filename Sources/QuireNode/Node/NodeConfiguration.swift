import QuireCore

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
        valueBytesMax: Int = 1 << 20
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
    }
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
