import ArgumentParser
import QuireWire

/// `quire cluster init`: the first layout.
struct ClusterInit: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Create a cluster of the node that is asked and the named peers.",
        discussion: """
            Example: quire cluster init --peer 10.0.0.2:7381 --peer 10.0.0.3:7381

            The number of partitions is fixed for the life of the cluster.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Peer address HOST:PORT of another first member; repeat for more.")
    var peer: [String] = []

    @Option(name: .long, help: "Q, a power of two in 8...4096.")
    var partitions = 256

    @Option(name: .long, help: "N, replicas of each partition.")
    var replicas = 3

    @Option(name: .long, help: "R, replicas that answer a read.")
    var readQuorum = 2

    @Option(name: .long, help: "W, replicas that have stored a write before it is acknowledged.")
    var writeQuorum = 2

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The smallest W that a request may ask for; without, the cluster's W.",
            discussion: "A snapshot's promise and a change of rows reckon with the smallest W: it costs them time."
        )
    )
    var minWriteQuorum: Int?

    var format: OutputFormat { self.output.output }

    func validate() throws {
        guard (8...4096).contains(self.partitions), self.partitions.nonzeroBitCount == 1 else {
            throw ValidationError("--partitions must be a power of two in 8...4096, not \(self.partitions).")
        }
        guard (1...7).contains(self.replicas) else {
            throw ValidationError("--replicas must be in 1...7, not \(self.replicas).")
        }
        guard (1...self.replicas).contains(self.readQuorum), (1...self.replicas).contains(self.writeQuorum) else {
            throw ValidationError("--read-quorum and --write-quorum must be in 1...\(self.replicas).")
        }
        guard (1...self.writeQuorum).contains(self.minWriteQuorum ?? 1) else {
            throw ValidationError("--min-write-quorum must be in 1...\(self.writeQuorum), at most --write-quorum.")
        }
    }

    func run() async throws {
        let request = ClusterAPI.InitRequest(
            peers: self.peer,
            partitions: self.partitions,
            replicas: self.replicas,
            readQuorum: self.readQuorum,
            writeQuorum: self.writeQuorum,
            minWriteQuorum: self.minWriteQuorum
        )
        let status: ClusterAPI.Status = try await self.node.api.post("/v1/cluster/init", request)
        try Report.result(status, as: self.format) { StatusText(status).rendered() }
    }
}
