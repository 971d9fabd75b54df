import ArgumentParser
import QuireWire

/// `quire cluster pause`: begins no further transfer and no further step.
struct ClusterPause: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop the running change where it is. Reads and writes go on; `resume` goes on with it."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status = try await self.node.operated(.init(.pause))
        try OperationText.report(status, "Paused.", next: "resume", self.node, self.format)
    }
}

/// `quire cluster resume`.
struct ClusterResume: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with a change that was paused."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status = try await self.node.operated(.init(.resume))
        try OperationText.report(status, "Resumed.", next: "watch", self.node, self.format)
    }
}

/// `quire cluster abort`: turns the running change round.
struct ClusterAbort: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Take the running change back: every partition returns to the row it had before."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status = try await self.node.operated(.init(.abort))
        try OperationText.report(status, "On its way back.", next: "watch", self.node, self.format)
    }
}

/// `quire cluster undo`: begins the way back from the change that finished last.
struct ClusterUndo: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Take the last change back although it has finished.",
        discussion: """
            Files that moved away are kept for a time (`quire node start --undo-window`): within it only what was \
            written since is copied. `quire cluster undo` once more does the change again.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Only show what it would copy, and until when it is possible.")
    var dryRun = false

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let preview: OperationsAPI.UndoPreview = try await self.node.api.get("/v1/cluster/undo")
        let text = UndoText(preview)
        guard !self.dryRun else {
            return try Report.result(preview, as: self.format) {
                text.rendered() + "\nNext:  quire cluster undo\(PlanText.nodeOption(self.node.node))"
            }
        }
        let status = try await self.node.operated(.init(.undo))
        try OperationText.report(status, "On its way back.\n" + text.copies, next: "watch", self.node, self.format)
    }
}

/// `quire cluster give-up NAME`: nothing is awaited any more from a member.
struct ClusterGiveUp: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "give-up",
        abstract: "Go on without a member that will not come back: what only it has is lost."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Argument(help: "The member's name or id.")
    var name: String

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status = try await self.node.operated(.init(.giveUp, node: self.name))
        try OperationText.report(
            status,
            "Nothing is awaited from \(self.name) any more.",
            next: "watch",
            self.node,
            self.format
        )
    }
}

/// `quire cluster throttle`: how fast partitions may move.
struct ClusterThrottle: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "throttle",
        abstract: "Show or set how fast each node takes partitions in. Takes effect at once."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Bytes per second, such as 50MB or 512KiB, or `unlimited`.")
    var bytesPerSecond: ByteRate?

    @Option(name: .long, help: "Partitions at the same time, 1 to 64.")
    var transfers: Int?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let status: ClusterAPI.Status
        if self.bytesPerSecond == nil, self.transfers == nil {
            status = try await self.node.api.get("/v1/cluster")
        } else {
            var request = OperationsAPI.OperationRequest(.throttle)
            request.bytesPerSecond = self.bytesPerSecond.map { $0.bytes ?? 0 }
            request.transfers = self.transfers
            status = try await self.node.operated(request)
        }
        try Report.result(status, as: self.format) {
            let rate = status.bytesPerSecondMax.map { "at most \(Quantity.bytes($0)) per second" }
            return
                "Each node takes in \(rate ?? "as much as it can"), of \(status.transfersPerNodeMax ?? 0) partitions "
                + "at a time, and less when clients need the machine."
        }
    }
}

/// Bytes per second as people write them.
struct ByteRate: ExpressibleByArgument {
    /// `nil`: unlimited.
    let bytes: Int?

    init?(argument: String) {
        if argument == "unlimited" {
            self.bytes = nil
            return
        }
        let units: [(String, Int)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1000), ("KB", 1000), ("MB", 1_000_000),
            ("GB", 1_000_000_000), ("B", 1), ("", 1),
        ]
        for (unit, factor) in units where argument.hasSuffix(unit) {
            guard let number = Double(argument.dropLast(unit.count)), number.isFinite, number > 0,
                number * Double(factor) >= 1, number * Double(factor) < 1e15
            else { return nil }
            self.bytes = Int(number * Double(factor))
            return
        }
        return nil
    }
}

/// `quire cluster history`: the report that is kept of each change.
struct ClusterHistory: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show the changes of capacity so far, the latest first."
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let history: OperationsAPI.History = try await self.node.api.get("/v1/cluster/history")
        try Report.result(history, as: self.format) { HistoryText(history).rendered() }
    }
}

/// What was done, and what comes next.
enum OperationText {
    static func report(
        _ status: ClusterAPI.Status,
        _ outcome: String,
        next: String,
        _ node: NodeOptions,
        _ format: OutputFormat
    ) throws {
        try Report.result(status, as: format) {
            var lines = [outcome]
            lines += (status.notes ?? []).map { "  ! " + $0 }
            if let change = status.change { lines.append(StatusText.line(of: change)) }
            if !(status.change?.isFinished ?? true) {
                lines.append("Next:  quire cluster \(next)\(PlanText.nodeOption(node.node))")
            }
            return lines.joined(separator: "\n")
        }
    }
}
