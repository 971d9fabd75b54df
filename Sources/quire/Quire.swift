import ArgumentParser

/// The one executable: runs nodes, and is the operator's and the client's tool.
///
/// Exit codes: see `ExitStatus`; 64 is wrong usage.
@main
struct Quire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quire",
        abstract: "An always-writable, replicated key-value store.",
        discussion: """
            Begin with `quire demo`, or read README.md.

            Exit codes: 0 done; 1 failed, or a comparison did not hold; 2 changes are pending (only `cluster plan \
            --detailed-exitcode`); 3 done in part; 4 not healthy, or a check before a commit has failed; 5 does not fit \
            what is staged or runs; 6 waited in vain; 64 wrong usage; 69 no answer.
            """,
        subcommands: [
            NodeCommand.self, ClusterCommand.self, KVCommand.self, SnapshotCommand.self, RestoreCommand.self,
            DoctorCommand.self, BenchCommand.self, SimulateCommand.self, DemoCommand.self,
        ]
    )

    static func main() async {
        var format = OutputFormat.text
        do {
            var command = try Self.parseAsRoot()
            format = (command as? any ReportingCommand)?.format ?? .text
            if let asynchronous = command as? any AsyncParsableCommand {
                // Commands are no Sendable values; this one is parsed, run and dropped by this task alone.
                nonisolated(unsafe) var asynchronous = asynchronous
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Report.failure(failure, as: format)
            Self.exit(withError: ExitCode(failure.status.rawValue))
        } catch let quiet as QuietExit {
            Self.exit(withError: ExitCode(quiet.status.rawValue))
        } catch {
            Self.exit(withError: error)
        }
    }
}
