import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Write steadily and prove that nothing acknowledged was lost.",
        subcommands: [BenchWriter.self, BenchCheck.self, BenchMixed.self, BenchJudge.self]
    )
}
