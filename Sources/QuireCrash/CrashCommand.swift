import ArgumentParser
import Foundation
import QuireStorage

/// Kills storage engines at random moments and takes their unsynced writes away, thousands of times.
@main struct CrashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quire-crash",
        abstract: "Kill storage at random moments, with and without loss of power, and look for what is missing.",
        subcommands: [CrashRun.self, CrashWork.self],
        defaultSubcommand: CrashRun.self
    )
}

struct CrashRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the campaign.",
        discussion: """
            A worker process writes to a storage engine and tells each step before it begins and each acknowledgement. \
            It is killed with SIGKILL. A loss of power also takes back what was not synced, wholly or in random parts. \
            Then the engine is opened: all that was acknowledged must be there, nothing may be half there, no file may \
            be damaged, no dot may name two writes.

            With --faults syncs, writes and renames fail at random as well: then partitions may be set aside, but \
            nothing may be missing in silence.

            Exit code 1 if anything was lost; the directory is kept then.
            """
    )

    @Option(help: "Kills without loss of power.")
    var kills = 200

    @Option(help: "Kills with loss of power.")
    var powerlosses = 200

    @Option(help: "Of the losses of power, how many in a hundred come after injected faults.")
    var faults = 25

    @Option(help: "What random choices follow from.")
    var seed: UInt64 = 1

    @Option(help: "The library that forgets what was not synced.")
    var library: String

    @Option(help: "Where to work; emptied at the end if all is well.")
    var directory: String

    @Option(
        help: ArgumentHelp(
            "Syncs of files whose path contains this do nothing: then the campaign must find losses, and end with 1.",
            valueName: "part"
        )
    )
    var lie: String?

    @Option(help: "text or json.")
    var output = "text"

    func validate() throws {
        guard self.kills >= 0, self.powerlosses >= 0, self.kills + self.powerlosses > 0 else {
            throw ValidationError("--kills and --powerlosses say how many crashes there are: at least one")
        }
        guard (0...100).contains(self.faults) else { throw ValidationError("--faults is a part of a hundred") }
        guard ["text", "json"].contains(self.output) else { throw ValidationError("--output is text or json") }
        guard self.powerlosses == 0 || FileManager.default.isReadableFile(atPath: self.library) else {
            throw ValidationError("\(self.library) is not there: build it with `swift build --product QuireLossyDisk`")
        }
    }

    func run() async throws {
        var campaign = try CrashCampaign(
            directory: self.directory,
            library: self.library,
            seed: self.seed
        )
        campaign.faultsInHundred = self.faults
        campaign.lie = self.lie
        let report = try await campaign.run(kills: self.kills, powerLosses: self.powerlosses)
        if self.output == "json" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.text)
        }
        guard report.violations.isEmpty else { throw ExitCode(1) }
        try FileManager.default.removeItem(atPath: self.directory)
    }
}

struct CrashWork: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "Write until killed, and tell of it on standard output.",
        shouldDisplay: false
    )

    @Option var directory: String
    @Option var seed: UInt64
    @Option var first: UInt64

    func run() async throws {
        try await CrashWorker(directory: self.directory, seed: self.seed, firstID: self.first).run()
    }
}
