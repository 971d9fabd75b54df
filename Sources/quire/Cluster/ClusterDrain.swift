import ArgumentParser
import QuireWire

/// `quire cluster drain NAME`: prepares a node for a stop.
struct ClusterDrain: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Prepare a member for maintenance: clients go elsewhere, and it hands on what only it has.",
        discussion: """
            The member answers clients with a retriable error, `/readyz` with 503, and the others ask it for nothing \
            that they can do without it; it keeps its replicas and takes part in everything else. The command waits \
            until it is safe to stop it. Membership stays as it is and nothing moves: for a node that goes for good, \
            use `quire cluster leave`.

            `quire cluster undrain NAME`, or a restart, ends it. Exit codes: 0 safe to stop; 6 not yet.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    @Option(name: .long, help: "How long to wait until it is safe to stop it; 0 returns at once.")
    var timeout = AgeArgument(seconds: 120)

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let api = try await self.node.api(of: self.name)
        var state: OperationsAPI.Drain = try await api.post("/v1/node/drain", [String: String]())
        let deadline = ContinuousClock.now + .seconds(self.timeout.seconds)
        while !state.isSafeToStop, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(200))
            state = try await api.get("/v1/node/drain")
        }
        let last = state
        try Report.result(last, as: self.format) { DrainText(last).rendered() }
        if !last.isSafeToStop { throw QuietExit(status: .timedOut) }
    }
}

/// `quire cluster undrain NAME`.
struct ClusterUndrain: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain",
        abstract: "End the maintenance of a member: it serves clients again."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let state: OperationsAPI.Drain = try await self.node.api(of: self.name).delete("/v1/node/drain")
        try Report.result(state, as: self.format) { DrainText(state).rendered() }
    }
}

/// A node under maintenance as a person reads it.
struct DrainText {
    let state: OperationsAPI.Drain

    init(_ state: OperationsAPI.Drain) {
        self.state = state
    }

    func rendered() -> String {
        let name = self.state.node
        guard self.state.isDraining else { return "\(name) serves clients." }
        guard !self.state.isSafeToStop else {
            return
                "\(name) refuses clients, holds nothing for others and has flushed its partitions: it is safe to stop.\n"
                + "Afterwards:  start it again, or `quire cluster undrain \(name)` if it was not stopped"
        }
        var lines = ["\(name) refuses clients, and is not yet safe to stop:"]
        switch self.state.hints {
        case nil: lines.append("  ! what it holds for others cannot be counted")
        case 0?: break
        case let count?:
            let why = self.state.blocker.map { " (\($0))" } ?? ""
            lines.append("  ! it holds \(Quantity.count(count)) writes for others\(why)")
        }
        if !self.state.isFlushed { lines.append("  ! it is still flushing its partitions") }
        return lines.joined(separator: "\n")
    }
}

extension NodeOptions {
    /// The API of a member, at the address that the asked node knows of it.
    func api(of name: String) async throws -> NodeAPI {
        let status: ClusterAPI.Status = try await self.api.get("/v1/cluster")
        guard let member = status.members.first(where: { $0.name == name || $0.id == name }) else {
            let names = status.members.map(\.name).sorted().joined(separator: ", ")
            throw CommandFailure("unknown_node", "no member is called \(name); members are \(names)")
        }
        return try NodeAPI(member.http)
    }
}
