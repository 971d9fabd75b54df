import ArgumentParser
import QuireWire

/// `quire snapshot create`: asks a node to make one.
struct SnapshotCreate: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a snapshot of the whole key space.",
        discussion: """
            The promise of a snapshot is `quorum`: every write acknowledged before it began is in it, itself or a \
            later one. When too many members are unreachable for that it is only `fuzzy`, and the exit code is 3.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var repository: RepositoryOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .customLong("no-wait"), help: "Print the task's id and return at once.")
    var noWait = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let api = try self.node.api
        let request = TaskAPI.SnapshotRequest(repository: self.repository.absolutePath)
        let started: TaskAPI.Status = try await api.post("/v1/snapshots", request)
        guard !self.noWait else {
            return try Report.result(started, as: self.format) { "task \(started.id)" }
        }
        let status = try await TaskFollower(api: api, output: self.output).follow(started)
        try Report.result(status, as: self.format) {
            "snapshot \(status.snapshot ?? "?")  promise \(status.promise ?? "?")  "
                + "\(Quantity.count(status.records)) records, \(Quantity.bytes(status.imageBytes)) of images stored in "
                + "\(Quantity.bytes(status.storedBytes)), \(Quantity.duration(seconds: TaskFollower.seconds(of: status)))"
        }
        if status.promise != "quorum" {
            Console.err(
                "warning: this snapshot promises only “\(status.promise ?? "?")”: some members were not consulted"
            )
            throw QuietExit(status: .partial)
        }
    }
}
