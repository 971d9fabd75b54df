import ArgumentParser
import Foundation
import QuireWire

/// `quire cluster status`: the first thing to look at.
struct ClusterStatus: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the cluster as the asked node sees it."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Exit with 4 unless every member is up and nothing is quarantined.")
    var check = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.get("/v1/cluster")
        let text = StatusText(status)
        try Report.result(status, as: self.format) { text.rendered() }
        guard !self.check || text.concerns.isEmpty else {
            throw CommandFailure(
                "unhealthy",
                "not healthy: " + text.concerns.joined(separator: "; "),
                status: .unhealthy
            )
        }
    }
}

/// `quire cluster members`: who they are, and where they listen.
struct ClusterMembers: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "List the members and their addresses."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status = try await self.node.api.get("/v1/cluster")
        try Report.list(status.members, as: self.format) { StatusText(status).addressTable() }
    }
}

/// `quire cluster layout`: the decided value itself.
struct ClusterLayout: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "layout",
        abstract: "Print the decided layout as JSON: members, and the replica row of every partition."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        Console.out(try await self.node.api.text("/v1/cluster/layout").trimmingCharacters(in: .newlines))
    }
}

/// `quire cluster locate KEY`.
struct ClusterLocate: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "locate",
        abstract: "Show a key's slot, partition and replicas, token holder first."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The key.")
    var key: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let path = "/v1/cluster/locate?key=\(NodeAPI.escaped(self.key))"
        let location: ClusterAPI.Location = try await self.node.api.get(path)
        try Report.result(location, as: self.format) {
            "slot \(location.slot)  partition \(location.partition)  replicas "
                + location.replicas.joined(separator: ", ")
        }
    }
}
