import ArgumentParser
import QuireWire

/// `quire cluster recover`: lets a surviving minority of the voters decide again.
struct ClusterRecover: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "After the loss of most voters for good: begin a new life of the layout log on one survivor.",
        discussion: """
            Example: quire cluster recover --lost n2 --lost n3 --confirm 73f2aba7

            Reads and writes need no recovery, and neither do voters that can be started again. Name every voter that will \
            never come back. It is done once, on one surviving member: two recoveries on two survivors make two clusters \
            that refuse each other. It is refused while a named member answers, and while the others are a majority.

            Steps that only lost nodes knew of are forgotten. The lost members stay members: replace them afterwards, or \
            let them leave, with --lost. One that comes back after all is refused: wipe its data directory.

            Without --confirm nothing is done: it shows what would be.
            """
    )

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: ArgumentHelp("A member that will not come back; can be repeated.", valueName: "name"))
    var lost: [String]

    @Option(
        name: .long,
        help: ArgumentHelp("The cluster's id as `status` shows it: do it.", valueName: "cluster")
    )
    var confirm: String?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let before: ClusterAPI.Status = try await self.node.api.get("/v1/cluster")
        let text = RecoverText(before, lost: self.lost)
        guard let cluster = before.clusterID, self.confirm.map({ $0 == cluster.prefix(8) || $0 == cluster }) ?? false
        else {
            throw CommandFailure("unconfirmed", text.preview(node: self.node.node, wrong: self.confirm))
        }
        let status: ClusterAPI.Status = try await self.node.api.post(
            "/v1/cluster/recover",
            OperationsAPI.RecoverRequest(lost: self.lost)
        )
        try Report.result(status, as: self.format) { text.outcome(status) }
    }
}

/// A recovery of the layout log as a person reads it.
struct RecoverText {
    let status: ClusterAPI.Status
    let lost: [String]

    init(_ status: ClusterAPI.Status, lost: [String]) {
        self.status = status
        self.lost = lost
    }

    private var surviving: [String] { (self.status.voters ?? []).filter { !self.lost.contains($0) } }

    /// - Parameter wrong: What was given as the cluster, and is not.
    func preview(node: String?, wrong: String?) -> String {
        guard let cluster = self.status.clusterID else { return StatusText(self.status).verdict }
        let voters = self.status.voters ?? []
        let lost = self.lost.map { " --lost \($0)" }.joined()
        let begin = wrong.map { "'\($0)' is not this cluster. " } ?? ""
        return "\(begin)nothing was done. The voters are \(voters.joined(separator: ", ")); without "
            + "\(self.lost.joined(separator: ", ")) there are \(self.surviving.count), and \(voters.count / 2 + 1) decide. "
            + "If the lost ones will never come back, let \(self.status.node.name) begin a new life of the layout log: "
            + "quire cluster recover\(lost) --confirm \(cluster.prefix(8))\(PlanText.nodeOption(node))"
    }

    func outcome(_ after: ClusterAPI.Status) -> String {
        let notes = (after.notes ?? []).map { "  ! " + $0 }
        let lines = [
            "The layout log goes on from layout \(self.status.layoutVersion) as layout \(after.layoutVersion), decided by "
                + "\((after.voters ?? []).joined(separator: ", ")).",
            "Next:  quire cluster replace NAME --with HOST:PORT --lost, or quire cluster leave NAME --lost, for "
                + self.lost.joined(separator: ", "),
        ]
        return (lines.prefix(1) + notes + lines.dropFirst()).joined(separator: "\n")
    }
}
