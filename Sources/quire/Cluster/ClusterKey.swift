import ArgumentParser

/// `quire cluster key`: draws the secret that all nodes of a cluster share.
struct ClusterKey: AsyncParsableCommand, ReportingCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Draw a new cluster key: the secret that all nodes of one cluster share."
    )

    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "Write the key to this new file (mode 0600) instead of standard output.")
    var out: String?

    var format: OutputFormat { self.output.output }

    func run() async throws {
        let key = ClusterKeyFile.draw()
        guard let path = self.out else { return Console.out(ClusterKeyFile.text(of: key)) }
        try ClusterKeyFile.create(path, key: key)
        try Report.result(["file": path], as: self.format) {
            "Wrote a new cluster key to \(path). Copy it to every node and start them with --cluster-key-file."
        }
    }
}
