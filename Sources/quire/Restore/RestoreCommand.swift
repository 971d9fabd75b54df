import ArgumentParser
import QuireWire

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring a snapshot back into a cluster.",
        subcommands: [RestoreRun.self]
    )
}

/// `quire restore run`: asks a node to merge a snapshot into its cluster.
struct RestoreRun: AsyncParsableCommand, ReportingCommand {
    enum Mode: String, ExpressibleByArgument, CaseIterable {
        case merge
    }

    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Merge a snapshot into a running cluster of any size; newer data wins.",
        discussion: "Every byte of the snapshot is verified before the first record is written."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Id, the beginning of one, or `latest`.")
    var snapshot = "latest"

    @Option(name: .long, help: "How versions enter.")
    var mode = Mode.merge

    @Flag(name: .customLong("no-wait"), help: "Print the task's id and return at once.")
    var noWait = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let api = try self.node.api
        let request = TaskAPI.RestoreRequest(
            repository: self.repository.absolutePath,
            snapshot: self.snapshot,
            mode: self.mode.rawValue
        )
        let started: TaskAPI.Status = try await api.post("/v1/restores", request)
        guard !self.noWait else {
            return try Report.result(started, as: self.format) { "task \(started.id)" }
        }
        let status = try await TaskFollower(api: api, output: self.output).follow(started)
        let seconds = TaskFollower.seconds(of: status)
        try Report.result(status, as: self.format) {
            "restored snapshot \(status.snapshot ?? "?"): \(Quantity.count(status.records)) records, "
                + "\(Quantity.bytes(status.imageBytes)) of images in \(Quantity.duration(seconds: seconds)) "
                + "(\(Quantity.rate(count: status.records, seconds: seconds)))"
        }
    }
}
