import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Put loads on a cluster: to prove that nothing acknowledged is lost, and to measure.",
        subcommands: [BenchWriter.self, BenchCheck.self, BenchMixed.self, BenchJudge.self, BenchLoad.self]
    )
}
