import ArgumentParser
import QuireWire

/// `quire cluster join HOST:PORT …`: stages, moves nothing.
struct ClusterJoin: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Stage running nodes that belong to no cluster. Nothing moves before `commit`."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The newcomers' peer addresses, HOST:PORT.")
    var peers: [String]

    @Option(name: .long, help: "Their zone (default: the one they were started with).")
    var zone: String?

    @Option(name: .long, help: "Their share in relation to that of others, 1 to 10000 (default: 100).")
    var weight: Int?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var last: ClusterAPI.Status?
        for (index, peer) in self.peers.enumerated() {
            var request = OperationsAPI.StageRequest(.join, peer: peer)
            request.zone = self.zone
            request.weight = self.weight
            do {
                last = try await self.node.staged(request)
            } catch let failure as CommandFailure {
                guard index > 0 else { throw failure }
                let staged = self.peers.prefix(index).joined(separator: ", ")
                throw CommandFailure(
                    failure.code,
                    "\(peer): \(failure.message). Staged before that: \(staged); go on with the others, or drop all "
                        + "with `quire cluster clear`",
                    status: failure.status
                )
            }
        }
        if let last { try StagedText.report(last, self.node, as: self.format) }
    }
}

/// `quire cluster leave NAME`: stages, moves nothing.
struct ClusterLeave: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Stage the departure of a member. Nothing moves before `commit`.",
        discussion: """
            A member that answers hands over what it holds before it is dropped. One that is gone for good needs --lost: \
            what may be lost with it is told when it is staged, and again by `plan`.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    @Flag(name: .long, help: "It will not come back: nothing is awaited from it, and what only it has is given up.")
    var lost = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var request = OperationsAPI.StageRequest(.leave, node: self.name)
        request.isLost = self.lost
        try StagedText.report(try await self.node.staged(request), self.node, as: self.format)
    }
}

/// `quire cluster replace NAME --with HOST:PORT`: stages, moves nothing.
struct ClusterReplace: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Stage the replacement of a member by a running node that belongs to no cluster.",
        discussion: """
            The newcomer takes over exactly what the member holds; nothing else moves. A member that is gone for good \
            needs --lost: nothing is awaited from it then, and what only it has is given up. How much that may be is \
            told when it is staged, and again by `plan`.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    @Option(name: .customLong("with"), help: "The newcomer's peer address, HOST:PORT.")
    var newcomer: String

    @Option(name: .long, help: "The newcomer's zone (default: the one it was started with).")
    var zone: String?

    @Option(name: .long, help: "The newcomer's weight (default: the member's).")
    var weight: Int?

    @Flag(name: .long, help: "The member will not come back.")
    var lost = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var request = OperationsAPI.StageRequest(.replace, node: self.name, peer: self.newcomer)
        request.zone = self.zone
        request.weight = self.weight
        request.isLost = self.lost
        try StagedText.report(try await self.node.staged(request), self.node, as: self.format)
    }
}

/// `quire cluster set-weight NAME WEIGHT`: stages, moves nothing.
struct ClusterSetWeight: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-weight",
        abstract: "Stage another share of tokens and replicas for a member (100 is the default)."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    @Argument(help: "Its weight in relation to those of the others, 1 to 10000.")
    var weight: Int

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var request = OperationsAPI.StageRequest(.setWeight, node: self.name)
        request.weight = self.weight
        try StagedText.report(try await self.node.staged(request), self.node, as: self.format)
    }
}

/// `quire cluster set-zone NAME ZONE`: stages, moves nothing.
struct ClusterSetZone: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-zone",
        abstract: "Stage another failure domain for a member: replicas are spread over zones."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    @Argument(help: "Its zone.")
    var zone: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var request = OperationsAPI.StageRequest(.setZone, node: self.name)
        request.zone = self.zone
        try StagedText.report(try await self.node.staged(request), self.node, as: self.format)
    }
}

/// `quire cluster set-replicas N`: stages, moves nothing.
struct ClusterSetReplicas: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-replicas",
        abstract: "Stage another number of replicas of each partition, with the quorums that go with it."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "N, 1 to 7.")
    var replicas: Int

    @Option(name: [.customLong("read"), .customLong("read-quorum")], help: "R (default: the least that meets W).")
    var readQuorum: Int?

    @Option(name: [.customLong("write"), .customLong("write-quorum")], help: "W (default: a majority of N).")
    var writeQuorum: Int?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        var request = OperationsAPI.StageRequest(.setReplicas)
        request.replicas = self.replicas
        request.readQuorum = self.readQuorum
        request.writeQuorum = self.writeQuorum
        try StagedText.report(try await self.node.staged(request), self.node, as: self.format)
    }
}

/// `quire cluster clear`: forgets what is staged.
struct ClusterClear: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(commandName: "clear", abstract: "Drop all staged changes.")

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.delete("/v1/cluster/staged")
        try StagedText.report(status, self.node, as: self.format)
    }
}

/// What is staged, and the command that comes next.
enum StagedText {
    static func report(_ status: ClusterAPI.Status, _ node: NodeOptions, as format: OutputFormat) throws {
        try Report.result(status, as: format) {
            guard !status.staged.isEmpty else { return "Nothing is staged." }
            var lines = ["Staged:"] + status.staged.map(StatusText.line(of:))
            lines += (status.notes ?? []).map { "  ! " + $0 }
            return (lines + ["Next:  quire cluster plan\(PlanText.nodeOption(node.node))"]).joined(separator: "\n")
        }
    }
}

extension NodeOptions {
    func staged(_ request: OperationsAPI.StageRequest) async throws -> ClusterAPI.Status {
        try await self.api.post("/v1/cluster/stage", request)
    }

    func operated(_ request: OperationsAPI.OperationRequest) async throws -> ClusterAPI.Status {
        try await self.api.post("/v1/cluster/operation", request)
    }
}
