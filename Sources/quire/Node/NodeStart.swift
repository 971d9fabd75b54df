import ArgumentParser
import QuireCore
import QuireNode

/// `quire node start`: one node, until SIGTERM or SIGINT.
struct NodeStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Run a node in the foreground; SIGTERM or Ctrl-C stops it gracefully.",
        discussion: """
            A new data directory makes a new node, which serves nobody until it is part of a cluster: \
            `quire cluster init` creates one, `quire cluster join` adds the node to one. All nodes of a cluster \
            start with the same cluster key (`quire cluster key`).

            A port of 0 takes any free one; DATA/ports.json says which.

            A member may come back at other ports or another address: it tells the members that it still finds, \
            and they tell the others. If all may move at once, give each node the same `--seed`: the peer address \
            of one or more nodes that are always found.
            """
    )

    @Option(name: .long, help: "The node's data directory; created when missing.")
    var data: String

    @Option(name: .long, help: "Name, unique in the cluster (default: drawn once and kept in DATA).")
    var name: String?

    @Option(name: .long, help: "Failure domain; replicas are spread over zones.")
    var zone = "default"

    @Option(name: .long, help: "Address to listen at and to announce to the others.")
    var host = "127.0.0.1"

    @Flag(name: .long, help: "Listen beyond loopback although nothing is encrypted and clients need no password yet.")
    var trustNetwork = false

    @Option(name: .long, help: "Port for Redis clients.")
    var proxyPort = 7379

    @Option(name: .long, help: "Port for the other nodes.")
    var peerPort = 7381

    @Option(name: .long, help: "Port of the HTTP API.")
    var httpPort = 7382

    @Option(name: .long, help: "File with the cluster key, made by `quire cluster key --out FILE`.")
    var clusterKeyFile: String

    @Option(
        name: .customLong("seed"),
        help: ArgumentHelp("Peer address at which a node of the cluster may be found.", valueName: "host:port")
    )
    var seeds: [String] = []

    @Option(name: .long, help: "Storage threads; partition p is served by thread p mod SHARDS.")
    var shards = 2

    @Option(name: .long, help: "Event loops.")
    var loops = 2

    @Option(name: .long, help: "Largest value in bytes.")
    var maxValue = 1 << 20

    @Option(name: .long, help: "Seconds in which every replica is compared with its fellows once.")
    var repairCycle = 600

    @Option(name: .long, help: "Milliseconds of clients' p99 above which background work steps back.")
    var latencyTarget = 50
    @OptionGroup var tombstones: TombstoneOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How long a finished change of capacity can be taken back (default: as long as --retired-grace).",
            discussion: "The same on all nodes: the one that drives changes decides. Files that moved away are kept "
                + "as long, whatever --retired-grace says.",
            valueName: "24h"
        )
    )
    var undoWindow: AgeArgument?

    @Option(name: .long, help: "The least important messages to log.")
    var logLevel = LogLevel.info

    func validate() throws {
        for (option, port) in [
            ("--proxy-port", self.proxyPort), ("--peer-port", self.peerPort), ("--http-port", self.httpPort),
        ] where !(0...65_535).contains(port) {
            throw ValidationError("\(option) must be in 0...65535, not \(port).")
        }
        guard !["0.0.0.0", "::", "*", ""].contains(self.host) else {
            throw ValidationError(
                "--host \(self.host) is no address that the other nodes can reach: name one of this machine."
            )
        }
        let isLoopback = self.host.hasPrefix("127.") || ["::1", "localhost"].contains(self.host)
        guard isLoopback || self.trustNetwork else {
            throw ValidationError(
                "--host \(self.host) is not loopback, and nothing is encrypted yet: add --trust-network if everyone "
                    + "who reaches it may read and write everything."
            )
        }
        let named = [self.proxyPort, self.peerPort, self.httpPort].filter { $0 != 0 }
        guard Set(named).count == named.count else { throw ValidationError("The three ports must differ.") }
        for seed in self.seeds where Endpoint(seed) == nil {
            throw ValidationError("--seed '\(seed)' is not HOST:PORT.")
        }
        guard self.seeds.count <= SeedBook.countMax else {
            throw ValidationError("At most \(SeedBook.countMax) seeds; a few that are reliable are enough.")
        }
        for (option, text) in [("--name", self.name ?? ""), ("--zone", self.zone), ("--host", self.host)]
        where text.utf8.count > GossipEntry.textBytesMax {
            throw ValidationError("\(option) may have at most \(GossipEntry.textBytesMax) bytes.")
        }
        guard (1...64).contains(self.shards), (1...64).contains(self.loops) else {
            throw ValidationError("--shards and --loops must be in 1...64.")
        }
        guard (1...1 << 30).contains(self.repairCycle), (1...1 << 30).contains(self.latencyTarget) else {
            throw ValidationError("--repair-cycle and --latency-target must be at least 1.")
        }
        guard (1...64 << 20).contains(self.maxValue) else {
            throw ValidationError("--max-value must be in 1...\(64 << 20) bytes.")
        }
    }

    func run() async throws {
        var configuration = NodeConfiguration(
            dataDirectory: self.data,
            name: self.name,
            zone: self.zone,
            host: self.host,
            proxyPort: self.proxyPort,
            peerPort: self.peerPort,
            httpPort: self.httpPort,
            clusterKey: try ClusterKeyFile.read(self.clusterKeyFile),
            loopCount: self.loops,
            shardCount: self.shards,
            valueBytesMax: self.maxValue,
            repairCycle: .seconds(self.repairCycle),
            latencyTarget: .milliseconds(self.latencyTarget),
            seeds: self.seeds.compactMap { Endpoint($0) }
        )
        configuration.tombstones = self.tombstones.settings
        configuration.undoWindow =
            self.undoWindow.map { .seconds($0.seconds) } ?? configuration.tombstones.retiredGrace
        let logger = NodeGroup.logger("quire", level: self.logLevel)
        let node = try await NodeGroup.open(configuration, logger: logger)
        try await NodeGroup.run([node], logger: logger)
    }
}
