import ArgumentParser

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the protocol without a cluster: seeded, in one thread, the same every time.",
        subcommands: [SimulateBalance.self, SimulatePlan.self, SimulateChaos.self, SimulateMutations.self]
    )
}
