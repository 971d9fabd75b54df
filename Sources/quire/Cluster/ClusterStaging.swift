import ArgumentParser
import QuireWire

/// `quire cluster join HOST:PORT`: stages, moves nothing.
struct ClusterJoin: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Stage a running node that belongs to no cluster. Nothing moves before `commit`."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The newcomer's peer address, HOST:PORT.")
    var peer: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.post(
            "/v1/cluster/join",
            ClusterAPI.JoinRequest(peer: self.peer)
        )
        try StagedText.report(status, as: self.format)
    }
}

/// `quire cluster leave NAME`: stages, moves nothing.
struct ClusterLeave: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Stage the departure of a member. Nothing moves before `commit`."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.post(
            "/v1/cluster/leave",
            ClusterAPI.LeaveRequest(node: self.name)
        )
        try StagedText.report(status, as: self.format)
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
        try StagedText.report(status, as: self.format)
    }
}

/// What is staged, and the command that comes next.
enum StagedText {
    static func report(_ status: ClusterAPI.Status, as format: OutputFormat) throws {
        try Report.result(status, as: format) {
            guard !status.staged.isEmpty else { return "Nothing is staged." }
            let lines = status.staged.map(StatusText.line(of:))
            return (["Staged:"] + lines + ["Next:  quire cluster plan"]).joined(separator: "\n")
        }
    }
}
